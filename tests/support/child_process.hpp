#pragma once
/// ChildProcess: a program started for a test. It dies with the test program, however that ends (Linux only).

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace terrace::testing {

/// A TCP port on 127.0.0.1 that was free a moment ago.
int free_port();

/// Polls until the condition holds (true) or the limit has passed (false).
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(10));

/// The state letter of a process, as in /proc/PID/stat: T is stopped, Z ended and not collected, ? gone.
char process_state(pid_t pid);

/// The full path of the first of these programs found in PATH, or empty.
std::string find_program(const std::vector<std::string>& names);

/// Runs a program to its end and returns what it printed (both streams). Throws std::runtime_error when it
/// fails.
std::string run_program(const std::vector<std::string>& command);

/// A directory of its own, removed with its content at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

class ChildProcess {
 public:
  ChildProcess() = default;
  /// Starts it; its output goes to the file. Start it from a thread that lives as long: the kernel ends it
  /// with the thread that started it.
  ChildProcess(const std::vector<std::string>& command, const std::string& log_file);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  [[nodiscard]] bool running();
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void signal(int number) const;
  /// SIGTERM, and SIGKILL when that does not help within a second. Returns when it has ended.
  void stop();
  void kill9();

 private:
  bool reap(bool block);
  pid_t pid_ = 0;
};

}  // namespace terrace::testing
