#include "describe/command_help.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace terrace::cli {
namespace {

/// Of "-h,--serve{default}": the names, and the default.
void read_names(const std::string& text, OptionHelp& out) {
  for (std::string name : CLI::detail::split(text, ',')) {
    const std::size_t brace = name.find('{');
    if (brace != std::string::npos) {
      out.implied = name.substr(brace + 1, name.size() - brace - 2);
      name.resize(brace);
    }
    out.names.push_back(std::move(name));
  }
}

OptionHelp help_of(const CLI::Option& option) {
  OptionHelp out;
  out.text = option.get_description();
  out.required = option.get_required();
  out.repeats = option.get_expected_max() > 1;
  if (option.get_positional()) {
    out.names = {option.get_name(true)};
    out.value = out.names.front();
    return out;
  }
  read_names(option.get_name(false, true), out);
  const bool has_value = option.get_items_expected_max() > 0;
  if (has_value)
    out.value = option.get_option_text().empty() ? option.get_type_name() : option.get_option_text();
  return out;
}

/// CLI11 gives a group of options, which has no name, a --help of its own.
bool is_help_of_group(const CLI::Option* help, const CLI::App& app) {
  return help == app.get_help_ptr() && app.get_name().empty();
}

void add_options(const CLI::App& app, CommandHelp& out) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty() || is_help_of_group(option, app)) continue;  // hidden
    (option->get_positional() ? out.positionals : out.options).push_back(help_of(*option));
  }
}

/// The names of options of which one is to be given; empty: none has to be.
std::string choice_of(const CLI::App& group) {
  std::string out;
  if (group.get_require_option_min() == 0) return out;
  for (const CLI::Option* option : group.get_options()) {
    if (!is_help_of_group(option, group)) out += (out.empty() ? "" : ", ") + option->get_name();
  }
  return out;
}

CommandHelp help_of(const CLI::App& app, const CommandHelp* parent, const std::string& parent_footer) {
  CommandHelp out;
  out.name = app.get_name();
  if (parent != nullptr) out.path = parent->path.empty() ? out.name : parent->path + " " + out.name;
  out.text = app.get_description();
  if (app.get_footer() != parent_footer) out.footer = app.get_footer();
  add_options(app, out);
  for (const CLI::App* below : app.get_subcommands(std::function<bool(const CLI::App*)>())) {
    if (below->get_name().empty()) {
      add_options(*below, out);
      if (const std::string choice = choice_of(*below); !choice.empty()) out.choices.push_back(choice);
    } else if (!below->get_group().empty()) {
      out.commands.push_back(help_of(*below, &out, app.get_footer()));
    }
  }
  return out;
}

}  // namespace

CommandHelp help_of(const CLI::App& app) {
  return help_of(app, nullptr, {});
}

std::vector<const CommandHelp*> all_commands(const CommandHelp& top) {
  std::vector<const CommandHelp*> all{&top};
  for (const CommandHelp& below : top.commands) {
    const auto more = all_commands(below);
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

bool is_file(const std::string& value) {
  return value == "FILE" || value == "PATH";
}

}  // namespace terrace::cli
