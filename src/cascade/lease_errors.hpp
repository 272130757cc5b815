#pragma once
/// LeaseErrors: counts the leases, renewals, fills and tokens of tags that a shared tier refuses, and writes it
/// to the log. Callers do not see these errors: a load goes on, and this tier does not store its value. Thread
/// safe.

#include <atomic>
#include <cstdint>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/result.hpp>

namespace terrace::cascade {

class LeaseErrors {
 public:
  /// `where`: the cache and the level, for the log.
  explicit LeaseErrors(std::string where) : where_(std::move(where)) {}

  void add(const Error& why, TimePoint now);
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  /// The least time between two lines in the log.
  static constexpr Duration pause = std::chrono::minutes(1);

 private:
  const std::string where_;
  std::atomic<std::uint64_t> count_{0};
  std::atomic<TimePoint> told_{TimePoint::min()};
};

}  // namespace terrace::cascade
