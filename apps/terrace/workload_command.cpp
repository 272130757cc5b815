#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "commands.hpp"
#include "exit_code.hpp"
#include "units.hpp"
#include "usage_error.hpp"
#include "workload.hpp"

namespace terrace::cli {
namespace {

struct WorkloadArguments {
  std::string requests = "500000";
  std::string keys = "50000";
  std::string seed = "1";
  double skew = 0.9;
};

void write_out(const fmt::memory_buffer& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    throw std::runtime_error(std::string("standard output cannot be written: ") + std::strerror(errno));
  }
}

int run(const WorkloadArguments& arguments) {
  constexpr std::size_t flush_size = 1 << 16;
  constexpr std::uint64_t most_keys = 1'000'000'000;
  constexpr double largest_skew = 3;
  if (!(arguments.skew >= 0 && arguments.skew <= largest_skew)) {
    throw UsageError(fmt::format("--skew {} is out of range: from 0 (all keys alike) to 3", arguments.skew));
  }
  WorkloadOptions options;
  options.requests = parse_count(arguments.requests, "--requests", 1, UINT64_MAX);
  options.keys = parse_count(arguments.keys, "--keys", 1, most_keys);
  options.seed = parse_count(arguments.seed, "--seed", 0, UINT64_MAX);
  options.skew = arguments.skew;

  Workload workload(options);
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text), "time,key,size\n");
  for (std::uint64_t i = 0; i < options.requests; ++i) {
    const Workload::Item item = workload.next();
    fmt::format_to(std::back_inserter(text), "{},{},{}\n", item.time, item.key, item.size);
    if (text.size() < flush_size) continue;
    write_out(text);
    text.clear();
  }
  write_out(text);
  if (std::fflush(stdout) != 0) throw std::runtime_error("standard output cannot be written");
  return exit_ok;
}

}  // namespace

void add_workload_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<WorkloadArguments>();
  CLI::App* const command =
      app.add_subcommand("workload", "Writes a synthetic trace, as CSV, to standard output");
  command->add_option("--requests", arguments->requests, "Number of requests (500000)")->option_text("N");
  command
      ->add_option("--keys", arguments->keys,
                   "Keys in the catalogue; some requests are for other keys (50000)")
      ->option_text("N");
  command->add_option("--seed", arguments->seed, "Another seed gives another trace (1)")->option_text("S");
  command->add_option("--skew", arguments->skew, "Zipf exponent, from 0 (all keys alike) to 3 (0.9)")
      ->option_text("X");
  command->footer(
      "Zipf popularity that drifts, keys that are requested only once, occasional scans, lognormal\n"
      "sizes. The trace is synthetic: it resembles real traffic, but proves nothing about yours. The\n"
      "same options give the same trace.\n\n"
      "Examples:\n"
      "  terrace workload --seed 7 > trace.csv\n"
      "  terrace workload --requests 2000000 | terrace simulate - --policy lru,s3fifo --entries 5000");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace terrace::cli
