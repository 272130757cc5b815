#include <fmt/format.h>

#include "describe/documents.hpp"

namespace terrace::cli {
namespace {

/// Finds the command among the words before the one that is completed, as its path.
constexpr const char* start =
    R"(# bash completion for terrace, made from the program's own help by `terrace describe bash`.

_terrace() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command= commands= options= values= files= takes_file= index
  # "--option=value" comes as three words.
  if [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [[ $current == = ]]; then current=; fi
  for ((index = 1; index < COMP_CWORD; ++index)); do
    case "$command ${COMP_WORDS[index]}" in
)";

constexpr const char* between = R"(    esac
  done
  case $command in
)";

constexpr const char* end = R"(  esac
  COMPREPLY=()
  if [[ " $values " == *" $previous "* ]]; then
    if [[ " $files " == *" $previous "* ]]; then
      takes_file=yes
    else
      return 0
    fi
  elif [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return 0
  elif [[ -n $commands ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
    return 0
  fi
  if [[ -n $takes_file ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    # Outside of a completion, as in a test, there is nothing to set.
    compopt -o filenames 2>/dev/null || true
  fi
}

complete -F _terrace terrace
)";

void append(std::string& list, const std::string& word) {
  list += (list.empty() ? "" : " ") + word;
}

std::string case_of(const CommandHelp& command) {
  std::string commands, options, values, files;
  for (const CommandHelp& below : command.commands) append(commands, below.name);
  for (const OptionHelp& option : command.options) {
    for (const std::string& name : option.names) {
      append(options, name);
      if (!option.value.empty()) append(values, name);
      if (is_file(option.value)) append(files, name);
    }
  }
  std::string takes_file;
  for (const OptionHelp& positional : command.positionals) {
    if (is_file(positional.value)) takes_file = " takes_file=yes";
  }
  return fmt::format("    '{}') commands='{}' options='{}' values='{}' files='{}'{} ;;\n", command.path,
                     commands, options, values, files, takes_file);
}

/// "    'config check') command='config check' ;;" for what stands below the command.
std::string steps_of(const CommandHelp& command) {
  std::string out;
  for (const CommandHelp& below : command.commands) {
    out += fmt::format("      '{} {}') command='{}' ;;\n", command.path, below.name, below.path);
  }
  return out;
}

}  // namespace

std::string bash_completion(const CommandHelp& program) {
  const auto commands = all_commands(program);
  std::string out = start;
  for (const CommandHelp* command : commands) out += steps_of(*command);
  out += between;
  for (const CommandHelp* command : commands) out += case_of(*command);
  return out + end;
}

}  // namespace terrace::cli
