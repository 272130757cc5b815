#pragma once
/// Program: runs the real `terrace` as a child and collects what it says.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cli/temp_folder.hpp"

namespace terrace::cli_test {

struct Ended {
  int code = -1;  ///< the exit code, or 1000 + the signal that ended it
  std::string out;
  std::string err;
};

/// A running child. Killed with the object if it still runs.
class Program {
 public:
  /// Standard input is the file, /dev/null when left out.
  explicit Program(const std::vector<std::string>& arguments, const std::string& input = "/dev/null") {
    std::vector<char*> words{const_cast<char*>(TERRACE_PROGRAM)};
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    const std::string out = folder_.path("out");
    const std::string err = folder_.path("err");
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::dup2(::open(input.c_str(), O_RDONLY), STDIN_FILENO);
    ::dup2(::open(out.c_str(), O_CREAT | O_WRONLY, 0600), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_CREAT | O_WRONLY, 0600), STDERR_FILENO);
    ::execv(TERRACE_PROGRAM, words.data());
    ::_exit(127);
  }
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) const { ::kill(pid_, number); }

  /// What it has said so far.
  [[nodiscard]] std::string out() const { return text_of("out"); }
  [[nodiscard]] std::string err() const { return text_of("err"); }

  /// Leaves it to wait().
  [[nodiscard]] bool has_ended() const {
    siginfo_t told{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &told, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           told.si_pid == pid_;
  }

  Ended wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return {code, text_of("out"), text_of("err")};
  }

 private:
  [[nodiscard]] std::string text_of(const char* name) const {
    std::ostringstream text;
    text << std::ifstream(folder_.path(name), std::ios::binary).rdbuf();
    return text.str();
  }

  TempFolder folder_;
  pid_t pid_ = -1;
};

inline Ended terrace(const std::vector<std::string>& arguments, const std::string& input = "/dev/null") {
  return Program(arguments, input).wait();
}

}  // namespace terrace::cli_test
