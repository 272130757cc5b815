#include "base/fork.hpp"

#include <pthread.h>

#include <condition_variable>
#include <mutex>

namespace terrace {
namespace {

std::atomic<std::uint64_t> generation{0};

/// Who holds forks up.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t inside = 0;
  bool forking = false;
};
Gate gate;
thread_local std::size_t depth = 0;

void before_fork() {
  std::unique_lock lock(gate.mutex);
  gate.changed.wait(lock, [] { return !gate.forking; });  // another thread forks, too
  gate.forking = true;
  // What this thread holds itself it would wait for in vain.
  gate.changed.wait(lock, [] { return gate.inside == (depth > 0 ? 1 : 0); });
}

void after_fork_in_parent() {
  std::lock_guard lock(gate.mutex);
  gate.forking = false;
  gate.changed.notify_all();
}

void after_fork_in_child() {
  generation.fetch_add(1, std::memory_order_relaxed);
  new (&gate) Gate;  // its lock may be held by a thread that is not here
  gate.inside = depth > 0 ? 1 : 0;
}

// Before main(), so that no fork is missed.
const int counting = pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child);

}  // namespace

std::uint64_t fork_generation() noexcept {
  static_cast<void>(counting);
  return generation.load(std::memory_order_relaxed);
}

NoForkMeanwhile::NoForkMeanwhile() {
  if (depth++ > 0) return;
  std::unique_lock lock(gate.mutex);
  gate.changed.wait(lock, [] { return !gate.forking; });
  ++gate.inside;
}

NoForkMeanwhile::~NoForkMeanwhile() {
  if (--depth > 0) return;
  std::lock_guard lock(gate.mutex);
  --gate.inside;
  gate.changed.notify_all();
}

Error made_before_fork(std::string_view what) {
  return Error(Errc::shutdown, std::string(what) + " was made before fork(): make a new one in the child");
}

}  // namespace terrace
