#include "service/stats_json.hpp"

#include <boost/pfr.hpp>
#include <ranges>
#include <type_traits>

#include "service/text_json.hpp"
#include "upkeep/notice_text.hpp"

namespace terrace::service {

namespace json = boost::json;
namespace {

double microseconds(Duration d) noexcept {
  return static_cast<double>(d.count()) / 1e3;
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

template <class T>
json::object fields_of(const T& counters);

template <class T>
json::value value_of(const T& field) {
  if constexpr (std::is_same_v<T, std::string>) {
    return text_or_bytes(field);
  } else if constexpr (std::is_same_v<T, LatencyCounts>) {
    return to_json(field);
  } else if constexpr (std::is_arithmetic_v<T>) {
    return json::value(field);
  } else if constexpr (requires { field.has_value(); }) {
    return field ? value_of(*field) : json::value(nullptr);
  } else if constexpr (std::ranges::range<T>) {
    json::array out;
    for (const auto& each : field) out.push_back(value_of(each));
    return out;
  } else {
    return fields_of(field);
  }
}

/// A quantile, such as p99 or load_p50.
bool is_quantile(std::string_view name) noexcept {
  const auto last = name.substr(name.rfind('_') + 1);
  return last.size() > 1 && last[0] == 'p' &&
         last.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

/// A struct of counters: each field under its name in C++, so a new field is there at once. Durations have their unit in
/// the name: quantiles are in microseconds, all others in seconds.
template <class T>
json::object fields_of(const T& counters) {
  json::object out;
  boost::pfr::for_each_field_with_name(counters, [&]<class F>(std::string_view name, const F& field) {
    if constexpr (std::is_same_v<F, Duration> || std::is_same_v<F, std::optional<Duration>>) {
      if constexpr (std::is_same_v<F, Duration>) {
        if (is_quantile(name)) {
          out[std::string(name) + "_us"] = microseconds(field);
          return;
        }
      }
      out[std::string(name) + "_s"] = seconds(field);
    } else {
      out[name] = value_of(field);
    }
  });
  if constexpr (std::is_same_v<T, LevelStats>) out["hit_rate"] = counters.hit_rate();
  return out;
}

}  // namespace

double seconds(Duration d) noexcept {
  return std::chrono::duration<double>(d).count();
}

json::value seconds(const std::optional<Duration>& d) {
  return d ? json::value(seconds(*d)) : json::value(nullptr);
}

json::object to_json(const CacheStats& stats) {
  return fields_of(stats);
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
