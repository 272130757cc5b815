#pragma once
/// Counters: the figures of TierStats; any thread counts as operations end.

#include <atomic>
#include <cstdint>

namespace terrace::database {

struct Counters {
  std::atomic<std::uint64_t> hits{0}, misses{0}, errors{0}, writes{0}, erases{0}, write_errors{0};
};

}  // namespace terrace::database
