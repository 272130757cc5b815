#include "operate/cache_text.hpp"

#include <fmt/format.h>

#include "operate/json_fields.hpp"

namespace terrace::cli {

namespace json = boost::json;

std::string cache_state(const json::object& cache) {
  if (flag(cache, "closed").value_or(false)) return "closed";
  if (!array(cache, "issues").empty()) return "not healthy";
  const json::object& window = object(cache, "window");
  if (window.empty()) return "not monitored";
  return count(window, "requests") == 0 ? "healthy, idle" : "healthy";
}

std::string level_state(const json::object& level) {
  if (flag(level, "breaker_open").value_or(false)) return "circuit open";
  const auto reachable = flag(level, "reachable");
  if (!reachable) return "-";
  return *reachable ? "reachable" : "unreachable";
}

std::string alerts_text(const json::object& body) {
  std::string out;
  for (const json::value& one : array(body, "alerts")) {
    const json::object& alert = object(one);
    const bool broken = flag(alert, "broken").value_or(false);
    out += fmt::format("! {}: {} {}, since {}: {}\n", text(alert, "severity"), text(alert, "rule"),
                       broken ? "is broken" : "fires for " + text(alert, "cache"), text(alert, "since"),
                       text(alert, "message"));
  }
  return out;
}

}  // namespace terrace::cli
