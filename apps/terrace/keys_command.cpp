#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <terrace/key_ring.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "secret_file.hpp"
#include "usage_error.hpp"

namespace terrace::cli {
namespace {

struct GenerateArguments {
  std::string out;
  bool force = false;
};

int generate(const GenerateArguments& arguments) {
  const std::string text = generate_key_ring();
  if (arguments.out.empty()) {
    if (arguments.force) throw UsageError("--force replaces the file of --out FILE: give that, too");
    fmt::print("{}", text);
    if (std::fflush(stdout) != 0) throw std::runtime_error("standard output cannot be written");
  } else if (arguments.force && std::filesystem::exists(arguments.out)) {
    replace_secret_file(arguments.out, text);
  } else {
    create_secret_file(arguments.out, text);
  }
  return exit_ok;
}

struct RotateArguments {
  std::string file;
  bool add = false;
  bool promote = false;
  bool retire = false;

  [[nodiscard]] RotationStep step() const {
    if (add) return RotationStep::add;
    return promote ? RotationStep::promote : RotationStep::retire;
  }
};

constexpr const char* what_next(RotationStep step) {
  switch (step) {
    case RotationStep::add:
      return "Added a key. Give the file to every process that reads; when all of them have it: --promote.";
    case RotationStep::promote:
      return "Promoted the new key. Give the file to every process; when all of them have it, and what the "
             "old key "
             "sealed has expired: --retire.";
    case RotationStep::retire:
      return "Retired the old keys. Give the file to every process; what is still sealed with them is a miss "
             "now.";
  }
  return "";
}

int rotate(const RotateArguments& arguments) {
  (void)KeyRing::from_file(arguments.file);  // that it is a sound one, and nobody else's to read
  std::ifstream file(arguments.file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  replace_secret_file(arguments.file, rotate_key_ring(text, arguments.step()));
  fmt::print(stderr, "{}\n", what_next(arguments.step()));
  return exit_ok;
}

void add_generate(CLI::App& keys, int& exit_code) {
  auto arguments = std::make_shared<GenerateArguments>();
  CLI::App* const command = keys.add_subcommand("generate", "Makes a ring with one new key");
  command->add_option("--out", arguments->out, "Write it here, for the owner only; else to standard output")
      ->option_text("FILE");
  command->add_flag("--force", arguments->force, "Replace FILE: what its keys sealed is lost");
  command->callback([arguments, &exit_code] { exit_code = generate(*arguments); });
}

void add_rotate(CLI::App& keys, int& exit_code) {
  auto arguments = std::make_shared<RotateArguments>();
  CLI::App* const command = keys.add_subcommand("rotate", "Changes the key that seals, in three steps");
  command->add_option("FILE", arguments->file, "The key file")->required();
  CLI::Option_group* const step = command->add_option_group("step", "One at a time, in this order");
  step->add_flag("--add", arguments->add, "Add a new key that only opens");
  step->add_flag("--promote", arguments->promote, "Let the new key seal, and the old one open");
  step->add_flag("--retire", arguments->retire, "Refuse what keys before the one that seals have sealed");
  step->require_option(1);
  command->footer("After each step every process needs the new file before the next: docs/sealing.md.");
  command->callback([arguments, &exit_code] { exit_code = rotate(*arguments); });
}

}  // namespace

void add_keys_command(CLI::App& app, int& exit_code) {
  CLI::App* const keys =
      app.add_subcommand("keys", "Makes and rotates the keys that entries are sealed with");
  keys->require_subcommand(1);
  keys->footer(
      "Examples:\n"
      "  terrace keys generate --out /etc/app/terrace.keys\n"
      "  terrace keys rotate /etc/app/terrace.keys --add");
  add_generate(*keys, exit_code);
  add_rotate(*keys, exit_code);
}

}  // namespace terrace::cli
