#pragma once
/// LogLines: lines for the log that wait until no lock is held: a sink of the log is code of the program, and must
/// neither run under the tier's locks nor delay a fork(). Thread safe.

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace terrace::database {

class LogLines {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  /// Writes them as warnings.
  void write();

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// Writes the lines at the end of a scope: the first local variable, so that locks are released before.
class WriteAtEnd {
 public:
  explicit WriteAtEnd(LogLines& lines) : lines_(lines) {}
  ~WriteAtEnd() { lines_.write(); }
  WriteAtEnd(const WriteAtEnd&) = delete;
  WriteAtEnd& operator=(const WriteAtEnd&) = delete;

 private:
  LogLines& lines_;
};

}  // namespace terrace::database
