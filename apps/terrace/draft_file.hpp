#pragma once
/// Draft: a file in the making. It is written beside the one that it is to become and takes its name when it
/// is whole, so that nobody ever sees half of it. Removed unless it was put in its place.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace terrace::cli {

/// Members throw std::runtime_error that names the target when it cannot be written.
class Draft {
 public:
  /// Of mode 0600.
  explicit Draft(std::filesystem::path target);
  ~Draft();
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  void write(std::string_view text);
  void own_like_target();
  void allow(mode_t mode);

  /// Puts it on the disk, and in its place; `rename_flags` as renameat2() takes them. 0, or the error of the
  /// renaming.
  int place(unsigned rename_flags);

 private:
  std::filesystem::path target_;
  std::string name_;
  int fd_ = -1;
  bool placed_ = false;
};

/// What a Draft throws.
[[noreturn]] void fail_to_write(const std::filesystem::path& path, int error);

}  // namespace terrace::cli
