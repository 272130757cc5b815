#include "upkeep/variables.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include "upkeep/seconds.hpp"

namespace terrace::upkeep {
namespace {

template <auto Member>
double count_of(const WindowStats& window) {
  return static_cast<double>(window.*Member);
}

double journal_lag(const WindowStats& window) {
  return window.now.write_back ? in_seconds(window.now.write_back->lag) : 0;
}
double journal_pending(const WindowStats& window) {
  return window.now.write_back ? static_cast<double>(window.now.write_back->pending) : 0;
}
double memory_bytes(const WindowStats& window) {
  return window.now.levels.empty() ? 0 : static_cast<double>(window.now.levels[0].bytes.value_or(0));
}
double entries(const WindowStats& window) {
  return window.now.levels.empty() ? 0 : static_cast<double>(window.now.levels[0].entries.value_or(0));
}

/// If the staleness is unbounded the only right number is infinity; if nothing is shared it is no number.
double staleness(const WindowStats& window) {
  if (!window.now.watching) return 0;
  return window.now.staleness ? in_seconds(*window.now.staleness) : std::numeric_limits<double>::infinity();
}
double levels_away(const WindowStats& window) {
  const auto& levels = window.now.levels;
  return static_cast<double>(std::count_if(levels.begin(), levels.end(), is_away));
}

double lease_errors(const WindowStats& window) {
  std::uint64_t all = 0;
  for (const LevelWindow& level : window.levels) all += level.lease_errors;
  return static_cast<double>(all);
}

}  // namespace

bool is_away(const LevelStats& level) {
  return level.breaker_open.value_or(false) || !level.reachable.value_or(true);
}

const std::vector<Variable>& variables() {
  using W = WindowStats;
  static const std::vector<Variable> all = {
      {"requests", count_of<&W::requests>},
      {"hits", count_of<&W::hits>},
      {"misses", count_of<&W::misses>},
      {"stale", count_of<&W::stale>},
      {"errors", count_of<&W::errors>},
      {"loads", count_of<&W::loads>},
      {"load_failures", count_of<&W::load_failures>},
      {"writes", count_of<&W::writes>},
      {"write_failures", count_of<&W::write_failures>},
      {"evictions", count_of<&W::evictions>},
      {"expirations", count_of<&W::expirations>},
      {"lease_waits", count_of<&W::lease_waits>},
      {"rejected_fills", count_of<&W::rejected_fills>},
      {"hit_rate", count_of<&W::hit_rate>},
      {"miss_rate", count_of<&W::miss_rate>},
      {"stale_rate", count_of<&W::stale_rate>},
      {"error_rate", count_of<&W::error_rate>},
      {"load_failure_rate", count_of<&W::load_failure_rate>},
      {"requests_per_second", count_of<&W::requests_per_second>},
      {"loads_per_second", count_of<&W::loads_per_second>},
      {"evictions_per_second", count_of<&W::evictions_per_second>},
      {"window_seconds", [](const W& w) { return in_seconds(w.span); }},
      {"load_p50_seconds", [](const W& w) { return in_seconds(w.load_p50); }},
      {"load_p99_seconds", [](const W& w) { return in_seconds(w.load_p99); }},
      {"memory_bytes", memory_bytes},
      {"entries", entries},
      {"staleness_seconds", staleness},
      {"levels_away", levels_away},
      {"lease_errors", lease_errors},
      {"loads_in_flight", [](const W& w) { return static_cast<double>(w.now.loads_in_flight); }},
      {"loads_waiting", [](const W& w) { return static_cast<double>(w.now.loads_waiting); }},
      {"loads_overdue", [](const W& w) { return static_cast<double>(w.now.loads_overdue); }},
      {"journal_lag_seconds", journal_lag},
      {"journal_pending", journal_pending},
      {"unrecovered", [](const W& w) { return static_cast<double>(w.now.unrecovered); }},
      {"closed", [](const W& w) { return w.now.closed ? 1.0 : 0.0; }},
  };
  return all;
}

std::vector<std::string> variable_names() {
  std::vector<std::string> names;
  for (const Variable& variable : variables()) names.emplace_back(variable.name);
  return names;
}

std::string figure(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*g", value >= 999.5 ? 12 : 3, value);
  return text.data();
}

}  // namespace terrace::upkeep
