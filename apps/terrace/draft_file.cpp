#include "draft_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace terrace::cli {

namespace fs = std::filesystem;

void fail_to_write(const fs::path& path, int error) {
  throw std::runtime_error(path.string() + " cannot be written: " + std::system_category().message(error));
}

Draft::Draft(fs::path target) : target_(std::move(target)), name_(target_.string() + ".XXXXXX") {
  fd_ = ::mkostemp(name_.data(), O_CLOEXEC);
  if (fd_ < 0) fail_to_write(target_, errno);
}

Draft::~Draft() {
  if (fd_ >= 0) ::close(fd_);
  if (!placed_) ::unlink(name_.c_str());
}

void Draft::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_to_write(target_, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void Draft::own_like_target() {
  struct stat status {};
  if (::stat(target_.c_str(), &status) != 0 || ::fchown(fd_, status.st_uid, status.st_gid) != 0) {
    fail_to_write(target_, errno);
  }
}

void Draft::allow(mode_t mode) {
  if (::fchmod(fd_, mode) != 0) fail_to_write(target_, errno);
}

int Draft::place(unsigned rename_flags) {
  if (::fsync(fd_) != 0) fail_to_write(target_, errno);
  if (::renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, target_.c_str(), rename_flags) != 0) return errno;
  placed_ = true;
  const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!synced) fail_to_write(target_, error);
  return 0;
}

}  // namespace terrace::cli
