/// terrace: the command line. Looks at caches that run and changes them, serves them, replays traces,
/// simulates policies, makes up workloads, looks into journals.

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <terrace/result.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "logins.hpp"
#include "traces/trace_error.hpp"
#include "usage_error.hpp"

namespace {

using namespace terrace::cli;

int run(CLI::App& app, int argc, char** argv, const int& exit_code) {
  const std::vector<std::string> words(argv, argv + argc);
  const auto fail = [&](const std::exception& error, int code) {
    std::fflush(stdout);
    fmt::print(stderr, "terrace: {}\n", without_logins(error.what(), words));
    return code;
  };
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    std::string command = "terrace";
    for (const CLI::App* chosen : app.get_subcommands()) command += " " + chosen->get_name();
    fail(error, exit_usage);
    fmt::print(stderr, "Try `{} --help`.\n", command);
    return exit_usage;
  } catch (const UsageError& error) {
    return fail(error, exit_usage);
  } catch (const terrace::traces::TraceError& error) {
    return fail(error, exit_usage);
  } catch (const terrace::ConfigError& error) {
    return fail(error, exit_usage);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "terrace: not enough memory: choose smaller caches\n");
    return exit_failed;
  } catch (const std::exception& error) {
    return fail(error, exit_failed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away (`| head`) is an error of the write, not the end of the process without a word.
  std::signal(SIGPIPE, SIG_IGN);
  // Standard output is for what programs read. A command tells of a server that is away itself; `serve` has a
  // log.
  spdlog::set_default_logger(spdlog::stderr_color_mt("terrace"));
  spdlog::set_level(spdlog::level::err);
  int exit_code = exit_ok;
  CLI::App app("Inspects, changes and serves multi-level caches, and tests them on traces.", "terrace");
  app.set_version_flag("--version", "terrace " TERRACE_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 the run failed, 2 wrong arguments or input, 130 ended by Ctrl-C.\n"
      "`terrace COMMAND --help` shows the options of a command, with examples.");
  add_stats_command(app, exit_code);
  add_top_command(app, exit_code);
  add_get_command(app, exit_code);
  add_set_command(app, exit_code);
  add_erase_command(app, exit_code);
  add_invalidate_command(app, exit_code);
  add_explain_command(app, exit_code);
  add_warm_command(app, exit_code);
  add_doctor_command(app, exit_code);
  add_config_command(app, exit_code);
  add_keys_command(app, exit_code);
  add_replay_command(app, exit_code);
  add_serve_command(app, exit_code);
  add_simulate_command(app, exit_code);
  add_workload_command(app, exit_code);
  add_journal_command(app, exit_code);
  add_ring_command(app, exit_code);
  add_describe_command(app, exit_code);
  return run(app, argc, argv, exit_code);
}
