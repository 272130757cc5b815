#pragma once
/// Adaptive: a WindowClock whose window has the size that works best at present, as determined by the cache's
/// Tuner.
///
/// No fixed policy wins everywhere: a loop needs a window of one entry; files and tables read in bursts need
/// one of half the cache. Miniature simulation shows which one a workload needs: a hash-sampled share of the
/// keys, run through small caches, has about the hit ratio of the whole (Waldspurger, Saemundsson, Ahmad,
/// Park: Cache modeling and optimization using miniature simulations, USENIX ATC 2017). See tuner.hpp.

#include <terrace/detail/memory/tuner.hpp>
#include <terrace/detail/memory/window_clock.hpp>

namespace terrace::memory {

class Adaptive : public WindowClock {
 public:
  /// One for each shard of a cache, all with the cache's tuner, which must live longer.
  Adaptive(std::uint64_t expected, Tuner& tuner) noexcept
      : WindowClock(expected, tuner.best()), tuner_(&tuner), told_(expected) {
    tuner.join();
  }

  template <class Entries>
  void prepare(const Entries& entries, NodeId id, std::uint64_t hash, const Worth& worth) {
    reshape(tuner_->best());
    WindowClock::prepare(entries, id, hash, worth);
  }

  /// With a bound on bytes, the number of entries that it allows becomes known only here.
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
