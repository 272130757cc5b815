#pragma once
/// Disk: the system calls that can fail in a correct program, in one place, so that a test can make them
/// fail. Thread safe.

#include <sys/types.h>

#include <cstddef>

namespace terrace::journal {

class Disk {
 public:
  virtual ~Disk() = default;
  /// Like write(2).
  virtual ssize_t write(int file, const char* data, std::size_t size);
  /// Like fdatasync(2).
  virtual int sync(int file);

  /// The machine's disk.
  static Disk& real();
};

}  // namespace terrace::journal
