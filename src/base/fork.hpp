#pragma once
/// Fork: a child of fork() has the parent's objects, but not its threads, and shares its sockets. An object
/// with threads, sockets or locks that others may hold belongs to the process that made it; in a child it is
/// neither used nor destroyed.

#include <atomic>
#include <cstdint>
#include <memory>
#include <terrace/result.hpp>
#include <utility>

namespace terrace {

/// One higher in each child than in its parent. Async-signal-safe.
[[nodiscard]] std::uint64_t fork_generation() noexcept;

/// The process that an object was made in.
class HomeProcess {
 public:
  [[nodiscard]] bool here() const noexcept { return made_ == fork_generation(); }

 private:
  std::uint64_t made_ = fork_generation();
};

/// The error of a call of such an object in a child.
[[nodiscard]] Error made_before_fork(std::string_view what);

/// make_shared for an object that only its own process may destroy. In other processes it is kept as long as
/// the process lives.
template <class T, class... Args>
std::shared_ptr<T> make_at_home(Args&&... args) {
  return std::shared_ptr<T>(new T(std::forward<Args>(args)...), [home = HomeProcess()](T* made) {
    if (home.here()) delete made;
  });
}

/// Releases the object if it may be destroyed here; otherwise keeps it for good.
template <class T>
void keep_if_away(const HomeProcess& home, std::shared_ptr<T>& held) {
  if (!home.here()) new std::shared_ptr<T>(std::move(held));
}

/// While a thread has one, fork() waits: for work in libraries with global locks, which would stay locked in
/// a child. Keep it short, and never use it around user code. A thread may have several.
class NoForkMeanwhile {
 public:
  NoForkMeanwhile();
  NoForkMeanwhile(const NoForkMeanwhile&) = delete;
  NoForkMeanwhile& operator=(const NoForkMeanwhile&) = delete;
  ~NoForkMeanwhile();
};

/// A global object of which each process has its own, because its lock may be held by a thread of the parent.
/// Never destroyed.
template <class T>
class PerProcess {
 public:
  T& get() {
    Held* held = held_.load(std::memory_order_acquire);
    while (held == nullptr || !held->home.here()) {
      auto* const made = new Held;
      if (held_.compare_exchange_strong(held, made, std::memory_order_acq_rel)) return made->value;
      delete made;
    }
    return held->value;
  }

 private:
  struct Held {
    HomeProcess home;
    T value;
  };
  std::atomic<Held*> held_{nullptr};
};

}  // namespace terrace
