#pragma once
/// Fork: a child of fork() has the parent's objects, but not its threads, and shares its sockets. What has
/// threads, sockets or locks that others may hold is at home in the process that made it; in a child it is
/// neither used nor destroyed.

#include <atomic>
#include <cstdint>
#include <memory>
#include <terrace/result.hpp>
#include <utility>

namespace terrace {

/// One more in each child than in its parent. Async-signal-safe.
[[nodiscard]] std::uint64_t fork_generation() noexcept;

/// The process that an object was made in.
class HomeProcess {
 public:
  [[nodiscard]] bool here() const noexcept { return made_ == fork_generation(); }

 private:
  std::uint64_t made_ = fork_generation();
};

/// What a call of such an object ends with in a child.
[[nodiscard]] Error made_before_fork(std::string_view what);

/// make_shared for what only its own process may destroy. Elsewhere it stays as it is, for the life of the
/// process.
template <class T, class... Args>
std::shared_ptr<T> make_at_home(Args&&... args) {
  return std::shared_ptr<T>(new T(std::forward<Args>(args)...), [home = HomeProcess()](T* made) {
    if (home.here()) delete made;
  });
}

/// Lets go of what may be destroyed here, and keeps it for ever elsewhere.
template <class T>
void keep_if_away(const HomeProcess& home, std::shared_ptr<T>& held) {
  if (!home.here()) new std::shared_ptr<T>(std::move(held));
}

/// While a thread has one, fork() waits: for work in libraries with global locks, which a child would find
/// locked for ever. Short, and never around code of the user's. A thread may have several.
class NoForkMeanwhile {
 public:
  NoForkMeanwhile();
  NoForkMeanwhile(const NoForkMeanwhile&) = delete;
  NoForkMeanwhile& operator=(const NoForkMeanwhile&) = delete;
  ~NoForkMeanwhile();
};

/// A global of which each process has its own, since its lock may be held by a thread of the parent. Never
/// destroyed.
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
