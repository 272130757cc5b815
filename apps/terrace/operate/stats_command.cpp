#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "operate/cache_text.hpp"
#include "operate/json_fields.hpp"
#include "operate/output.hpp"
#include "table.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

struct StatsArguments {
  TargetOptions target;
  std::string cache;
};

std::string levels_text(const json::object& cache) {
  Table table({"level", "hit rate", "hits", "misses", "errors", "entries", "bytes", "p50", "p99", "state"});
  for (const json::value& one : array(cache, "levels")) {
    const json::object& level = object(one);
    const bool asked = count(level, "hits") + count(level, "misses") > 0;
    const bool timed = count(object(level, "latency"), "count") > 0;
    table.add({text(level, "name"), asked ? shown_share(number(level, "hit_rate")) : "-",
               shown_count(level, "hits"), shown_count(level, "misses"), shown_count(level, "errors"),
               shown_count(level, "entries"), shown_bytes(level, "bytes"),
               timed ? shown_microseconds(number(level, "p50_us")) : "-",
               timed ? shown_microseconds(number(level, "p99_us")) : "-", level_state(level)});
  }
  return table.text(2);
}

std::string cache_text(const json::object& cache) {
  std::string out = fmt::format("{}: {}\n", text(cache, "name"), cache_state(cache));
  for (const json::value& issue : array(cache, "issues"))
    out += fmt::format("  ! {}\n", text(object(issue), "what"));
  const json::object& window = object(cache, "window");
  if (count(window, "requests") > 0) {
    out += fmt::format("  recent  hit rate {}, {:.1f} requests/s, errors {} (the last {})\n",
                       shown_share(number(window, "hit_rate")), number(window, "requests_per_s").value_or(0),
                       shown_share(number(window, "error_rate")), shown_seconds(number(window, "span_s")));
  }
  out += fmt::format("  loads   {}, {} failed, {} in progress", shown_count(cache, "loads"),
                     shown_count(cache, "load_failures"), shown_count(cache, "loads_in_flight"));
  if (count(cache, "loads") > 0) {
    out += fmt::format("; p50 {}, p99 {}", shown_microseconds(number(cache, "load_p50_us")),
                       shown_microseconds(number(cache, "load_p99_us")));
  }
  out += '\n';
  if (const json::object& back = object(cache, "write_back"); !back.empty()) {
    out += fmt::format("  journal {} pending, lag {}, {} dead letters\n", shown_count(back, "pending"),
                       shown_seconds(number(back, "lag_s")), shown_count(back, "dead_letters"));
  }
  return out + levels_text(cache);
}

int show(const json::object& body, bool as_text) {
  if (!as_text) return exit_ok;
  std::string out;
  if (!body.contains("caches")) {
    out = cache_text(body);
  } else {
    for (const json::value& cache : array(body, "caches"))
      out += (out.empty() ? "" : "\n") + cache_text(object(cache));
    if (out.empty()) out = "There are no caches.\n";
    const std::string alerts = alerts_text(body);
    if (!alerts.empty()) out += "\n" + alerts;
  }
  print(out);
  return exit_ok;
}

}  // namespace

void add_stats_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<StatsArguments>();
  CLI::App* const command =
      app.add_subcommand("stats", "Shows hit rates, latencies, loads and health of caches, for each level");
  command->add_option("CACHE", arguments->cache, "Show one cache instead of all");
  arguments->target.add_to(*command);
  command->footer(
      "Counters start at zero with the program that serves the caches. With --config that is this\n"
      "command, so only the content of the tiers is meaningful.\n\n"
      "Examples:\n"
      "  terrace stats\n"
      "  terrace stats users --server https://cache.example:9390 --ca ca.pem\n"
      "  terrace stats --json | jq '.caches[].window.hit_rate'");
  on_run(*command, exit_code, [arguments] {
    const auto target = arguments->target.open();
    const auto cache = arguments->cache.empty() ? std::nullopt : std::optional(arguments->cache);
    return finish(target->stats(cache), arguments->target.json, show);
  });
}

}  // namespace terrace::cli
