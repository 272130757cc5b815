#include "replay/origin.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <time.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace terrace::cli {
namespace {

/// Sleeps up to shortly before the time and yields for the rest: a sleep alone overshoots by tens of
/// microseconds.
void wait_until(TimePoint when) {
  constexpr Duration yielded = std::chrono::microseconds(30);
  thread_local const int exact_timer = ::prctl(PR_SET_TIMERSLACK, 1UL);
  static_cast<void>(exact_timer);
  const Clock& clock = system_clock();
  const Duration sleep = when - clock.now() - yielded;
  if (sleep > Duration{}) {
    constexpr std::int64_t ns_per_s = 1'000'000'000;
    const timespec pause{static_cast<time_t>(sleep.count() / ns_per_s),
                         static_cast<long>(sleep.count() % ns_per_s)};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
  }
  while (clock.now() < when) ::sched_yield();
}

std::array<char, sizeof(std::uint64_t)> mark_of(std::string_view key) noexcept {
  const std::uint64_t hash = XXH3_64bits(key.data(), key.size());
  std::array<char, sizeof hash> mark{};
  std::memcpy(mark.data(), &hash, sizeof hash);
  return mark;
}

}  // namespace

std::string Origin::load(std::string_view key, std::uint64_t size) {
  const TimePoint begun = system_clock().now();
  const auto mark = mark_of(key);
  std::string value(size, '\0');
  // Repeating the mark would compress to nothing; each repetition is shifted by its place.
  for (std::size_t at = 0; at < value.size(); at += mark.size()) {
    const auto shift = static_cast<unsigned char>(at >> 3);
    for (std::size_t i = 0; i < std::min(mark.size(), value.size() - at); ++i) {
      value[at + i] = static_cast<char>(static_cast<unsigned char>(mark[i]) + shift);
    }
  }
  if (latency_ > Duration{}) wait_until(after(begun, latency_));
  loads_.record(system_clock().now() - begun);
  return value;
}

bool Origin::made(std::string_view key, std::string_view value) noexcept {
  const auto mark = mark_of(key);
  return std::memcmp(value.data(), mark.data(), std::min(value.size(), mark.size())) == 0;
}

}  // namespace terrace::cli
