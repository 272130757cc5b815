#pragma once
/// What caches count, and what the monitor makes of it, as JSON. Durations are numbers with the unit at the
/// end of the name (`_us`, `_s`); what a level does not know is null.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <terrace/cache_stats.hpp>
#include <terrace/monitor.hpp>

namespace terrace::service {

[[nodiscard]] double seconds(Duration d) noexcept;
/// null for none
[[nodiscard]] boost::json::value seconds(const std::optional<Duration>& d);

/// Counters since the start, and what is so now.
[[nodiscard]] boost::json::object to_json(const CacheStats& stats);
/// What happened within the window, without WindowStats::now.
[[nodiscard]] boost::json::object to_json(const WindowStats& window);
[[nodiscard]] boost::json::array to_json(const std::vector<HealthIssue>& issues);
[[nodiscard]] boost::json::array to_json(const std::vector<ActiveAlert>& alerts);
[[nodiscard]] boost::json::array to_json(const std::vector<SinkStats>& sinks);

}  // namespace terrace::service
