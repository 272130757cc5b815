#include <fmt/format.h>

#include <CLI/StringTools.hpp>

#include "describe/documents.hpp"

namespace terrace::cli {
namespace {

/// For roff: nothing in it is a request, and hyphens can be copied into a shell.
std::string escaped(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out = "\\&";
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string bold(std::string_view text) {
  return "\\fB" + escaped(text) + "\\fR";
}

std::string italic(std::string_view text) {
  return "\\fI" + escaped(text) + "\\fR";
}

std::string usage_of(const OptionHelp& positional) {
  const std::string name = italic(positional.names.front()) + (positional.repeats ? "..." : "");
  return positional.required ? name : "[" + name + "]";
}

/// "terrace config check [OPTIONS] FILE".
std::string usage_of(const CommandHelp& command) {
  std::string out = bold(command.path.empty() ? "terrace" : "terrace " + command.path);
  if (!command.commands.empty()) return out + " " + italic("COMMAND") + " [" + italic("OPTIONS") + "]";
  out += " [" + italic("OPTIONS") + "]";
  for (const OptionHelp& positional : command.positionals) out += " " + usage_of(positional);
  return out;
}

std::string heading_of(const OptionHelp& option) {
  std::string out;
  for (const std::string& name : option.names) out += (out.empty() ? "" : ", ") + bold(name);
  if (!option.value.empty()) out += " " + italic(option.value);
  if (!option.implied.empty()) out += "[=" + italic("VALUE") + "] (" + escaped(option.implied) + ")";
  return out;
}

std::string options_of(const CommandHelp& command) {
  std::string out;
  for (const OptionHelp& positional : command.positionals) {
    out += fmt::format(".TP\n{}\n{}\n", italic(positional.names.front()), escaped(positional.text));
  }
  for (const OptionHelp& option : command.options) {
    // Every command has it; it stands once, at the top.
    if (!command.path.empty() && option.names.back() == "--help") continue;
    out += fmt::format(".TP\n{}\n{}\n", heading_of(option), escaped(option.text));
  }
  return out;
}

/// Lines that begin with blanks are shown as they are; the others run on.
std::string paragraphs_of(const std::string& text) {
  std::string out = ".PP\n";
  bool as_it_is = false;
  for (const std::string& line : CLI::detail::split(text, '\n')) {
    if (as_it_is != line.starts_with(' ')) {
      as_it_is = !as_it_is;
      out += as_it_is ? ".RS 4\n.nf\n" : ".fi\n.RE\n";
    }
    if (line.empty()) {
      if (!out.ends_with(".PP\n")) out += ".PP\n";
    } else {
      out += escaped(as_it_is ? std::string_view(line).substr(line.find_first_not_of(' ')) : line) + "\n";
    }
  }
  return as_it_is ? out + ".fi\n.RE\n" : out;
}

std::string section_of(const CommandHelp& command) {
  std::string out = fmt::format(".SS {}\n{}.\n", usage_of(command), escaped(command.text));
  out += options_of(command);
  for (const std::string& choice : command.choices) {
    out += fmt::format(".PP\nOne of {} is required.\n", escaped(choice));
  }
  if (!command.footer.empty()) out += paragraphs_of(command.footer);
  return out;
}

std::string list_of(const CommandHelp& program) {
  std::string out;
  for (const CommandHelp& command : program.commands) {
    out += fmt::format(".TP\n{}\n{}.\n", bold(command.name), escaped(command.text));
  }
  return out;
}

}  // namespace

std::string manual_page(const CommandHelp& program, const std::string& version) {
  std::string text = program.text;
  if (text.ends_with('.')) text.pop_back();
  std::string out = ".\\\" Made from the program's own help by `terrace describe man`.\n";
  out += fmt::format(".TH TERRACE 1 \"\" \"{}\" \"User Commands\"\n", escaped(version));
  out += fmt::format(".SH NAME\nterrace \\- {}\n", escaped(text));
  out += fmt::format(".SH SYNOPSIS\n{}\n", usage_of(program));
  out += fmt::format(".SH DESCRIPTION\n{}.\nThe commands:\n{}", escaped(text), list_of(program));
  out += ".SH OPTIONS\n" + options_of(program);
  out += ".SH COMMANDS\n";
  for (const CommandHelp* command : all_commands(program)) {
    if (command != &program) out += section_of(*command);
  }
  return out + ".SH EXIT STATUS\n" + paragraphs_of(program.footer);
}

}  // namespace terrace::cli
