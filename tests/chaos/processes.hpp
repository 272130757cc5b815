#pragma once
/// Real processes on one machine with a little memory in common, for tests of what happens between them. The
/// parent must not have started threads.

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace terrace::chaos {

/// A T that this process and its children see; it begins as T{}. T holds lock-free atomics and plain data.
template <class T>
class InCommon {
 public:
  InCommon() : at_(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (at_ == MAP_FAILED) throw std::runtime_error("no shared memory");
    new (at_) T{};
  }
  ~InCommon() { munmap(at_, sizeof(T)); }
  InCommon(const InCommon&) = delete;
  InCommon& operator=(const InCommon&) = delete;
  T* operator->() const noexcept { return static_cast<T*>(at_); }
  T& operator*() const noexcept { return *static_cast<T*>(at_); }

 private:
  void* at_;
};

/// Forked children; what is left of them is killed at the end.
class Processes {
 public:
  Processes() = default;
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  ~Processes() {
    for (const pid_t child : children_) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
  }

  /// Runs the function in a child, which then ends. What it throws is printed and makes the child fail.
  template <class Fn>
  pid_t start(Fn fn) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("cannot fork");
    if (child > 0) {
      children_.push_back(child);
      return child;
    }
    int code = 0;
    try {
      fn();
    } catch (const std::exception& thrown) {
      std::fprintf(stderr, "child: %s\n", thrown.what());
      code = 1;
    }
    std::_Exit(code);
  }

  /// How many children did not end well, those killed included.
  std::size_t join() {
    std::size_t failed = 0;
    for (const pid_t child : std::exchange(children_, {})) {
      int status = 0;
      waitpid(child, &status, 0);
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ++failed;
    }
    return failed;
  }

 private:
  std::vector<pid_t> children_;
};

/// Small in `make test`, as large as the promise in `make chaos`.
inline std::uint64_t scaled(std::uint64_t small, std::uint64_t full) {
  return std::getenv("TERRACE_CHAOS") != nullptr ? full : small;
}

/// All of them arrive, then all go on.
struct Barrier {
  std::atomic<unsigned> arrived{0};
  void wait(unsigned all) {
    ++arrived;
    while (arrived < all) sched_yield();
  }
};

}  // namespace terrace::chaos
