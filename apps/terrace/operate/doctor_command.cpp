#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "operate/doctor.hpp"
#include "operate/output.hpp"
#include "operate/terminal_text.hpp"
#include "service/text_json.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

std::string_view name_of(Check::State state) {
  if (state == Check::State::ok) return "ok";
  return state == Check::State::warning ? "warning" : "failure";
}

std::string counted(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

int doctor(const TargetOptions& options) {
  Checks checks;
  if (options.is_direct()) {
    examine_config(options.config, options.limit(), checks);
  } else {
    examine_server(options.address(), checks);
  }
  print(options.json ? harmless_json(checks.json()) + "\n" : checks.text());
  return checks.count(Check::State::failure) > 0 ? exit_failed : exit_ok;
}

}  // namespace

std::size_t Checks::count(Check::State state) const {
  return static_cast<std::size_t>(
      std::count_if(all_.begin(), all_.end(), [&](const Check& check) { return check.state == state; }));
}

std::string Checks::verdict() const {
  const std::size_t failures = count(Check::State::failure);
  const std::size_t warnings = count(Check::State::warning);
  const std::string also = warnings > 0 ? counted(warnings, "warning") : "";
  if (failures == 0) return also.empty() ? "ok" : "ok, with " + also;
  return "not ok: " + counted(failures, "failure") + (also.empty() ? "" : ", " + also);
}

std::string Checks::text() const {
  std::string out;
  for (const Check& check : all_) {
    out += fmt::format("{:<8} {}: {}\n", name_of(check.state), harmless(std::string_view(check.what)),
                       harmless(std::string_view(check.found)));
    if (!check.remedy.empty()) out += fmt::format("         remedy: {}\n", check.remedy);
  }
  return out + "Verdict: " + verdict() + "\n";
}

json::object Checks::json() const {
  json::array checks;
  for (const Check& check : all_) {
    checks.push_back({{"state", name_of(check.state)},
                      {"what", service::text_or_bytes(check.what)},
                      {"found", service::text_or_bytes(check.found)},
                      {"remedy", check.remedy.empty() ? json::value(nullptr) : json::value(check.remedy)}});
  }
  return {{"verdict", verdict()},
          {"failures", count(Check::State::failure)},
          {"warnings", count(Check::State::warning)},
          {"checks", std::move(checks)}};
}

void add_doctor_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<TargetOptions>();
  options->timeout = "5s";
  CLI::App* const command =
      app.add_subcommand("doctor", "Finds problems of a server or a configuration, and names remedies");
  options->add_to(*command);
  command->footer(
      "With --config it checks the file, the servers and files of its tiers (a probe key is written,\n"
      "read and erased in each), the clocks, and the limit of open files. Otherwise it checks the\n"
      "endpoint, its token, health and alerts. Exit code 1 if a check failed; warnings alone give 0.\n\n"
      "Examples:\n"
      "  terrace doctor --config terrace.toml\n"
      "  terrace doctor --server https://cache.example:9390 --token-file token");
  on_run(*command, exit_code, [options] { return doctor(*options); });
}

}  // namespace terrace::cli
