#pragma once
/// Stats: CacheStats out of the counters of the cache and its levels (stats.cpp).

#include <terrace/cache_stats.hpp>

#include "cascade/core.hpp"

namespace terrace::cascade {

/// Thread safe.
CacheStats collect_stats(Core& core);

}  // namespace terrace::cascade
