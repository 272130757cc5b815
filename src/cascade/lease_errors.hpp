#pragma once
/// LeaseErrors: counts what a shared tier refuses of leases, of their renewals, of the fills under them and of
/// the tokens of tags, and writes it to the log. No caller is told of it: a load goes on without them, and what
/// it returns is not stored in this tier. Thread safe.

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
