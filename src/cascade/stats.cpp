/// Stats: CacheStats out of the counters of the cache and its levels.

#include "cascade/stats.hpp"

namespace terrace::cascade {
namespace {

LatencyCounts counted(const Histogram& latency) {
  LatencyCounts out;
  latency.count_up_to(LatencyCounts::bounds, out.up_to);
  out.count = latency.count();  // read last, so it is at least the last of them
  out.sum = latency.sum();
  return out;
}

LevelStats level_stats(const Level& level) {
  const TierStats below = level.tier->stats();
  const ErrorCounts errors = level.errors.counts();
  return {.name = level.name,
          .hits = level.hits,
          .stale_hits = level.stale,
          .negative_hits = level.negative,
          .misses = level.misses,
          .errors = errors.total(),
          .errors_by_kind = errors,
          .unreadable = level.unreadable,
          .lease_errors = level.lease_errors.count(),
          .entries = below.entries,
          .bytes = below.bytes,
          .p50 = level.latency.quantile(0.5),
          .p99 = level.latency.quantile(0.99),
          .p999 = level.latency.quantile(0.999),
          .latency = counted(level.latency),
          .reachable = below.reachable,
          .breaker_open = below.breaker_open};
}

}  // namespace

CacheStats collect_stats(Core& core) {
  Counters& c = core.counters;
  CacheStats out{.levels = {core.values->stats()}};
  // The hits of memory are the difference of two counters, its hits less those that it could not serve. The
  // counters are not read at the same moment, so while readers run the difference may be lower than the last
  // one. A monitor that computes rates would take that for a restart; so the highest one so far is shown.
  LevelStats& memory = out.levels[0];
  for (std::uint64_t shown = c.memory_hits_shown;;) {
    if (memory.hits <= shown) {
      memory.hits = shown;
      break;
    }
    if (c.memory_hits_shown.compare_exchange_weak(shown, memory.hits)) break;
  }
  out.stale_served = c.stale_from_memory;
  out.levels[0].stale_hits += out.stale_served;
  for (const auto& level : core.levels) {
    out.unrecovered += level->recovery.pending();
    out.levels.push_back(level_stats(*level));
    out.stale_served += out.levels.back().stale_hits;
  }
  out.closed = core.closed;
  out.loads = c.loads;
  out.load_failures = c.load_failures;
  out.joined = c.joined;
  out.rejected_fills = c.rejected_fills;
  out.refreshes = c.refreshes;
  out.lease_waits = c.lease_waits;
  const auto loading = core.load_slots.turns();
  out.loads_in_flight = loading.taken + loading.overdue;
  out.loads_waiting = loading.waiting + (core.load_budget ? core.load_budget->waiting() : 0);
  out.loads_overdue = loading.overdue;
  out.invalidations_sent = c.invalidations_sent;
  out.invalidations_received = c.invalidations_received;
  const Gate& gate = core.values->gate();
  if (gate.has_watches()) out.watching = gate.watching(core.now());
  out.staleness = gate.staleness(core.now());
  out.max_staleness = core.options.max_staleness;
  if (core.write_back) out.write_back = core.write_back->stats();
  out.writes = c.writes;
  out.erases = c.erases;
  out.write_failures = c.write_failures;
  out.load_p50 = c.load_latency.quantile(0.5);
  out.load_p99 = c.load_latency.quantile(0.99);
  out.load_latency = counted(c.load_latency);
  return out;
}

}  // namespace terrace::cascade
