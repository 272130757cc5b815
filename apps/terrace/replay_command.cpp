#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <terrace/admin.hpp>
#include <thread>

#include "commands.hpp"
#include "end_signals.hpp"
#include "eviction_option.hpp"
#include "exit_code.hpp"
#include "json_output.hpp"
#include "replay/replay.hpp"
#include "replay/report.hpp"
#include "trace_arguments.hpp"
#include "units.hpp"
#include "usage_error.hpp"

namespace terrace::cli {
namespace {

/// Less would hold not even one small entry.
constexpr std::uint64_t least_memory_bytes = 1024;

struct ReplayArguments {
  TraceArguments traces;
  std::string memory_entries;
  std::string memory_bytes;
  std::string eviction = "adaptive";
  std::vector<std::string> tiers;
  std::string redis;
  std::string sqlite;
  std::string origin_latency = "200us";
  std::string value_size = "1024";
  std::string ttl = "1h";
  std::string threads = "1";
  std::string time_limit;
  std::string serve;
  bool clear = false;
  bool json = false;
};

/// Ends the replay: by Ctrl-C, or since its time is over.
std::atomic<bool> interrupted{false};

/// Sets `interrupted` after a while, unless it goes before.
class TimeLimit {
 public:
  explicit TimeLimit(std::optional<Duration> limit) {
    if (!limit) return;
    thread_ = std::jthread([this, limit = *limit](const std::stop_token& stop) {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, limit, [] { return false; });
      if (stop.stop_requested() || interrupted) return;
      over_ = true;
      interrupted = true;
    });
  }
  [[nodiscard]] bool is_over() const noexcept { return over_; }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::atomic<bool> over_{false};
  std::jthread thread_;
};

/// The first Ctrl-C ends the replay and shows what was measured; the second ends the program at once.
void end_replay_on_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
}

/// A path as it stands in a tier URL. The replay is the only process, so the file is everybody's.
std::string sqlite_url(const std::string& path) {
  std::string url = "sqlite:";
  for (const char c : path) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                       std::string_view("._-").find(c) != std::string_view::npos ||
                       (c == '/' && url.size() > 7);
    url += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return url + "?scope=fleet";
}

std::vector<std::string> tier_urls(const ReplayArguments& arguments) {
  if (!arguments.tiers.empty() && !(arguments.redis.empty() && arguments.sqlite.empty())) {
    throw UsageError(
        "--tier cannot be combined with --redis and --sqlite, which are short for it: give every level as a "
        "--tier, the upper one first, as in --tier redis://127.0.0.1 --tier 'sqlite:cache.db?scope=fleet'");
  }
  std::vector<std::string> urls = arguments.tiers;
  if (!arguments.redis.empty()) urls.push_back(arguments.redis);
  if (!arguments.sqlite.empty()) urls.push_back(sqlite_url(arguments.sqlite));
  return urls;
}

LevelOptions level_options(const ReplayArguments& arguments) {
  constexpr std::uint64_t most_entries = 1'000'000'000;
  constexpr std::string_view default_entries = "10000";
  LevelOptions options;
  if (!arguments.memory_bytes.empty()) {
    options.memory_bytes = parse_bytes(arguments.memory_bytes, "--memory-bytes");
    if (options.memory_bytes < least_memory_bytes) {
      throw UsageError("--memory-bytes " + arguments.memory_bytes + " holds no entry: give 1KiB or more");
    }
  } else {
    const std::string_view entries =
        arguments.memory_entries.empty() ? default_entries : arguments.memory_entries;
    options.memory_entries = parse_count(entries, "--memory-entries", 1, most_entries);
  }
  options.eviction = eviction_option(arguments.eviction, "--eviction");
  options.tiers = tier_urls(arguments);
  options.ttl = parse_duration(arguments.ttl, "--ttl", std::chrono::seconds(1));
  if (*options.ttl <= Duration{})
    throw UsageError("--ttl 0 would keep nothing: give a time above 0, as in 1h");
  options.origin_latency = parse_duration(arguments.origin_latency, "--origin-latency");
  return options;
}

