#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "describe/documents.hpp"
#include "exit_code.hpp"
#include "operate/output.hpp"

namespace terrace::cli {

void add_describe_command(CLI::App& app, int& exit_code) {
  CLI::App* const command =
      app.add_subcommand("describe", "Prints the manual page, or completions for a shell");
  command->require_subcommand(1);
  // For those who package the program; a list of commands for its users is shorter without.
  command->group("");
  const auto add = [&](const char* name, const char* text, auto make) {
    command->add_subcommand(name, text)->callback([&app, &exit_code, make] {
      print(make(help_of(app)));
      exit_code = exit_ok;
    });
  };
  add("man", "The manual page for section 1, in roff",
      [&app](const CommandHelp& help) { return manual_page(help, app.version()); });
  add("bash", "A script for bash-completion", bash_completion);
  add("zsh", "A function file for zsh, _terrace", zsh_completion);
}

}  // namespace terrace::cli
