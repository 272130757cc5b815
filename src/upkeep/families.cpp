/// The tables of all metrics. Names follow https://prometheus.io/docs/practices/naming/.

#include "upkeep/families.hpp"

#include <optional>
#include <string>

#include "upkeep/seconds.hpp"

namespace terrace::upkeep {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

/// The value of a metric for a level or a cache; none: it does not have this metric.
using Value = std::optional<double>;

template <class T>
Value known(const std::optional<T>& value) {
  return value ? Value(static_cast<double>(*value)) : std::nullopt;
}
constexpr auto number = [](auto count) { return Value(static_cast<double>(count)); };

/// One value of a metric; consecutive ones with the same name are one family, distinguished by `part`.
template <class Stats>
struct Row {
  const char* name;
  const char* help;
  MetricType type;
  Value (*value)(const Stats&);
  const char* label = nullptr;
  const char* part = nullptr;
};

constexpr auto counter = MetricType::Counter;
constexpr auto gauge = MetricType::Gauge;

using L = LevelStats;
constexpr const char* errors_help = "Keys that a level could not look up in time.";
constexpr const char* evictions_help = "Entries that left memory.";
const std::vector<Row<L>> level_rows = {
    {"terrace_hits_total", "Keys found in a level, including negative entries.", counter,
     [](const L& l) { return number(l.hits); }},
    {"terrace_stale_hits_total", "Reads answered with a stale value of a level.", counter,
     [](const L& l) { return number(l.stale_hits); }},
    {"terrace_negative_hits_total", "Hits for keys that are known not to exist.", counter,
     [](const L& l) { return number(l.negative_hits); }},
    {"terrace_misses_total", "Keys looked up and not found in a level.", counter,
     [](const L& l) { return number(l.misses); }},
    {"terrace_errors_total", errors_help, counter,
     [](const L& l) { return number(l.errors_by_kind.timed_out); }, "kind", "timed_out"},
    {"terrace_errors_total", errors_help, counter,
     [](const L& l) { return number(l.errors_by_kind.unavailable); }, "kind", "unavailable"},
    {"terrace_errors_total", errors_help, counter, [](const L& l) { return number(l.errors_by_kind.io); },
     "kind", "io"},
    {"terrace_errors_total", errors_help, counter, [](const L& l) { return number(l.errors_by_kind.other); },
     "kind", "other"},
    {"terrace_unreadable_entries_total",
     "Entries that are corrupt, foreign or of another schema; they are misses.", counter,
     [](const L& l) { return number(l.unreadable); }},
    {"terrace_lease_errors_total", "Leases and fills that a shared level refused or did not answer.", counter,
     [](const L& l) { return number(l.lease_errors); }},
    {"terrace_evictions_total", evictions_help, counter, [](const L& l) { return number(l.evictions); },
     "cause", "capacity"},
    {"terrace_evictions_total", evictions_help, counter, [](const L& l) { return number(l.expirations); },
     "cause", "expired"},
    {"terrace_evictions_total", evictions_help, counter, [](const L& l) { return number(l.invalidated); },
     "cause", "invalidated"},
    {"terrace_evictions_total", evictions_help, counter, [](const L& l) { return number(l.replaced); },
     "cause", "replaced"},
    {"terrace_entries", "Entries in a level now.", gauge, [](const L& l) { return known(l.entries); }},
    {"terrace_size_bytes", "Bytes of the entries in a level now.", gauge,
     [](const L& l) { return known(l.bytes); }},
    {"terrace_reachable", "1: the server of the level is connected; 0: it is not.", gauge,
     [](const L& l) { return known(l.reachable); }},
    {"terrace_breaker_open", "1: the circuit breaker of the level rejects operations; 0: it does not.", gauge,
     [](const L& l) { return known(l.breaker_open); }},
};

using C = CacheStats;
using W = WriteBackStats;
const std::vector<Row<C>> cache_rows = {
    {"terrace_loads_total", "Keys that the loader was called for.", counter,
     [](const C& c) { return number(c.loads); }},
    {"terrace_load_failures_total", "Loads that failed or took too long.", counter,
     [](const C& c) { return number(c.load_failures); }},
    {"terrace_loads_in_flight", "Loader calls that run now.", gauge,
     [](const C& c) { return number(c.loads_in_flight); }},
    {"terrace_loads_waiting", "Loader calls that wait for their turn or their budget now.", gauge,
     [](const C& c) { return number(c.loads_waiting); }},
    {"terrace_loads_overdue", "Loader calls that run now although their load was given up.", gauge,
     [](const C& c) { return number(c.loads_overdue); }},
    {"terrace_refreshes_total", "Eager refreshes that were started.", counter,
     [](const C& c) { return number(c.refreshes); }},
    {"terrace_joined_reads_total", "Reads answered by the lookup or the load of another caller.", counter,
     [](const C& c) { return number(c.joined); }},
    {"terrace_lease_waits_total", "Reads that waited for another process to load the key.", counter,
     [](const C& c) { return number(c.lease_waits); }},
    {"terrace_rejected_fills_total", "Values not stored in a level because the key changed in between.",
     counter, [](const C& c) { return number(c.rejected_fills); }},
    {"terrace_writes_total", "Keys set.", counter, [](const C& c) { return number(c.writes); }},
    {"terrace_erases_total", "Keys erased.", counter, [](const C& c) { return number(c.erases); }},
    {"terrace_atomic_writes_total", "Attempts of atomic operations to change a key.", counter,
     [](const C& c) { return number(c.atomic_writes); }},
    {"terrace_atomic_conflicts_total",
     "Attempts of atomic operations that changed nothing, because another change came first.", counter,
     [](const C& c) { return number(c.atomic_conflicts); }},
    {"terrace_write_failures_total", "Keys set or erased that a tier did not accept.", counter,
     [](const C& c) { return number(c.write_failures); }},
    {"terrace_unrecovered_keys", "Keys with a change that a tier missed and has not caught up with.", gauge,
     [](const C& c) { return number(c.unrecovered); }},
    {"terrace_invalidations_sent_total", "Changes that a shared tier reports to other processes.", counter,
     [](const C& c) { return number(c.invalidations_sent); }},
    {"terrace_invalidations_received_total", "Changed keys and tags that a shared tier reported.", counter,
     [](const C& c) { return number(c.invalidations_received); }},
    {"terrace_watching",
     "1: every invalidation stream of a shared tier is up; 0: memory serves only values just read.", gauge,
     [](const C& c) { return known(c.watching); }},
    {"terrace_staleness_seconds", "How far memory may be behind the shared tiers now.", gauge,
     [](const C& c) {
       return c.watching.value_or(false) && c.staleness ? Value(in_seconds(*c.staleness)) : std::nullopt;
     }},
    {"terrace_max_staleness_seconds", "The configured bound on how far memory may be behind.", gauge,
     [](const C& c) { return c.watching ? Value(in_seconds(c.max_staleness)) : std::nullopt; }},
};

const std::vector<Row<W>> journal_rows = {
    {"terrace_journal_lag_seconds", "How long the oldest change in the journal has waited.", gauge,
     [](const W& w) { return Value(in_seconds(w.lag)); }},
    {"terrace_journal_pending_changes", "Keys in the journal that wait to be flushed.", gauge,
     [](const W& w) { return number(w.pending); }},
    {"terrace_journal_pending_bytes", "Bytes of the changes that wait to be flushed.", gauge,
     [](const W& w) { return number(w.pending_bytes); }},
    {"terrace_journal_size_bytes", "Bytes of the files of the journal.", gauge,
     [](const W& w) { return number(w.journal_bytes); }},
    {"terrace_journal_acknowledged_total", "Changes that the journal accepted.", counter,
     [](const W& w) { return number(w.acknowledged); }},
    {"terrace_journal_flushed_total", "Changes of the journal that reached the tiers.", counter,
     [](const W& w) { return number(w.flushed); }},
    {"terrace_journal_coalesced_total", "Changes that a newer change of the same key made unnecessary.",
     counter, [](const W& w) { return number(w.coalesced); }},
    {"terrace_journal_retries_total", "Changes that were tried again.", counter,
     [](const W& w) { return number(w.retried); }},
    {"terrace_journal_dead_letters_total", "Changes given up after too many refusals.", counter,
     [](const W& w) { return number(w.dead_letters); }},
    {"terrace_journal_syncs_total", "How often the journal was forced to disk.", counter,
     [](const W& w) { return number(w.syncs); }},
    {"terrace_journal_recovered_changes", "Changes that the journal held at the start.", gauge,
     [](const W& w) { return number(w.recovered); }},
    {"terrace_journal_damaged_places", "Places of the journal that could not be read at the start.", gauge,
     [](const W& w) { return number(w.damaged); }},
};

/// Gathers the families. `each(metric)` calls metric(labels, stats) for each level, cache or journal.
class Gathering {
 public:
  template <class Stats, class Each>
  void add(const std::vector<Row<Stats>>& rows, Each each) {
    for (std::size_t i = 0; i < rows.size();) {
      MetricFamily& family = open(rows[i].name, rows[i].help, rows[i].type);
      std::size_t next = i;
      while (next < rows.size() && std::string_view(rows[next].name) == rows[i].name) ++next;
      each([&](const Labels& labels, const Stats& stats) {
        for (std::size_t at = i; at < next; ++at) {
          if (const Value value = rows[at].value(stats)) add(family, labels, rows[at], *value);
        }
      });
      close();
      i = next;
    }
  }