ReplayOptions replay_options(const ReplayArguments& arguments) {
  constexpr std::uint64_t most_threads = 1024;
  ReplayOptions options;
  options.files = arguments.traces.files;
  options.reading = arguments.traces.options(&interrupted);
  options.origin_latency = parse_duration(arguments.origin_latency, "--origin-latency");
  options.value_size = parse_bytes(arguments.value_size, "--value-size");
  if (options.value_size > max_value_size) {
    throw UsageError(fmt::format("--value-size {} is over the limit of {}", arguments.value_size,
                                 format_bytes(max_value_size)));
  }
  options.threads = static_cast<unsigned>(parse_count(arguments.threads, "--threads", 1, most_threads));
  return options;
}

/// A trace that cannot be read must not be found out after the first one was replayed.
void check_files(const ReplayOptions& options) {
  for (const std::string& file : options.files) {
    if (file != "-") traces::TraceReader(file, options.reading);
  }
}

void warn_of_silent_levels(const std::vector<Levels::Silent>& silent) {
  for (const auto& level : silent) {
    fmt::print(stderr, "terrace: {} does not answer ({}): the replay continues without this level\n",
               level.name, level.why);
  }
}

/// What went wrong on the way, on standard error.
void warn(const ReplayOutcome& outcome, bool time_is_over) {
  for (const ReplayedTrace& trace : outcome.traces) warn_of_bad_lines(trace.file, trace.report);
  const Tally& tally = outcome.tally;
  if (tally.errors() > 0) {
    fmt::print(stderr, "terrace: {} requests ended in an error:\n", format_count(tally.errors()));
    for (const FailedRequest& failed : tally.failed()) {
      const std::string& file = outcome.traces[failed.file].file;
      fmt::print(stderr, "  {}, line {}: {}\n", traces::source_name(file), failed.line, failed.why);
    }
    if (tally.errors() > tally.failed().size()) fmt::print(stderr, "  …\n");
  }
  for (const LevelState& level : outcome.levels) {
    if (level.errors == 0) continue;
    fmt::print(stderr, "terrace: {} did not answer {} requests, which continued below it\n", level.name,
               format_count(level.errors));
  }
  if (outcome.interrupted) {
    fmt::print(stderr, "terrace: {}: the figures so far follow\n",
               time_is_over ? "the time limit is reached" : "interrupted");
  }
}

/// Shows the levels on a status page.
std::unique_ptr<AdminServer> serve(const Levels& levels, const std::string& listen) {
  auto server = std::make_unique<AdminServer>(AdminOptions{.listen = listen});
  server->add(levels.cache());
  fmt::print(stderr, "terrace: {}/ shows the replay while it runs\n", server->url());
  return server;
}

int run(const ReplayArguments& arguments) {
  const LevelOptions level_settings = level_options(arguments);
  const ReplayOptions options = replay_options(arguments);
  check_files(options);
  Levels levels(level_settings);
  warn_of_silent_levels(levels.silent_levels());
  if (arguments.clear) levels.clear();
  std::optional<Duration> time_limit;
  if (!arguments.time_limit.empty())
    time_limit = parse_duration(arguments.time_limit, "--time-limit", std::chrono::seconds(1));
  const auto server = arguments.serve.empty() ? nullptr : serve(levels, arguments.serve);
  end_replay_on_interrupt();
  const TimeLimit limit(time_limit);
  const ReplayOutcome outcome = replay(levels, options);
  warn(outcome, limit.is_over());
  if (arguments.json) {
    print_json(replay_json(outcome));
  } else {
    fmt::print("{}", replay_text(outcome));
  }
  if (outcome.tally.wrong() > 0) {
    throw std::runtime_error(
        fmt::format("{} values do not belong to their keys: the levels contain values of another source, "
                    "or terrace has a bug (--clear removes the entries of earlier runs)",
                    outcome.tally.wrong()));
  }
  if (outcome.interrupted && !limit.is_over()) return exit_interrupted;
  if (server) {
    EndSignals end;
    fmt::print(arguments.json ? stderr : stdout, "\nStatus page: {}/ (Ctrl-C ends it)\n", server->url());
    std::fflush(stdout);
    end.wait();
  }
  return exit_ok;
}

