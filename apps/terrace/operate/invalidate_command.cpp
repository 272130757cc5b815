#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "commands.hpp"
#include "exit_code.hpp"
#include "operate/json_fields.hpp"
#include "operate/output.hpp"
#include "operate/terminal_text.hpp"
#include "service/text_json.hpp"
#include "usage_error.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

using service::AdminOperation;

struct InvalidateArguments {
  TargetOptions target;
  std::string cache;
  std::vector<std::string> keys;
  std::string prefix, glob, tag, group;
  bool all = false;
  bool soft = false;
  bool yes = false;

  [[nodiscard]] json::object selection() const {
    json::object out;
    if (!keys.empty()) {
      json::array list;
      for (const std::string& key : keys) list.push_back(service::text_or_bytes(key));
      out["keys"] = std::move(list);
    }
    for (const auto& [name, value] :
         {std::pair{"prefix", &prefix}, {"glob", &glob}, {"tag", &tag}, {"group", &group}}) {
      if (!value->empty()) out[name] = service::text_or_bytes(*value);
    }
    if (soft) out["soft"] = true;
    return out;
  }
};

/// Throws UsageError: nobody can be asked. False: the answer is no.
bool agreed(const InvalidateArguments& arguments, const Target& target) {
  if (arguments.yes) return true;
  if (::isatty(STDIN_FILENO) == 0) {
    throw UsageError("--all removes everything from cache " + arguments.cache +
                     "; to confirm it without a terminal, add --yes");
  }
  fmt::print(stderr, "Remove everything from cache {} at {}? [y/N] ",
             harmless(std::string_view(arguments.cache)), target.label());
  std::string said;
  std::getline(std::cin, said);
  return said == "y" || said == "Y" || said == "yes";
}

int invalidate(const InvalidateArguments& arguments) {
  if (arguments.yes && !arguments.all) throw UsageError("--yes is only for --all");
  if (arguments.all && arguments.soft)
    throw UsageError("--soft is only for --key, --tag and --group; --all removes everything");
  const auto target = arguments.target.open();
  if (!arguments.all) {
    return finish(target->run(AdminOperation::invalidate, arguments.cache, arguments.selection()),
                  arguments.target.json, [](const json::object& said, bool as_text) {
                    if (as_text) print(shown_count(said, "invalidated") + " invalidated\n");
                    return static_cast<int>(exit_ok);
                  });
  }
  if (!agreed(arguments, *target)) {
    fmt::print(stderr, "terrace: nothing was removed\n");
    return exit_failed;
  }
  return finish(target->run(AdminOperation::clear, arguments.cache, {}), arguments.target.json,
                [&](const json::object&, bool as_text) {
                  if (as_text) print("cleared\n");
                  return static_cast<int>(exit_ok);
                });
}

}  // namespace

void add_invalidate_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<InvalidateArguments>();
  CLI::App* const command =
      app.add_subcommand("invalidate", "Invalidates entries in every level and every process");
  command->add_option("CACHE", arguments->cache, "The cache")->required();
  CLI::Option_group* const which = command->add_option_group("which", "Give one of these");
  which->add_option("--key", arguments->keys, "A key; repeat for more")
      ->option_text("K")
      ->allow_extra_args(false);
  which->add_option("--prefix", arguments->prefix, "Keys with this prefix")->option_text("P");
  which->add_option("--glob", arguments->glob, "Keys that match this pattern: * ? [a-z]")->option_text("G");
  which->add_option("--tag", arguments->tag, "Entries with this tag")->option_text("T");
  which->add_option("--group", arguments->group, "Keys of this group")->option_text("G");
  which->add_flag("--all", arguments->all, "All entries; asks for confirmation");
  which->require_option(1);
  command->add_flag(
      "--soft", arguments->soft,
      "Keep the values within their grace, in case the next load fails; only for --key, --tag, --group");
  command->add_flag("--yes", arguments->yes, "Do not ask for confirmation (--all)");
  arguments->target.add_to(*command);
  command->footer(
      "Examples:\n"
      "  terrace invalidate users --tag team:navy\n"
      "  terrace invalidate users --key 42 --key 43 --soft\n"
      "  terrace invalidate users --all --yes --config terrace.toml");
  on_run(*command, exit_code, [arguments] { return invalidate(*arguments); });
}

}  // namespace terrace::cli
