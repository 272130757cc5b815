#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <optional>
#include <thread>

#include "commands.hpp"
#include "eviction_option.hpp"
#include "exit_code.hpp"
#include "hit_ratio_plot.hpp"
#include "json_output.hpp"
#include "progress.hpp"
#include "result_file.hpp"
#include "simulation.hpp"
#include "table.hpp"
#include "trace_arguments.hpp"
#include "units.hpp"
#include "usage_error.hpp"

namespace terrace::cli {
namespace {

constexpr std::uint64_t most_entries = 1'000'000'000;

struct SimulateArguments {
  TraceArguments traces;
  std::string policies = "adaptive,s3fifo,w-tinylfu,lru,lfu,fifo";
  std::string sizes;
  std::optional<std::string> plot;
  bool curve = false;
  bool json = false;
};

struct TraceOutcome {
  std::string trace;
  std::uint64_t requests;
  std::vector<Cell> cells;

  [[nodiscard]] double hit_rate(const Cell& cell) const {
    return static_cast<double>(cell.hits) / static_cast<double>(requests);
  }
};

Policy policy_of(const std::string& name) {
  if (name == optimum.name) return optimum;
  const Eviction eviction = eviction_option(name, "--policy", optimum.name);
  return {to_string(eviction), eviction};
}

std::vector<Policy> policies_of(const std::string& text) {
  std::vector<Policy> policies;
  for (const std::string& name : parse_list(text, "--policy")) policies.push_back(policy_of(name));
  return policies;
}

std::uint64_t cache_size(std::string_view text) {
  return parse_count(text, "--entries", 1, most_entries);
}

/// "n..m": sizes from n to m, each larger than the one before by the same factor.
std::vector<std::uint64_t> sizes_in_range(std::string_view from, std::string_view to) {
  constexpr int steps = 11;
  const auto least = static_cast<double>(cache_size(from));
  const auto most = static_cast<double>(cache_size(to));
  if (least > most) {
    throw UsageError(fmt::format("--entries {}..{} runs backwards: write the smaller size first", from, to));
  }
  std::vector<std::uint64_t> sizes;
  for (int step = 0; step <= steps; ++step) {
    const auto size =
        static_cast<std::uint64_t>(std::llround(least * std::pow(most / least, step / double{steps})));
    if (sizes.empty() || size != sizes.back()) sizes.push_back(size);
  }
  return sizes;
}

std::vector<std::uint64_t> cache_sizes(const std::string& text) {
  constexpr std::string_view range = "..";
  std::vector<std::uint64_t> sizes;
  for (const std::string_view part : parse_list(text, "--entries")) {
    if (const std::size_t dots = part.find(range); dots != std::string_view::npos) {
      const auto more = sizes_in_range(part.substr(0, dots), part.substr(dots + range.size()));
      sizes.insert(sizes.end(), more.begin(), more.end());
    } else {
      sizes.push_back(cache_size(part));
    }
  }
  return sizes;
}

void check_plot(const std::string& path) {
  // Without the ending, a forgotten name would let the plot replace a trace.
  if (!path.ends_with(".svg")) {
    throw UsageError(fmt::format("--plot {} does not end in .svg: give a name such as hits.svg", path));
  }
  check_result_file(path, "--plot");
}

void check_curve(const std::vector<Policy>& policies) {
  for (const Policy& policy : policies) {
    if (!policy.eviction) {
      throw UsageError(
          fmt::format("--curve needs the reads of a cache, and {} is no cache: remove it from "
                      "--policy, or leave out --curve",
                      policy.name));
    }
  }
}

TraceOutcome simulate(const std::string& file, const traces::TraceOptions& options, Simulation& simulation,
                      ProgressBar& progress) {
  constexpr std::uint64_t requests_per_look = 65'536;
  traces::TraceReader reader(file, options);
  traces::Request request;
  while (reader.next(request)) {
    simulation.access(traces::key_id(request));
    if (reader.report().requests % requests_per_look == 0) {
      progress.show(reader.progress(), reader.report().requests, traces::source_name(file));
    }
  }
  progress.clear();
  warn_of_bad_lines(file, reader.report());
  return {traces::trace_title(file), simulation.requests(), simulation.finish()};
}

void print_as_json(const std::vector<TraceOutcome>& outcomes) {
  boost::json::array rows;
  for (const TraceOutcome& outcome : outcomes) {
    for (const Cell& cell : outcome.cells) {
      rows.push_back({{"trace", outcome.trace},
                      {"policy", cell.policy.name},
                      {"entries", cell.entries},
                      {"requests", outcome.requests},
                      {"hit_rate", outcome.hit_rate(cell)}});
      if (cell.estimated) rows.back().as_object()["estimated"] = true;
    }
  }
  print_json(rows);
}

void print_as_table(const std::vector<TraceOutcome>& outcomes) {
  Table table({"trace", "policy", "entries", "requests", "hit rate"});
  for (const TraceOutcome& outcome : outcomes) {
    for (const Cell& cell : outcome.cells) {
      table.add({outcome.trace, std::string(cell.policy.name), format_count(cell.entries),
                 format_count(outcome.requests),
                 (cell.estimated ? "~" : "") + format_percent(outcome.hit_rate(cell))});
    }
  }
  fmt::print("{}", table.text(0, 2));
}

PlotPanel panel_of(const TraceOutcome& outcome) {
  PlotPanel panel{outcome.trace, outcome.requests, {}};
  for (const Cell& cell : outcome.cells) {
    auto line = std::ranges::find(panel.lines, cell.policy.name, &PlotLine::policy);
    if (line == panel.lines.end())
      line = panel.lines.insert(line, PlotLine{std::string(cell.policy.name), {}});
    line->hit_rates[cell.entries] = outcome.hit_rate(cell);
  }
  return panel;
}

void plot(const std::vector<TraceOutcome>& outcomes, const std::string& path) {
  std::vector<PlotPanel> panels;
  for (const TraceOutcome& outcome : outcomes) panels.push_back(panel_of(outcome));
  write_result_file(path, hit_ratio_plot(panels));
}

int run(const SimulateArguments& arguments) {
  const auto policies = policies_of(arguments.policies);
  const auto sizes = cache_sizes(arguments.sizes);
  const auto options = arguments.traces.options();
  if (arguments.plot) check_plot(*arguments.plot);
  if (arguments.curve) check_curve(policies);
  const unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<TraceOutcome> outcomes;
  ProgressBar progress;
  for (const std::string& file : arguments.traces.files) {
    Simulation simulation(policies, sizes, threads, arguments.curve);
    outcomes.push_back(simulate(file, options, simulation, progress));
  }
  arguments.json ? print_as_json(outcomes) : print_as_table(outcomes);
  if (arguments.plot) plot(outcomes, *arguments.plot);
  return exit_ok;
}

}  // namespace

void add_simulate_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<SimulateArguments>();
  CLI::App* const command =
      app.add_subcommand("simulate", "Computes the hit rate of each eviction policy at each cache size");
  arguments->traces.declare(*command);
  command
      ->add_option("--policy", arguments->policies,
                   "Policies, separated by commas (" + arguments->policies +
                       "); belady is the optimum, which knows the future")
      ->option_text("a,b");
  command
      ->add_option("--entries", arguments->sizes,
                   "Cache sizes in entries, separated by commas; n..m is twelve sizes from n to m (required)")
      ->required()
      ->option_text("n,m");
  command->add_flag("--curve", arguments->curve,
                    "Also estimate a quarter, half, twice and four times each size (marked ~)");
  command->add_option("--plot", arguments->plot, "Also draw the hit rates over the sizes, as FILE.svg")
      ->option_text("FILE");
  command->add_flag("--json", arguments->json, "Print one JSON array instead of a table");
  command->footer(
      "Runs each trace, in one pass, through one cache for each policy and size. Every miss inserts\n"
      "an entry. Every entry counts as one, whatever its size in bytes. Nothing is loaded and no\n"
      "server is needed. The policy belady needs memory for the whole trace: 8 bytes per request,\n"
      "16 to 40 per key.\n\n" +
      std::string(trace_formats_help) +
      "\n\nExamples:\n"
      "  terrace simulate trace.keys.zst --policy lru,s3fifo --entries 1000,10000\n"
      "  terrace simulate trace.keys.zst --policy belady,adaptive,lru --entries 100..100000 --plot hits.svg\n"
      "  zcat access.log.gz | terrace simulate - --format log --entries 5000 --json");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace terrace::cli
