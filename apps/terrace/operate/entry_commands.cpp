// get, set, erase and explain: what operators do with single keys.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/parse.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "operate/json_fields.hpp"
#include "operate/output.hpp"
#include "operate/terminal_text.hpp"
#include "service/text_json.hpp"
#include "table.hpp"
#include "units.hpp"
#include "usage_error.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

using service::AdminOperation;

struct EntryArguments {
  TargetOptions target;
  std::string cache;
  std::string key;
  std::vector<std::string> keys;  ///< of erase
  std::string value;
  std::string ttl;
  std::vector<std::string> tags;
  std::string schema;

  [[nodiscard]] Answer run(Target& to, AdminOperation operation, json::object more = {}) const {
    json::object all{{"key", service::text_or_bytes(key)}};
    for (auto& field : more) all.insert(field);
    return to.run(operation, cache, std::move(all));
  }
};

using Arguments = std::shared_ptr<EntryArguments>;

/// What is known of an entry beside its value: for standard error, so that scripts get the value only.
void tell_entry(const json::object& entry) {
  fmt::print(stderr, "terrace: {} in {}, {} old, {}, {}, {}\n", text(entry, "kind"), text(entry, "level"),
             shown_seconds(number(entry, "age_s")),
             number(entry, "remaining_s") ? "expires in " + shown_seconds(number(entry, "remaining_s"))
                                          : "no expiry",
             text(entry, "schema"), shown_bytes(entry, "bytes"));
}

int show_get(const json::object& entry, bool as_text) {
  const std::string kind = text(entry, "kind");
  if (kind == "miss" || kind == "negative") {
    fmt::print(stderr, "terrace: {} is {} cache {}\n", text(entry, "key"),
               kind == "miss" ? "in no level of" : "known not to exist in", text(entry, "cache"));
    return exit_failed;
  }
  if (!as_text) return exit_ok;
  tell_entry(entry);
  if (const std::string note = text(entry, "note"); !note.empty()) {
    fmt::print(stderr, "terrace: the value cannot be shown: {}\n", note);
    return exit_failed;
  }
  const json::value* const value = entry.if_contains("value");
  print(harmless_json(value == nullptr ? json::value() : *value) + "\n");
  return exit_ok;
}

int get(const EntryArguments& arguments) {
  const auto target = arguments.target.open();
  return finish(arguments.run(*target, AdminOperation::get), arguments.target.json, show_get);
}

json::value parsed_value(const std::string& given) {
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 200;
  json::value value = json::parse(given, failed, {}, options);
  if (!failed) return value;
  throw UsageError("the value is not valid JSON (" + failed.message() +
                   "); write a string in quotes, as in '\"text\"'");
}

int set(const EntryArguments& arguments) {
  json::object more{{"value", parsed_value(arguments.value)}};
  if (!arguments.ttl.empty()) {
    const Duration ttl = parse_duration(arguments.ttl, "--ttl");
    more["ttl"] = std::chrono::duration<double>(ttl).count();
  }
  if (!arguments.tags.empty()) {
    json::array tags;
    for (const std::string& tag : arguments.tags) tags.push_back(service::text_or_bytes(tag));
    more["tags"] = std::move(tags);
  }
  if (!arguments.schema.empty()) more["schema"] = arguments.schema;
  const auto target = arguments.target.open();
  return finish(arguments.run(*target, AdminOperation::set, std::move(more)), arguments.target.json,
                [](const json::object& said, bool as_text) {
                  if (as_text) fmt::print(stderr, "terrace: stored as {}\n", text(said, "schema"));
                  return static_cast<int>(exit_ok);
                });
}

int erase(const EntryArguments& arguments) {
  const auto target = arguments.target.open();
  int code = exit_ok;
  for (const std::string& key : arguments.keys) {
    EntryArguments one = arguments;
    one.key = key;
    const int ended =
        finish(one.run(*target, AdminOperation::erase), arguments.target.json,
               [](const json::object& said, bool as_text) {
                 if (as_text) {
                   print(fmt::format("{}: {}\n", text(said, "key"),
                                     flag(said, "erased").value_or(false) ? "erased" : "not found"));
                 }
                 return static_cast<int>(exit_ok);
               });
    if (ended != exit_ok) code = ended;
  }
  return code;
}