  template <class Each>
  void add_histogram(const char* name, const char* help, Each each) {
    MetricFamily& family = open(name, help, MetricType::Histogram);
    each([&](const Labels& labels, const LatencyCounts& latency) {
      ClientMetric& metric = family.metric.emplace_back();
      metric.label = labels;
      metric.histogram.sample_count = latency.count;
      metric.histogram.sample_sum = in_seconds(latency.sum);
      for (std::size_t i = 0; i < latency.bounds.size(); ++i) {
        metric.histogram.bucket.push_back({latency.up_to[i], in_seconds(latency.bounds[i])});
      }
    });
    close();
  }

  [[nodiscard]] std::vector<MetricFamily> take() { return std::move(all_); }

 private:
  MetricFamily& open(const char* name, const char* help, MetricType type) {
    return all_.emplace_back(MetricFamily{name, help, type, {}});
  }
  void close() {
    if (all_.back().metric.empty()) all_.pop_back();
  }

  template <class Stats>
  static void add(MetricFamily& family, const Labels& labels, const Row<Stats>& row, double value) {
    ClientMetric& metric = family.metric.emplace_back();
    metric.label = labels;
    if (row.label != nullptr) metric.label.push_back({row.label, row.part});
    (row.type == counter ? metric.counter.value : metric.gauge.value) = value;
  }

