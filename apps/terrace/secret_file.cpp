#include "secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "usage_error.hpp"

namespace terrace::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, int error) {
  throw std::runtime_error(path.string() + " cannot be written: " + std::system_category().message(error));
}

/// A file beside the one to be written; removed unless it was put in its place.
class Draft {
 public:
  explicit Draft(fs::path target) : target_(std::move(target)), name_(target_.string() + ".XXXXXX") {
    fd_ = ::mkostemp(name_.data(), O_CLOEXEC);  // mode 0600
    if (fd_ < 0) fail(target_, errno);
  }
  ~Draft() {
    if (fd_ >= 0) ::close(fd_);
    if (!placed_) ::unlink(name_.c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(target_, errno);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void own_like_target() {
    struct stat status {};
    if (::stat(target_.c_str(), &status) != 0 || ::fchown(fd_, status.st_uid, status.st_gid) != 0) {
      fail(target_, errno);
    }
  }

  /// 0, or the error of the renaming.
  int place(unsigned rename_flags) {
    if (::fsync(fd_) != 0) fail(target_, errno);
    if (::renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, target_.c_str(), rename_flags) != 0) return errno;
    placed_ = true;
    const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && ::fsync(fd) == 0;
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (!synced) fail(target_, error);
    return 0;
  }

 private:
  fs::path target_;
  std::string name_;
  int fd_ = -1;
  bool placed_ = false;
};

}  // namespace

void create_secret_file(const std::string& path, std::string_view text) {
  Draft draft(path);
  draft.write(text);
  const int error = draft.place(RENAME_NOREPLACE);
  if (error == EEXIST) {
    throw UsageError(
        path + " exists, and what its keys sealed needs them: give another name, or --force to replace it");
  }
  if (error != 0) fail(path, error);
}

void replace_secret_file(const std::string& path, std::string_view text) {
  Draft draft(fs::canonical(path));
  draft.write(text);
  draft.own_like_target();
  if (const int error = draft.place(0); error != 0) fail(path, error);
}

}  // namespace terrace::cli
