#include "cascade/lease_errors.hpp"

#include <spdlog/spdlog.h>

namespace terrace::cascade {

void LeaseErrors::add(const Error& why, TimePoint now) {
  if (why == Errc::shutdown) return;
  const std::uint64_t count = ++count_;
  TimePoint told = told_;
  if (told != TimePoint::min() && now - told < pause) return;
  if (!told_.compare_exchange_strong(told, now)) return;
  spdlog::warn("{} does not take what is loaded ({} times so far): {}", where_, count, why.message());
}

}  // namespace terrace::cascade
