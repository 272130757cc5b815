#pragma once
/// Backoff: how long to wait before the next attempt. "Full jitter": a random time between zero and a bound
/// that doubles with every attempt up to a cap, so that many clients do not retry at the same moment.
/// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

#include <algorithm>
#include <cstdint>
#include <random>
#include <terrace/clock.hpp>

namespace terrace {

/// Random, so that processes started together wait for different times.
inline std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

class Backoff {
 public:
  Backoff(Duration base, Duration cap, std::uint64_t seed)
      : base_(base), cap_(std::max(base, cap)), random_(seed) {}

  /// The wait before the next attempt; each call widens the bound.
  Duration next() {
    const auto bound = std::min(cap_, base_ * (std::int64_t{1} << std::min(attempt_, 20U)));
    ++attempt_;
    return within(Duration::zero(), bound);
  }

  /// For attempts that cannot succeed soon (wrong password): between half the cap and the whole cap.
  Duration slow() { return within(cap_ / 2, cap_); }

  void reset() noexcept { attempt_ = 0; }

 private:
  Duration within(Duration low, Duration high) {
    return Duration(std::uniform_int_distribution<Duration::rep>(low.count(), high.count())(random_));
  }

  Duration base_;
  Duration cap_;
  std::mt19937_64 random_;
  unsigned attempt_ = 0;
};

}  // namespace terrace
