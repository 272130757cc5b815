#pragma once
/// Adaptive: a WindowClock whose window has the size that does best at present, as the cache's Tuner finds
/// it.
///
/// No fixed policy wins everywhere: a loop wants a window of one entry, files and tables read in bursts want
/// one of half the cache. Which one a workload wants shows in miniature: a hash-sampled share of the keys,
/// run through small caches, has about the hit ratio of the whole (Waldspurger, Saemundsson, Ahmad, Park:
/// Cache modeling and optimization using miniature simulations, USENIX ATC 2017). See tuner.hpp.

#include <terrace/detail/memory/tuner.hpp>
#include <terrace/detail/memory/window_clock.hpp>

namespace terrace::memory {

class Adaptive : public WindowClock {
 public:
  /// One for each shard of a cache, all with its tuner, which must live longer.
  Adaptive(std::uint64_t expected, Tuner& tuner) noexcept
      : WindowClock(expected, tuner.best()), tuner_(&tuner), told_(expected) {
    tuner.join();
  }

  template <class Entries>
  void prepare(const Entries& entries, NodeId id, std::uint64_t hash, const Worth& worth) {
    reshape(tuner_->best());
    WindowClock::prepare(entries, id, hash, worth);
  }

  /// A bound on bytes shows only here how many entries it means.
  template <class Entries>
  [[nodiscard]] NodeId victim(const Entries& entries) noexcept {
    if (size() != 0 && (size() > told_ * 2 || size() < told_ / 2) && tuner_->expect_per_shard(size())) {
      told_ = size();
    }
    return WindowClock::victim(entries);
  }

 private:
  Tuner* tuner_;
  std::uint64_t told_;
};

}  // namespace terrace::memory
