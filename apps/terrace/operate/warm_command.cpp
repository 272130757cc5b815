#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <future>
#include <mutex>
#include <terrace/warm_sources.hpp>

#include "commands.hpp"
#include "end_signals.hpp"
#include "exit_code.hpp"
#include "operate/json_fields.hpp"
#include "operate/output.hpp"
#include "progress.hpp"
#include "units.hpp"
#include "usage_error.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

struct WarmArguments {
  TargetOptions target;
  std::string cache;
  std::string keys, log;
  AccessLogOptions of_log;
  std::string top, concurrency = "64";

  [[nodiscard]] std::vector<std::string> all_keys() const {
    if (!keys.empty()) return keys_from_file(keys);
    std::vector<std::string> out;
    AccessLogOptions options = of_log;
    if (!top.empty()) options.top = parse_count(top, "--top", 1, 100'000'000);
    for (HotKey& hot : hottest_keys(log, options)) out.push_back(std::move(hot.key));
    return out;
  }
};

/// How far it is, told by one thread and looked at by another.
class Progress {
 public:
  void tell(const WarmProgress& now) {
    const std::lock_guard lock(mutex_);
    now_ = now;
  }
  void draw(ProgressBar& bar) const {
    const std::lock_guard lock(mutex_);
    if (now_.total == 0) return;
    bar.show(static_cast<double>(now_.ended()) / static_cast<double>(now_.total), now_.ended(),
             now_.failed > 0 ? fmt::format("{} failed", format_count(now_.failed)) : "");
  }

 private:
  mutable std::mutex mutex_;
  WarmProgress now_;
};

/// Waits for the answer, and for Ctrl-C meanwhile: then no more keys are begun. A second one ends the program
/// as it always would.
Answer await(std::future<Answer>& answer, std::optional<EndSignals>& signals, const Progress& progress,
             std::stop_source& stop) {
  ProgressBar bar("keys");
  while (answer.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    progress.draw(bar);
    if (!signals || !signals->wait_for({})) continue;
    bar.clear();
    fmt::print(
        stderr,
        "terrace: starts no more keys, and waits for those in progress; Ctrl-C again ends it at once\n");
    signals.reset();
    stop.request_stop();
  }
  return answer.get();
}

void tell_failures(const json::object& report) {
  const json::array& failures = array(report, "failures");
  for (const json::value& one : failures) {
    const json::object& failure = object(one);
    fmt::print(stderr, "terrace: {}: {} ({} attempts)\n", text(failure, "key"), text(failure, "error"),
               shown_count(failure, "attempts"));
  }
  if (count(report, "failed") > failures.size()) {
    fmt::print(stderr, "terrace: and {} more\n", format_count(count(report, "failed") - failures.size()));
  }
}

std::string report_text(const json::object& report) {
  std::string out = fmt::format("{}: {} keys in {}\n", text(report, "cache"), shown_count(report, "total"),
                                shown_seconds(number(report, "elapsed_s")));
  constexpr std::array lines{std::pair{"warmed", "loaded"}, std::pair{"present", "already in a level"},
                             std::pair{"absent", "in no level"}, std::pair{"failed", "failed"},
                             std::pair{"skipped", "not started"}};
  for (const auto& [name, what] : lines) {
    const bool always = std::string_view(name) == "present" || std::string_view(name) == "warmed";
    if (always || count(report, name) > 0)
      out += fmt::format("  {:>9}  {}\n", shown_count(report, name), what);
  }
  return out;
}

int warm(const WarmArguments& arguments) {
  if (arguments.keys.empty() && !arguments.top.empty() && arguments.log.empty())
    throw UsageError("--top is only for --log");
  Progress progress;
  std::stop_source stop;
  const WarmCall call{.cache = arguments.cache,
                      .keys = arguments.all_keys(),
                      .concurrency = parse_count(arguments.concurrency, "--concurrency", 1, 4096),
                      .stop = stop.get_token(),
                      .progress = [&](const WarmProgress& now) { progress.tell(now); }};
  if (call.keys.empty()) throw UsageError(arguments.keys + " contains no keys: write one key per line");
  const auto target = arguments.target.open();
  std::optional<EndSignals> signals(std::in_place);  // before anything is under way that Ctrl-C would cut off
  auto answer = std::async(std::launch::async, [&] { return target->warm(call); });
  const Answer told = await(answer, signals, progress, stop);
  return finish(told, arguments.target.json, [&](const json::object& report, bool as_text) {
    if (as_text) {
      tell_failures(report);
      print(report_text(report));
    }
    if (stop.stop_requested()) return exit_interrupted;
    return count(report, "failed") > 0 ? exit_failed : exit_ok;
  });
}

}  // namespace

void add_warm_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<WarmArguments>();
  CLI::App* const command = app.add_subcommand("warm", "Fills a cache before users ask");
  command->add_option("CACHE", arguments->cache, "The cache")->required();
  CLI::Option_group* const source = command->add_option_group("source", "Give one of these");
  source->add_option("--keys", arguments->keys, "File with keys, one per line")->option_text("FILE");
  CLI::Option* const log =
      source->add_option("--log", arguments->log, "Access log; its hottest keys are warmed")
          ->option_text("FILE");
  source->require_option(1);
  command
      ->add_option("--pattern", arguments->of_log.pattern,
                   "Lines of the log that count, as a regular expression (successful GETs)")
      ->option_text("RE")
      ->needs(log);
  command
      ->add_option("--key", arguments->of_log.key,
                   "Key for such a line; {1} is the first group of the pattern")
      ->option_text("TEMPLATE")
      ->needs(log);
  command->add_option("--top", arguments->top, "Number of hottest keys (1000)")->option_text("N")->needs(log);
  command->add_option("--concurrency", arguments->concurrency, "Keys in progress at the same time (64)")
      ->option_text("N")
      ->capture_default_str();
  arguments->target.add_to(*command);
  command->footer(
      "A program that serves its own caches loads the keys as its add_warming() call says; otherwise,\n"
      "and with --config, keys are copied up from lower levels. Ctrl-C ends the command in order,\n"
      "with a report (exit code 130).\n\n"
      "Examples:\n"
      "  terrace warm users --keys hot.txt\n"
      "  terrace warm pages --log access.log --top 5000 --key 'page:{1}' --concurrency 16");
  on_run(*command, exit_code, [arguments] { return warm(*arguments); });
}

}  // namespace terrace::cli
