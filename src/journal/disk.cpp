#include "journal/disk.hpp"

#include <unistd.h>

namespace terrace::journal {

ssize_t Disk::write(int file, const char* data, std::size_t size) {
  return ::write(file, data, size);
}

int Disk::sync(int file) {
  return ::fdatasync(file);
}

Disk& Disk::real() {
  static Disk disk;
  return disk;
}

}  // namespace terrace::journal
