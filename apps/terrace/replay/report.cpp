#include "replay/report.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "table.hpp"
#include "units.hpp"

namespace terrace::cli {
namespace {

double rate(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

double microseconds(Duration d) {
  return static_cast<double>(d.count()) / 1e3;
}
double seconds(Duration d) {
  return static_cast<double>(d.count()) / 1e9;
}

/// What going to the origin for every answered request would have taken, added up over the callers.
Duration origin_only_time(const ReplayOutcome& outcome) {
  return outcome.mean_load * static_cast<Duration::rep>(outcome.tally.hits() + outcome.tally.loads());
}

double rate_of(const ReplayOutcome& outcome) {
  const double elapsed = seconds(outcome.elapsed);
  return elapsed > 0 ? static_cast<double>(outcome.tally.requests()) / elapsed : 0;
}

void add_quantiles(boost::json::object& to, const Histogram& latency) {
  to["p50_us"] = microseconds(latency.quantile(0.5));
  to["p99_us"] = microseconds(latency.quantile(0.99));
  to["p999_us"] = microseconds(latency.quantile(0.999));
}

boost::json::array level_array(const ReplayOutcome& outcome) {
  boost::json::array levels;
  for (std::size_t i = 0; i < outcome.levels.size(); ++i) {
    const LevelState& state = outcome.levels[i];
    const std::uint64_t hits = outcome.tally.level_hits(i);
    boost::json::object level{{"name", state.name},
                              {"hits", hits},
                              {"misses", state.misses},
                              {"errors", state.errors},
                              {"hit_rate", rate(hits, hits + state.misses)}};
    add_quantiles(level, outcome.tally.level_latency(i));
    level["bytes"] = outcome.tally.level_bytes(i);
    level["entries"] = state.entries;
    level["stored_bytes"] = state.stored_bytes;
    levels.push_back(std::move(level));
  }
  return levels;
}

boost::json::array trace_array(const ReplayOutcome& outcome) {
  boost::json::array traces;
  for (const ReplayedTrace& trace : outcome.traces) {
    traces.push_back({{"trace", traces::trace_title(trace.file)},
                      {"lines", trace.report.lines},
                      {"bad_lines", trace.report.bad},
                      {"skipped_lines", trace.report.skipped}});
  }
  return traces;
}

void add_row(Table& table, std::vector<std::string> row, const Histogram& latency,
             std::vector<std::string> rest) {
  for (const double q : {0.5, 0.99, 0.999}) {
    row.push_back(latency.count() == 0 ? "-" : format_duration(latency.quantile(q)));
  }
  row.insert(row.end(), rest.begin(), rest.end());
  table.add(std::move(row));
}

/// "1,000 entries, 2.0 MiB", as far as the level knows.
std::string holdings(const LevelState& state) {
  std::string text;
  if (state.entries > 0) text = format_count(state.entries) + " entries";
  if (state.stored_bytes > 0) text += (text.empty() ? "" : ", ") + format_bytes(state.stored_bytes);
  return text.empty() ? "-" : text;
}

std::string level_table(const ReplayOutcome& outcome) {
  const Tally& tally = outcome.tally;
  Table table(
      {"level", "answered", "hit rate", "misses", "errors", "p50", "p99", "p99.9", "bytes out", "holds"});
  for (std::size_t i = 0; i < outcome.levels.size(); ++i) {
    const LevelState& state = outcome.levels[i];
    const std::uint64_t hits = tally.level_hits(i);
    add_row(table,
            {state.name, format_count(hits), format_percent(rate(hits, hits + state.misses)),
             format_count(state.misses), format_count(state.errors)},
            tally.level_latency(i), {format_bytes(tally.level_bytes(i)), holdings(state)});
  }
  add_row(table, {"origin", format_count(tally.loads()), "", "", ""}, tally.load_latency(),
          {format_bytes(tally.loaded_bytes()), ""});
  return table.text(2);
}

}  // namespace

boost::json::object replay_json(const ReplayOutcome& outcome) {
  const Tally& tally = outcome.tally;
  boost::json::object origin{{"loads", tally.loads()}, {"mean_us", microseconds(outcome.mean_load)}};
  add_quantiles(origin, tally.load_latency());
  origin["bytes"] = tally.loaded_bytes();
  const Duration origin_only = origin_only_time(outcome);
  return {{"requests", tally.requests()},
          {"hits", tally.hits()},
          {"hit_rate", tally.hit_rate()},
          {"loads", tally.loads()},
          {"joined", tally.joined()},
          {"errors", tally.errors()},
          {"wrong_values", tally.wrong()},
          {"levels", level_array(outcome)},
          {"origin", std::move(origin)},
          {"elapsed_s", seconds(outcome.elapsed)},
          {"requests_per_s", rate_of(outcome)},
          {"request_time_s", seconds(tally.answered_time())},
          {"origin_only_s", seconds(origin_only)},
          {"saved_s", seconds(origin_only - tally.answered_time())},
          {"interrupted", outcome.interrupted},
          {"traces", trace_array(outcome)}};
}

std::string replay_text(const ReplayOutcome& outcome) {
  const Tally& tally = outcome.tally;
  std::string text =
      fmt::format("{} requests = {} hits ({}) + {} loads", format_count(tally.requests()),
                  format_count(tally.hits()), format_percent(tally.hit_rate()), format_count(tally.loads()));
  if (tally.errors() > 0) text += fmt::format(" + {} errors", format_count(tally.errors()));
  text += fmt::format("\n\n{}\n", level_table(outcome));
  if (tally.joined() > 0) {
    text += fmt::format("{} hits joined an in-flight request for the same key, and are in no row.\n",
                        format_count(tally.joined()));
  }
  const Duration origin_only = origin_only_time(outcome);
  const Duration saved = origin_only - tally.answered_time();
  text += fmt::format("Time spent waiting, summed over all callers: {}; with the origin alone: {}; ",
                      format_duration(tally.answered_time()), format_duration(origin_only));
  if (saved >= Duration{}) {
    const double share = origin_only > Duration{} ? seconds(saved) / seconds(origin_only) : 0;
    text += fmt::format("{} saved ({}).\n", format_duration(saved), format_percent(share));
  } else {
    text += fmt::format("{} lost.\n", format_duration(-saved));
  }
  text += fmt::format("Ran for {}, {} requests/s.\n", format_duration(outcome.elapsed),
                      format_count(static_cast<std::uint64_t>(rate_of(outcome))));
  return text;
}

}  // namespace terrace::cli
