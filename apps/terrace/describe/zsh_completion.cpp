#include <fmt/format.h>

#include <algorithm>

#include "describe/documents.hpp"

namespace terrace::cli {
namespace {

/// For a word of a specification between single quotes: _arguments reads brackets and colons itself.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

/// "_terrace_config_check": the function that completes a command.
std::string function_of(const CommandHelp& command) {
  std::string name = command.path.empty() ? "_terrace" : "_terrace_" + command.path;
  std::replace(name.begin(), name.end(), ' ', '_');
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string value_of(const std::string& value) {
  return fmt::format(":{}:{}", escaped(value), is_file(value) ? "_files" : "");
}

/// One specification for each name; a name is not offered beside another of the same option.
std::string specifications_of(const OptionHelp& option) {
  std::string others;
  for (const std::string& name : option.names) others += (others.empty() ? "" : " ") + name;
  std::string out;
  for (const std::string& name : option.names) {
    const std::string again = option.repeats ? "*" : option.names.size() > 1 ? "(" + others + ")" : "";
    const std::string implied = option.implied.empty() ? "" : "=-";
    const std::string value = !option.value.empty()    ? value_of(option.value)
                              : option.implied.empty() ? ""
                                                       : "::" + escaped(option.implied) + ":";
    out += fmt::format(" \\\n    '{}{}{}[{}]{}'", again, name, implied, escaped(option.text), value);
  }
  return out;
}

std::string arguments_of(const CommandHelp& command) {
  std::string out;
  for (const OptionHelp& option : command.options) out += specifications_of(option);
  for (const OptionHelp& positional : command.positionals) {
    out += fmt::format(" \\\n    '{}{}'", positional.repeats ? "*" : "", value_of(positional.value));
  }
  return out;
}

std::string leaf(const CommandHelp& command) {
  return fmt::format("{}() {{\n  _arguments{}\n}}\n\n", function_of(command), arguments_of(command));
}

std::string branch(const CommandHelp& command) {
  std::string list, calls;
  for (const CommandHelp& below : command.commands) {
    list += fmt::format("        '{}:{}'\n", below.name, escaped(below.text));
    calls += fmt::format("        {}) {} ;;\n", below.name, function_of(below));
  }
  return fmt::format(R"({}() {{
  local context state state_descr line
  local -a names
  typeset -A opt_args
  _arguments -C{} \
    '1: :->command' \
    '*:: :->arguments'
  case $state in
    command)
      names=(
{}      )
      _describe -t commands command names
      ;;
    arguments)
      case $words[1] in
{}      esac
      ;;
  esac
}}

)",
                     function_of(command), arguments_of(command), list, calls);
}

}  // namespace

std::string zsh_completion(const CommandHelp& program) {
  std::string out = "#compdef terrace\n# Made from the program's own help by `terrace describe zsh`.\n\n";
  for (const CommandHelp* command : all_commands(program)) {
    out += command->commands.empty() ? leaf(*command) : branch(*command);
  }
  // An autoloaded file is read at the first completion, which it is to answer; a sourced one waits for it.
  return out +
         "if [[ $funcstack[1] == _terrace ]]; then\n  _terrace \"$@\"\nelse\n  compdef _terrace "
         "terrace\nfi\n";
}

}  // namespace terrace::cli
