#pragma once
/// Families: converts the stats of caches to the metric families of prometheus-cpp.

#include <prometheus/metric_family.h>

#include <string_view>
#include <terrace/cache_stats.hpp>
#include <vector>

namespace terrace::upkeep {

/// The stats of one cache, with its name, which the caller keeps alive.
struct NamedStats {
  std::string_view cache;
  CacheStats stats;
};

/// A family for each metric that at least one of the caches has: of levels, of caches, of journals.
std::vector<prometheus::MetricFamily> families(const std::vector<NamedStats>& caches);

}  // namespace terrace::upkeep
