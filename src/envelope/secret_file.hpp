#pragma once
/// SecretFile: a file with secrets, opened for reading.

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

namespace terrace::envelope {

class SecretFile {
 public:
  /// Does not block: a FIFO is rejected, not waited for.
  explicit SecretFile(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~SecretFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;

  /// Negative: it could not be opened; errno has the reason.
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace terrace::envelope