void declare_options(CLI::App& command, ReplayArguments& arguments) {
  arguments.traces.declare(command);
  CLI::Option* const entries =
      command.add_option("--memory-entries", arguments.memory_entries, "Number of entries in memory (10000)")
          ->option_text("N");
  command.add_option("--memory-bytes", arguments.memory_bytes, "Bound memory by bytes instead, as in 64MiB")
      ->option_text("N")
      ->excludes(entries);
  command
      .add_option("--eviction", arguments.eviction,
                  fmt::format("Eviction policy of memory: {} (adaptive)", fmt::join(eviction_names(), ", ")))
      ->option_text("NAME");
  command
      .add_option("--tier", arguments.tiers,
                  "A level below memory, as in redis://127.0.0.1:6379; repeat for the next level below")
      ->option_text("URL")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  command.add_option("--redis", arguments.redis, "Short for --tier URL")->option_text("URL");
  command
      .add_option("--sqlite", arguments.sqlite,
                  "Short for --tier sqlite:PATH?scope=fleet, below --redis; creates a missing file")
      ->option_text("PATH");
  command.add_option("--origin-latency", arguments.origin_latency, "Time of a load at the origin (200us)")
      ->option_text("TIME");
  command
      .add_option("--value-size", arguments.value_size, "Bytes of a value, for a trace without sizes (1024)")
      ->option_text("N");
  command.add_option("--ttl", arguments.ttl, "TTL of entries; seconds, or with a unit (1h)")
      ->option_text("S");
  command
      .add_option("--threads", arguments.threads, "Concurrent callers; one keeps the order of the trace (1)")
      ->option_text("N");
  command
      .add_option("--time-limit", arguments.time_limit,
                  "End the replay after this time, and show the figures so far")
      ->option_text("TIME");
  command.add_flag(
      "--serve{127.0.0.1:9390}", arguments.serve,
      "Show the replay on a status page while it runs, and after it until Ctrl-C; --serve=HOST:PORT "
      "for another address, port 0: any free port");
  command.add_flag("--clear", arguments.clear, "First remove the entries of earlier replays from the levels");
  command.add_flag("--json", arguments.json, "Print one JSON object instead of text");
}

}  // namespace

void add_replay_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* const command =
      app.add_subcommand("replay", "Replays traces through cache levels, and measures hits and latency");
  declare_options(*command, *arguments);
  command->footer(
      "Looks up each key of the traces in the cache. A value in no level is loaded from a simulated\n"
      "origin. Shows hits and latency of each level, and the time saved. The levels below memory\n"
      "keep the entries of a replay (namespace \"replay\") for --ttl. A second replay finds them,\n"
      "unless --clear is given.\n\n" +
      std::string(trace_formats_help) +
      "\n\nExamples:\n"
      "  terrace replay trace.keys.zst --memory-entries 20000\n"
      "  terrace replay access.log --redis redis://127.0.0.1 --sqlite cache.db --origin-latency 5ms "
      "--threads 8\n"
      "  terrace replay access.log --tier 'sharded:redis://a,redis://b' --tier sqlite:cache.db?scope=fleet\n"
      "  terrace replay access.log --tier 'replicated:redis://a,redis://b,redis://c?consistency=strong'\n"
      "  terrace workload | terrace replay - --memory-bytes 16MiB --json\n"
      "  terrace replay access.log --sqlite cache.db --serve");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace terrace::cli
