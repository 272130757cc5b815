#include "service/stats_json.hpp"

#include "service/text_json.hpp"
#include "upkeep/notice_text.hpp"

namespace terrace::service {

namespace json = boost::json;
namespace {

double microseconds(Duration d) noexcept {
  return static_cast<double>(d.count()) / 1e3;
}

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::object to_json(const LatencyCounts& counts) {
  json::array up_to;
  json::array bounds;
  for (std::size_t i = 0; i < counts.up_to.size(); ++i) {
    bounds.push_back(microseconds(LatencyCounts::bounds[i]));
    up_to.push_back(counts.up_to[i]);
  }
  return {{"bounds_us", std::move(bounds)},
          {"up_to", std::move(up_to)},
          {"count", counts.count},
          {"sum_us", microseconds(counts.sum)}};
}

json::object to_json(const LevelStats& level) {
  return {
      {"name", text_or_bytes(level.name)},
      {"hits", level.hits},
      {"stale_hits", level.stale_hits},
      {"negative_hits", level.negative_hits},
      {"misses", level.misses},
      {"hit_rate", level.hit_rate()},
      {"errors", level.errors},
      {"errors_by_kind",
       {{"timed_out", level.errors_by_kind.timed_out},
        {"unavailable", level.errors_by_kind.unavailable},
        {"io", level.errors_by_kind.io},
        {"other", level.errors_by_kind.other}}},
      {"unreadable", level.unreadable},
      {"entries", or_null(level.entries)},
      {"bytes", or_null(level.bytes)},
      {"evictions", level.evictions},
      {"expirations", level.expirations},
      {"invalidated", level.invalidated},
      {"replaced", level.replaced},
      {"reachable", or_null(level.reachable)},
      {"breaker_open", or_null(level.breaker_open)},
      {"p50_us", microseconds(level.p50)},
      {"p99_us", microseconds(level.p99)},
      {"p999_us", microseconds(level.p999)},
      {"latency", to_json(level.latency)},
  };
}

json::value to_json(const std::optional<WriteBackStats>& back) {
  if (!back) return nullptr;
  return {
      {"pending", back->pending},
      {"pending_bytes", back->pending_bytes},
      {"lag_s", seconds(back->lag)},
      {"acknowledged", back->acknowledged},
      {"flushed", back->flushed},
      {"coalesced", back->coalesced},
      {"retried", back->retried},
      {"dead_letters", back->dead_letters},
      {"recovered", back->recovered},
      {"damaged", back->damaged},
      {"journal_bytes", back->journal_bytes},
      {"syncs", back->syncs},
  };
}

}  // namespace

double seconds(Duration d) noexcept {
  return std::chrono::duration<double>(d).count();
}

json::value seconds(const std::optional<Duration>& d) {
  return d ? json::value(seconds(*d)) : json::value(nullptr);
}

json::object to_json(const CacheStats& stats) {
  json::array levels;
  for (const LevelStats& level : stats.levels) levels.push_back(to_json(level));
  return {
      {"levels", std::move(levels)},
      {"loads", stats.loads},
      {"load_failures", stats.load_failures},
      {"loads_in_flight", stats.loads_in_flight},
      {"loads_waiting", stats.loads_waiting},
      {"load_p50_us", microseconds(stats.load_p50)},
      {"load_p99_us", microseconds(stats.load_p99)},
      {"load_latency", to_json(stats.load_latency)},
      {"joined", stats.joined},
      {"rejected_fills", stats.rejected_fills},
      {"stale_served", stats.stale_served},
      {"refreshes", stats.refreshes},
      {"lease_waits", stats.lease_waits},
      {"writes", stats.writes},
      {"erases", stats.erases},
      {"write_failures", stats.write_failures},
      {"unrecovered", stats.unrecovered},
      {"invalidations_sent", stats.invalidations_sent},
      {"invalidations_received", stats.invalidations_received},
      {"watching", or_null(stats.watching)},
      {"staleness_s", seconds(stats.staleness)},
      {"max_staleness_s", seconds(stats.max_staleness)},
      {"write_back", to_json(stats.write_back)},
      {"closed", stats.closed},
  };
}

json::object to_json(const WindowStats& window) {
  json::array levels;
  for (const LevelWindow& level : window.levels) {
    levels.push_back({{"name", text_or_bytes(level.name)},
                      {"hits", level.hits},
                      {"misses", level.misses},
                      {"errors", level.errors},
                      {"hit_rate", level.hit_rate}});
  }
  return {
      {"span_s", seconds(window.span)},
      {"requests", window.requests},
      {"hits", window.hits},
      {"misses", window.misses},
      {"stale", window.stale},
      {"errors", window.errors},
      {"loads", window.loads},
      {"load_failures", window.load_failures},
      {"writes", window.writes},
      {"write_failures", window.write_failures},
      {"evictions", window.evictions},
      {"expirations", window.expirations},
      {"lease_waits", window.lease_waits},
      {"rejected_fills", window.rejected_fills},
      {"hit_rate", window.hit_rate},
      {"miss_rate", window.miss_rate},
      {"stale_rate", window.stale_rate},
      {"error_rate", window.error_rate},
      {"load_failure_rate", window.load_failure_rate},
      {"load_p50_us", microseconds(window.load_p50)},
      {"load_p99_us", microseconds(window.load_p99)},
      {"requests_per_s", window.requests_per_second},
      {"loads_per_s", window.loads_per_second},
      {"evictions_per_s", window.evictions_per_second},
      {"levels", std::move(levels)},
  };
}

json::array to_json(const std::vector<HealthIssue>& issues) {
  json::array out;
  for (const HealthIssue& issue : issues) {
    out.push_back({{"kind", to_string(issue.kind)},
                   {"cache", text_or_bytes(issue.cache)},
                   {"level", text_or_bytes(issue.level)},
                   {"what", text_or_bytes(issue.what)}});
  }
  return out;
}

json::array to_json(const std::vector<ActiveAlert>& alerts) {
  json::array out;
  for (const ActiveAlert& alert : alerts) {
    out.push_back({{"rule", alert.rule},
                   {"cache", text_or_bytes(alert.cache)},
                   {"severity", to_string(alert.severity)},
                   {"broken", alert.broken},
                   {"message", text_or_bytes(alert.message)},
                   {"since", upkeep::to_iso8601(alert.since)}});
  }
  return out;
}

json::array to_json(const std::vector<SinkStats>& sinks) {
  json::array out;
  for (const SinkStats& sink : sinks) {
    out.push_back({{"name", text_or_bytes(sink.name)},
                   {"sent", sink.sent},
                   {"failed", sink.failed},
                   {"dropped", sink.dropped},
                   {"waiting", sink.waiting},
                   {"last_error", text_or_bytes(sink.last_error)}});
  }
  return out;
}

}  // namespace terrace::service