int show_explain(const json::object& said, bool as_text) {
  if (!as_text) return exit_ok;
  Table table({"level", "has", "age", "remaining", "bytes", "note"});
  for (const json::value& one : array(said, "levels")) {
    const json::object& level = object(one);
    const std::string kind = text(level, "kind");
    const bool held = kind == "hit" || kind == "stale" || kind == "negative";
    table.add({text(level, "level"), text(level, "kind"), held ? shown_seconds(number(level, "age_s")) : "-",
               held ? shown_seconds(number(level, "remaining_s")) : "-",
               held ? shown_bytes(level, "bytes") : "-", text(level, "note")});
  }
  std::string out = table.text(0, 2);
  if (flag(said, "in_flight").value_or(false)) out += "A load of the key is in progress.\n";
  print(out);
  return exit_ok;
}

int explain(const EntryArguments& arguments) {
  const auto target = arguments.target.open();
  return finish(arguments.run(*target, AdminOperation::explain), arguments.target.json, show_explain);
}

CLI::App* add(CLI::App& app, const Arguments& arguments, const char* name, const char* what, bool many) {
  CLI::App* const command = app.add_subcommand(name, what);
  command->add_option("CACHE", arguments->cache, "The cache")->required();
  if (many) {
    command->add_option("KEY", arguments->keys, "The keys")->required()->expected(1, 10'000);
  } else {
    command->add_option("KEY", arguments->key, "The key")->required();
  }
  return command;
}

}  // namespace

void add_get_command(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<EntryArguments>();
  CLI::App* const command = add(app, arguments, "get", "Shows the value of a key, as JSON", false);
  arguments->target.add_to(*command);
  command->footer(
      "If no level has the key, it prints a message and ends with exit code 1. It loads nothing.\n\n"
      "Examples:\n"
      "  terrace get users 42 --token-file token\n"
      "  terrace get users 42 --config terrace.toml | jq .");
  on_run(*command, exit_code, [arguments] { return get(*arguments); });
}

void add_set_command(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<EntryArguments>();
  CLI::App* const command = add(app, arguments, "set", "Stores a value in every level", false);
  command->add_option("JSON", arguments->value, "The value, as `get` shows it")->required();
  command->add_option("--ttl", arguments->ttl, "TTL; default: the cache's")->option_text("DURATION");
  command->add_option("--tag", arguments->tags, "A tag; repeat for more")
      ->option_text("TAG")
      ->allow_extra_args(false);
  command
      ->add_option("--schema", arguments->schema,
                   "Type of the value, as terrace::schema_text<V>() returns it")
      ->option_text("S");
  arguments->target.add_to(*command);
  command->footer(
      "Strings, numbers, true and false are stored as they are. Other values need --schema, with the\n"
      "type that programs read: docs/admin.md.\n\n"
      "Examples:\n"
      "  terrace set motd today '\"closed for lunch\"' --ttl 1h\n"
      "  terrace set users 42 '[42, \"Ada\"]' --schema '(i64,str)' --tag team:navy");
  on_run(*command, exit_code, [arguments] { return set(*arguments); });
}

void add_erase_command(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<EntryArguments>();
  CLI::App* const command = add(app, arguments, "erase", "Erases keys from every level", true);
  arguments->target.add_to(*command);
  command->footer(
      "With --json, one line for each key.\n\n"
      "Examples:\n"
      "  terrace erase users 42 43");
  on_run(*command, exit_code, [arguments] { return erase(*arguments); });
}

void add_explain_command(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<EntryArguments>();
  CLI::App* const command =
      add(app, arguments, "explain", "Shows the entry of a key in each level, without its value", false);
  arguments->target.add_to(*command);
  command->footer(
      "Examples:\n"
      "  terrace explain users 42");
  on_run(*command, exit_code, [arguments] { return explain(*arguments); });
}

}  // namespace terrace::cli
