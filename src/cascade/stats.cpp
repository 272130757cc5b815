/// Stats: CacheStats out of the counters of the cache and its levels.

#include "cascade/stats.hpp"

#include <boost/pfr/core.hpp>

namespace terrace::cascade {

template <class Stats>
Stats Tally<Stats>::counted() const {
  Stats out;
  const auto into = boost::pfr::structure_tie(out);
  boost::pfr::for_each_field(counted_, [&]<class Field, class I>(Field& field, I) {
    if constexpr (std::is_same_v<Field, std::uint64_t>)
      std::get<I::value>(into) = std::atomic_ref(field).load();
  });
  return out;
}

namespace {

LatencyCounts durations(const Histogram& latency) {
  LatencyCounts out;
  latency.count_up_to(LatencyCounts::bounds, out.up_to);
  out.count = latency.count();  // read last, so it is at least the last of them
  out.sum = latency.sum();
  return out;
}

LevelStats level_stats(const Level& level) {
  const TierStats below = level.tier->stats();
  const ErrorCounts errors = level.errors.counts();
  LevelStats out = level.counters.counted();
  out.name = level.name;
  out.errors = errors.total();
  out.errors_by_kind = errors;
  out.lease_errors = level.lease_errors.count();
  out.entries = below.entries;
  out.bytes = below.bytes;
  out.p50 = level.latency.quantile(0.5);
  out.p99 = level.latency.quantile(0.99);
  out.p999 = level.latency.quantile(0.999);
  out.latency = durations(level.latency);
  out.reachable = below.reachable;
  out.breaker_open = below.breaker_open;
  return out;
}

}  // namespace

CacheStats collect_stats(Core& core) {
  Counters& c = core.counters;
  CacheStats out = c.counted();
  out.levels = {core.values->stats()};
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
  out.levels[0].stale_hits += out.stale_served;  // until here only those of memory
  for (const auto& level : core.levels) {
    out.unrecovered += level->recovery.pending();
    out.levels.push_back(level_stats(*level));
    out.stale_served += out.levels.back().stale_hits;
  }
  out.closed = core.closed;
  const auto loading = core.load_slots.turns();
  out.loads_in_flight = loading.taken + loading.overdue;
  out.loads_waiting = loading.waiting + (core.load_budget ? core.load_budget->waiting() : 0);
  out.loads_overdue = loading.overdue;
  const Gate& gate = core.values->gate();
  if (gate.has_watches()) out.watching = gate.watching(core.now());
  out.staleness = gate.staleness(core.now());
  out.max_staleness = core.options.max_staleness;
  if (core.write_back) out.write_back = core.write_back->stats();
  out.load_p50 = c.load_latency.quantile(0.5);
  out.load_p99 = c.load_latency.quantile(0.99);
  out.load_latency = durations(c.load_latency);
  return out;
}

}  // namespace terrace::cascade
