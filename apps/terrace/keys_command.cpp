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
    if (arguments.force) throw UsageError("--force replaces the file of --out: give --out FILE as well");
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
      return "Added a key. Give the file to every process that reads entries. When all of them have it, run "
             "--promote.";
    case RotationStep::promote:
      return "Promoted the new key. Give the file to every process. When all of them have it, and entries "
             "sealed "
             "with the old key have expired, run --retire.";
    case RotationStep::retire:
      return "Retired the old keys. Give the file to every process. Entries that are still sealed with the "
             "old "
             "keys are misses now.";
  }
  return "";
}

int rotate(const RotateArguments& arguments) {
  (void)KeyRing::from_file(arguments.file,
                           KeyRing::Owner::any);  // that it is a sound one, and nobody else's to read
  std::ifstream file(arguments.file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  replace_secret_file(arguments.file, rotate_key_ring(text, arguments.step()));
  fmt::print(stderr, "{}\n", what_next(arguments.step()));
  return exit_ok;
}

void add_generate(CLI::App& keys, int& exit_code) {
  auto arguments = std::make_shared<GenerateArguments>();
  CLI::App* const command = keys.add_subcommand("generate", "Creates a key ring with one new key");
  command
      ->add_option("--out", arguments->out,
                   "File to write, readable only by its owner; default: standard output")
      ->option_text("FILE");
  command->add_flag("--force", arguments->force, "Replace FILE; entries sealed with its keys become misses");
  command->callback([arguments, &exit_code] { exit_code = generate(*arguments); });
}

void add_rotate(CLI::App& keys, int& exit_code) {
  auto arguments = std::make_shared<RotateArguments>();
  CLI::App* const command =
      keys.add_subcommand("rotate", "Replaces the key that seals entries, in three steps");
  command->add_option("FILE", arguments->file, "The key file")->required();
  CLI::Option_group* const step = command->add_option_group("step", "Give one step at a time, in this order");
  step->add_flag("--add", arguments->add, "Add a new key, which only opens entries");
  step->add_flag("--promote", arguments->promote,
                 "Seal entries with the new key; the old key only opens them");
  step->add_flag("--retire", arguments->retire, "Reject entries sealed with older keys");
  step->require_option(1);
  command->footer("Give the new file to every process before the next step: docs/sealing.md.");
  command->callback([arguments, &exit_code] { exit_code = rotate(*arguments); });
}

}  // namespace

void add_keys_command(CLI::App& app, int& exit_code) {
  CLI::App* const keys = app.add_subcommand("keys", "Creates and rotates the keys that seal entries");
  keys->require_subcommand(1);
  keys->footer(
      "Examples:\n"
      "  terrace keys generate --out /etc/app/terrace.keys\n"
      "  terrace keys rotate /etc/app/terrace.keys --add");
  add_generate(*keys, exit_code);
  add_rotate(*keys, exit_code);
}

}  // namespace terrace::cli
