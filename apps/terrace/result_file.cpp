#include "result_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "draft_file.hpp"
#include "usage_error.hpp"

namespace terrace::cli {
namespace {

namespace fs = std::filesystem;

/// What a new file may have of read and write for everybody.
mode_t mode_of_new_files() {
  const mode_t mask = ::umask(0);  // there is no way to read it without setting it
  ::umask(mask);
  return 0666 & ~mask;
}

/// The file itself where the name is a link.
fs::path target_of(const std::string& path) {
  std::error_code unknown;
  const fs::path target = fs::canonical(path, unknown);
  return unknown ? fs::path(path) : target;
}

}  // namespace

void check_result_file(const std::string& path, std::string_view what) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw UsageError(fmt::format("{} {} is {}: name a file", what, path,
                                 fs::is_directory(status) ? "a folder" : "not a regular file"));
  }
  try {
    const Draft draft(target_of(path));
  } catch (const std::exception& error) {
    throw UsageError(
        fmt::format("{} {}: name a file in a folder that exists and is writable", what, error.what()));
  }
}

void write_result_file(const std::string& path, std::string_view text) {
  const fs::path target = target_of(path);
  struct stat status {};
  const mode_t mode = ::stat(target.c_str(), &status) == 0 ? status.st_mode & 07777 : mode_of_new_files();
  Draft draft(target);
  draft.write(text);
  draft.allow(mode);
  if (const int error = draft.place(0); error != 0) fail_to_write(path, error);
}

}  // namespace terrace::cli