  std::vector<MetricFamily> all_;
};

}  // namespace

std::vector<MetricFamily> families(const std::vector<NamedStats>& caches) {
  Gathering out;
  const auto labels = [](const NamedStats& named) { return Labels{{"cache", std::string(named.cache)}}; };
  const auto level_labels = [](const NamedStats& named, const LevelStats& level) {
    return Labels{{"cache", std::string(named.cache)}, {"level", level.name}};
  };
  out.add(level_rows, [&](const auto& metric) {
    for (const NamedStats& named : caches) {
      for (const LevelStats& level : named.stats.levels) metric(level_labels(named, level), level);
    }
  });
  out.add_histogram("terrace_read_duration_seconds",
                    "Duration of reads of a tier; reads of memory are not measured.",
                    [&](const auto& metric) {
                      for (const NamedStats& named : caches) {
                        for (std::size_t i = 1; i < named.stats.levels.size(); ++i) {
                          const LevelStats& level = named.stats.levels[i];
                          metric(level_labels(named, level), level.latency);
                        }
                      }
                    });
  out.add(cache_rows, [&](const auto& metric) {
    for (const NamedStats& named : caches) metric(labels(named), named.stats);
  });
  out.add_histogram("terrace_load_duration_seconds",
                    "Duration of loader calls, including the wait for their turn.", [&](const auto& metric) {
                      for (const NamedStats& named : caches) metric(labels(named), named.stats.load_latency);
                    });
  out.add(journal_rows, [&](const auto& metric) {
    for (const NamedStats& named : caches) {
      if (named.stats.write_back) metric(labels(named), *named.stats.write_back);
    }
  });
  return out.take();
}

}  // namespace terrace::upkeep
