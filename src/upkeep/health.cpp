#include "upkeep/health.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "upkeep/seconds.hpp"

namespace terrace::upkeep {
namespace {

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", share * 100);
  return text.data();
}

class Findings {
 public:
  explicit Findings(const WindowStats& window) : window_(window) {}

  void add(HealthIssue::Kind kind, std::string what, std::string level = {}) {
    issues.push_back(
        {kind, window_.cache, std::move(level), "cache " + window_.cache + ": " + std::move(what)});
  }
  [[nodiscard]] std::string in_window() const { return " in the last " + seconds_text(window_.span); }

  std::vector<HealthIssue> issues;

 private:
  const WindowStats& window_;
};

void judge_rates(const WindowStats& window, const HealthLimits& limits, Findings& out) {
  const std::uint64_t answered = window.hits + window.misses;
  if (answered >= limits.min_requests && window.hit_rate < limits.min_hit_rate) {
    out.add(HealthIssue::Kind::hit_rate, "the hit rate is " + percent(window.hit_rate) + ", below " +
                                             percent(limits.min_hit_rate) + " (" +
                                             std::to_string(window.hits) + " of " + std::to_string(answered) +
                                             " requests" + out.in_window() + ")");
  }
  const std::uint64_t operations = window.requests + window.writes;
  if (operations >= limits.min_requests && window.error_rate > limits.max_error_rate) {
    out.add(HealthIssue::Kind::error_rate,
            "the error rate is " + percent(window.error_rate) + ", above " + percent(limits.max_error_rate) +
                " (" + std::to_string(window.errors) + " errors in " + std::to_string(operations) +
                " requests and writes" + out.in_window() + ")");
  }
}

void judge_levels(const WindowStats& window, const HealthLimits& limits, Findings& out) {
  for (const LevelStats& level : window.now.levels) {
    if (!is_away(level)) continue;
    const bool open = level.breaker_open.value_or(false);
    out.add(HealthIssue::Kind::level_away,
            "level " + level.name +
                (open ? " is not used: its circuit breaker is open because operations ran out of time"
                      : " cannot be reached"),
            level.name);
  }
  // A server that is full or denies a command answers all reads, so nothing else shows it.
  for (const LevelWindow& level : window.levels) {
    const auto limit = limits.max_error_rate * static_cast<double>(std::max<std::uint64_t>(window.loads, 1));
    if (window.requests < limits.min_requests || static_cast<double>(level.lease_errors) <= limit) continue;
    out.add(HealthIssue::Kind::lease_errors,
            "level " + level.name + " has refused " + std::to_string(level.lease_errors) +
                " leases or fills" + out.in_window() + ", so what is loaded is not stored there",
            level.name);
  }
  if (window.now.watching && !window.now.staleness) {
    out.add(
        HealthIssue::Kind::gate_shut,
        "an invalidation stream of a shared level is down, so memory serves nothing that it read more than " +
            seconds_text(window.now.max_staleness) + " ago");
  }
}

}  // namespace

std::vector<HealthIssue> find_issues(const WindowStats& window, const HealthLimits& limits) {
  Findings out(window);
  if (window.now.closed) {  // everything else follows from it
    out.add(HealthIssue::Kind::closed, "it is closed");
    return std::move(out.issues);
  }
  judge_rates(window, limits, out);
  judge_levels(window, limits, out);
  if (const auto overdue = window.now.loads_overdue; overdue > 0) {
    out.add(HealthIssue::Kind::loads_overdue,
            std::to_string(overdue) + (overdue == 1 ? " loader still runs" : " loaders still run") +
                " although load_timeout is over or every caller has given up");
  }
  const auto& journal = window.now.write_back;
  if (journal && journal->lag > limits.max_journal_lag) {
    out.add(HealthIssue::Kind::journal_lag, "the journal's oldest change has waited " +
                                                seconds_text(journal->lag) + ", more than " +
                                                seconds_text(limits.max_journal_lag) + " (" +
                                                std::to_string(journal->pending) + " keys are waiting)");
  }
  return std::move(out.issues);
}

}  // namespace terrace::upkeep
