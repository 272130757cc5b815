#pragma once
/// The JSON of caches and alerts as words, harmless on a terminal.

#include <boost/json/object.hpp>
#include <string>

namespace terrace::cli {

/// "healthy", "healthy, idle", "not healthy", "closed"; "not watched" where no monitor looks.
[[nodiscard]] std::string cache_state(const boost::json::object& cache);
/// "answers", "away", "breaker open"; "-": it has no server.
[[nodiscard]] std::string level_state(const boost::json::object& level);
/// A line for each alert of the object's "alerts"; empty: there are none.
[[nodiscard]] std::string alerts_text(const boost::json::object& body);

}  // namespace terrace::cli
