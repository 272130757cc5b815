#pragma once
/// Threads: the way every part starts its threads. The system may have no thread left at any time (ulimit -u,
/// pids.max of the cgroup, memory): that is an ordinary error, not the end of the process.

#include <atomic>
#include <exception>
#include <string>
#include <system_error>
#include <terrace/result.hpp>
#include <thread>
#include <utility>

namespace terrace {

/// For tests: while it is set, no thread can be started.
inline std::atomic<bool> no_threads_left{false};

/// The error if `what` ("the worker thread of a loader") could not be started.
inline Error no_thread(const std::string& what, const std::exception& why) {
  return {Errc::overloaded, "no thread for " + what + ": " + why.what() +
                                "; the process is at its limit of threads or memory: raise ulimit -u, or "
                                "pids.max of its cgroup"};
}

/// Starts a thread at run time. Error overloaded: the system has none, and `run` is destroyed.
template <class Run>
Result<std::thread> try_thread(const std::string& what, Run run) {
  try {
    if (no_threads_left) throw std::system_error(EAGAIN, std::generic_category());
    return std::thread(std::move(run));
  } catch (const std::exception& why) {  // std::system_error or std::bad_alloc
    return no_thread(what, why);
  }
}

/// Starts a thread that an object cannot work without; for constructors. Throws ConfigError.
template <class Run>
std::thread start_thread(const std::string& what, Run run) {
  auto thread = try_thread(what, std::move(run));
  if (!thread) throw ConfigError(thread.error().context);
  return std::move(*thread);
}

}  // namespace terrace
