#pragma once
/// The counters of caches, and the monitor's results, as JSON. Durations are numbers with the unit at the end
/// of the name (`_us`, `_s`); a figure that a level does not know is null.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <terrace/cache_stats.hpp>
#include <terrace/monitor.hpp>

namespace terrace::service {

[[nodiscard]] double seconds(Duration d) noexcept;
/// null for none
[[nodiscard]] boost::json::value seconds(const std::optional<Duration>& d);

/// The counters since the start, and the present figures.
[[nodiscard]] boost::json::object to_json(const CacheStats& stats);
/// The events within the window, without WindowStats::now.
[[nodiscard]] boost::json::object to_json(const WindowStats& window);
[[nodiscard]] boost::json::array to_json(const std::vector<HealthIssue>& issues);
[[nodiscard]] boost::json::array to_json(const std::vector<ActiveAlert>& alerts);
[[nodiscard]] boost::json::array to_json(const std::vector<SinkStats>& sinks);

}  // namespace terrace::service
