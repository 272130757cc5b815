#pragma once
/// A notification as text, for people and for programs.

#include <string>
#include <terrace/monitor.hpp>

namespace terrace::upkeep {

/// "alert cold fired for cache users: hit_rate < 50% (hit_rate 0.31; over 60 s)".
std::string to_line(const AlertNotice& notice);

/// One JSON object; docs/alerts.md describes it. Valid UTF-8, whatever the notification contains.
std::string to_json(const AlertNotice& notice);

/// "2026-01-31T12:00:00.000Z".
std::string to_iso8601(WallTime time);

}  // namespace terrace::upkeep
