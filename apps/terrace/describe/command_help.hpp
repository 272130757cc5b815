#pragma once
/// What `terrace` says of itself, as data: every command with its options and texts, from which its manual
/// page and the completions of shells are made.

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace terrace::cli {

struct OptionHelp {
  std::vector<std::string> names;  ///< "-h", "--help"; of a positional one: "FILE"
  std::string value;               ///< what stands for its value, "FILE"; empty: a flag
  std::string implied;             ///< the value of a flag that may be given another, --flag=VALUE
  std::string text;
  bool required = false;
  bool repeats = false;
};

struct CommandHelp {
  std::string name;
  std::string path;  ///< the names from the program's first command on: "config check"; empty: the program
  std::string text;
  std::string footer;  ///< empty where it is the parent's
  std::vector<OptionHelp> options;
  std::vector<OptionHelp> positionals;
  std::vector<std::string> choices;   ///< "--key, --tag": one of them is to be given
  std::vector<CommandHelp> commands;  ///< as they are listed by --help
};

/// Of the program, with everything that its --help shows.
CommandHelp help_of(const CLI::App& app);

/// The command, then those below it, in the order of --help.
std::vector<const CommandHelp*> all_commands(const CommandHelp& top);

/// Whether the value is the name of a file, by what stands for it.
bool is_file(const std::string& value);

}  // namespace terrace::cli
