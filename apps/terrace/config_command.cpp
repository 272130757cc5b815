#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <stdexcept>
#include <terrace/config.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "json_output.hpp"
#include "logins.hpp"
#include "units.hpp"

namespace terrace::cli {
namespace {

struct CheckArguments {
  std::string file;
  bool connect = false;
  std::string limit = "3s";
  bool json = false;
};

bool is_mistake(const ConfigFinding& finding) {
  return finding.kind == ConfigFinding::Kind::mistake;
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw std::runtime_error("standard output cannot be written");
}

void print_as_json(const std::vector<ConfigFinding>& findings, const std::string& file) {
  boost::json::array all;
  for (const ConfigFinding& finding : findings) {
    all.push_back({{"kind", is_mistake(finding) ? "mistake" : "warning"},
                   {"line", finding.line},
                   {"column", finding.column},
                   {"where", finding.where},
                   {"what", finding.what}});
  }
  const auto mistakes = std::count_if(findings.begin(), findings.end(), is_mistake);
  print_json(boost::json::object{{"file", file},
                                 {"mistakes", mistakes},
                                 {"warnings", static_cast<std::int64_t>(findings.size()) - mistakes},
                                 {"findings", std::move(all)}});
}

void print_as_lines(const std::vector<ConfigFinding>& findings, const std::string& file) {
  std::string text;
  for (const ConfigFinding& finding : findings) text += to_string(finding, file) + "\n";
  print(text);
  const auto mistakes = static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(), is_mistake));
  const auto counted = [](std::size_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
  };
  fmt::print(stderr, "{}: {}, {}\n", file, counted(mistakes, "mistake"),
             counted(findings.size() - mistakes, "warning"));
}

int check(const CheckArguments& arguments) {
  const Duration limit = parse_duration(arguments.limit, "--timeout");
  const Config config = Config::check(arguments.file);
  std::vector<ConfigFinding> findings = config.findings();
  if (arguments.connect && config.valid()) {
    for (ConfigFinding& finding : probe(config, limit)) findings.push_back(std::move(finding));
    std::stable_sort(findings.begin(), findings.end(),
                     [](const auto& a, const auto& b) { return a.line < b.line; });
  }
  const std::string file = without_login(arguments.file);
  if (arguments.json) {
    print_as_json(findings, file);
  } else {
    print_as_lines(findings, file);
  }
  return std::any_of(findings.begin(), findings.end(), is_mistake) ? exit_usage : exit_ok;
}

void add_check(CLI::App& config, int& exit_code) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* const command =
      config.add_subcommand("check", "Reports every mistake, and settings that are probably not intended");
  command->add_option("FILE", arguments->file, "The configuration")->required();
  command->add_flag("--connect", arguments->connect, "Also ask the servers; changes nothing there");
  command->add_option("--timeout", arguments->limit, "Longest time for all servers together (3s)")
      ->option_text("DURATION")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print one JSON object on one line");
  command->footer(
      "Reads the environment variables and secret files that FILE names. Exit code 2 if there is a\n"
      "mistake.\n\n"
      "Examples:\n"
      "  terrace config check terrace.toml\n"
      "  terrace config check terrace.toml --connect --json");
  command->callback([arguments, &exit_code] { exit_code = check(*arguments); });
}

}  // namespace

void add_config_command(CLI::App& app, int& exit_code) {
  CLI::App* const config = app.add_subcommand("config", "Checks configuration files");
  config->require_subcommand(1);
  add_check(*config, exit_code);
  CLI::App* const example = config->add_subcommand("example", "Prints a documented example configuration");
  example->callback([&exit_code] {
    print(std::string(example_config()));
    exit_code = exit_ok;
  });
}

}  // namespace terrace::cli
