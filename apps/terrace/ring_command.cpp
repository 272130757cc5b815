#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <optional>
#include <terrace/bytes.hpp>
#include <terrace/hash_ring.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "json_output.hpp"
#include "table.hpp"
#include "traces/byte_source.hpp"
#include "units.hpp"
#include "usage_error.hpp"

namespace terrace::cli {
namespace {

using Node = HashRing::Node;

struct RingArguments {
  std::string nodes;
  std::optional<std::string> add;
  std::optional<std::string> remove;
  std::string seed = "0";
  std::optional<std::string> keys;
  bool json = false;
};

/// "name" or "name=weight".
Node parse_node(const std::string& text, std::string_view what) {
  const std::size_t sign = text.rfind('=');
  if (sign == std::string::npos) return {text};
  Node node{text.substr(0, sign)};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + sign + 1, end, node.weight);
  const bool possible = node.weight > 0 && node.weight <= HashRing::max_weight;
  if (error != std::errc{} || rest != end || !possible) {
    throw UsageError(
        fmt::format("{} \"{}\": \"{}\" is not a weight: write name=2, above 0 and at most {}; a name that "
                    "contains = needs a weight after it, as in host?db=1=1",
                    what, text, text.substr(sign + 1), HashRing::max_weight));
  }
  if (node.name.empty()) throw UsageError(fmt::format("{} \"{}\" has no name before the =", what, text));
  return node;
}

auto find_node(std::vector<Node>& nodes, const std::string& name) {
  return std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.name == name; });
}

void add_nodes(std::vector<Node>& nodes, const std::string& text, std::string_view what) {
  for (const std::string& part : parse_list(text, what)) {
    Node node = parse_node(part, what);
    if (find_node(nodes, node.name) != nodes.end()) {
      throw UsageError(
          fmt::format("{}: the node \"{}\" is given twice: give each node its own name", what, node.name));
    }
    nodes.push_back(std::move(node));
  }
}

void remove_nodes(std::vector<Node>& nodes, const std::string& text) {
  for (const std::string& name : parse_list(text, "--remove")) {
    const auto found = find_node(nodes, name);
    if (found == nodes.end()) {
      throw UsageError(fmt::format("--remove \"{}\" is not one of --nodes: write a name from there", name));
    }
    nodes.erase(found);
  }
}

/// Calls `take` with each line that is not empty; ends of lines are LF or CR LF.
template <class Take>
void each_key(const std::string& path, Take take) {
  const auto source = traces::open_source(path, nullptr);
  std::string pending;
  std::vector<char> block(std::size_t{1} << 16U);
  std::uint64_t number = 0;
  const auto line = [&](std::string_view key) {
    ++number;
    if (key.ends_with('\r')) key.remove_suffix(1);
    if (key.size() > max_key_size) {
      throw UsageError(fmt::format("--keys {}: line {} is {} bytes long; a key has at most {}",
                                   traces::source_name(path), number, key.size(), max_key_size));
    }
    if (!key.empty()) take(key);
  };
  while (const std::size_t size = source->read(block.data(), block.size())) {
    pending.append(block.data(), size);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
      line(std::string_view(pending).substr(begin, end - begin));
    }
    pending.erase(0, begin);
    if (pending.size() > max_key_size + 1) line(pending);  // refuses it
  }
  line(pending);
}

/// A ring before a change and after it, and how they differ.
struct Outcome {
  std::vector<double> before;
  std::vector<double> after;
  double moved = 0;
  std::uint64_t keys = 0;
};

Outcome over_all_places(const HashRing& before, const HashRing& after) {
  return {before.shares(), after.shares(), before.moved(after)};
}

Outcome over_keys(const HashRing& before, const HashRing& after, const std::string& path) {
  Outcome out{std::vector<double>(before.nodes().size()), std::vector<double>(after.nodes().size())};
  std::uint64_t moved = 0;
  each_key(path, [&](std::string_view key) {
    const std::size_t from = before.owner(key), to = after.owner(key);
    ++out.before[from];
    ++out.after[to];
    ++out.keys;
    if (before.nodes()[from].name != after.nodes()[to].name) ++moved;
  });
  if (out.keys == 0) {
    throw UsageError(fmt::format("--keys {} has no keys: write one key per line", traces::source_name(path)));
  }
  const auto all = static_cast<double>(out.keys);
  for (auto* shares : {&out.before, &out.after}) {
    for (double& share : *shares) share /= all;
  }
  out.moved = static_cast<double>(moved) / all;
  return out;
}

void print_as_json(const Outcome& outcome, const HashRing& ring) {
  boost::json::array nodes;
  for (std::size_t i = 0; i < outcome.after.size(); ++i) {
    nodes.push_back({{"node", ring.nodes()[i].name}, {"share", outcome.after[i]}});
  }
  print_json(boost::json::object{{"nodes", std::move(nodes)}, {"moved", outcome.moved}});
}

void print_as_table(const Outcome& outcome, const HashRing& before, const HashRing& after, bool changed) {
  std::vector<std::string> head{"node", "weight", "share"};
  if (changed) head.emplace_back("before");
  Table table(head);
  std::vector<Node> old = before.nodes(), now = after.nodes();
  const auto share_before = [&](const std::string& name) -> std::string {
    const auto found = find_node(old, name);
    return found == old.end() ? "-" : format_percent(outcome.before[std::size_t(found - old.begin())]);
  };
  for (std::size_t i = 0; i < now.size(); ++i) {
    std::vector<std::string> row{now[i].name, fmt::format("{}", now[i].weight),
                                 format_percent(outcome.after[i])};
    if (changed) row.push_back(share_before(now[i].name));
    table.add(row);
  }
  for (const Node& node : old) {
    if (find_node(now, node.name) != now.end()) continue;
    table.add({node.name, fmt::format("{}", node.weight), "-", share_before(node.name)});
  }
  fmt::print("{}", table.text());
  if (changed) fmt::print("\nmoved: {}\n", format_percent(outcome.moved));
  if (outcome.keys > 0) fmt::print("{}of {} keys\n", changed ? "" : "\n", format_count(outcome.keys));
}

int run(const RingArguments& arguments) {
  const std::uint64_t seed = parse_count(arguments.seed, "--seed", 0, UINT64_MAX);
  std::vector<Node> nodes;
  add_nodes(nodes, arguments.nodes, "--nodes");
  const HashRing before(nodes, seed);
  // In this order a node may leave with one weight and come back with another.
  if (arguments.remove) remove_nodes(nodes, *arguments.remove);
  if (arguments.add) add_nodes(nodes, *arguments.add, "--add");
  if (nodes.empty()) throw UsageError("--remove removes every node: leave at least one");
  const HashRing after(nodes, seed);
  const Outcome outcome =
      arguments.keys ? over_keys(before, after, *arguments.keys) : over_all_places(before, after);
  if (arguments.json) {
    print_as_json(outcome, after);
  } else {
    print_as_table(outcome, before, after, arguments.add || arguments.remove);
  }
  return exit_ok;
}

}  // namespace

void add_ring_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<RingArguments>();
  CLI::App* const command = app.add_subcommand(
      "ring", "Shows the share of the keys on each node of a hash ring, and the share that a change moves");
  command
      ->add_option("--nodes", arguments->nodes,
                   "Nodes, separated by commas; name=2 has twice the keys (required)")
      ->required()
      ->option_text("a,b,c");
  command->add_option("--add", arguments->add, "Nodes to add")->option_text("d,e");
  command->add_option("--remove", arguments->remove, "Nodes to remove")->option_text("b");
  command->add_option("--seed", arguments->seed, "Seed of the ring (0)")->option_text("N");
  command->add_option("--keys", arguments->keys, "Count these keys, one per line (- is standard input)")
      ->option_text("FILE");
  command->add_flag("--json", arguments->json, "Print one JSON object instead of a table");
  command->footer(
      "Without --keys the shares are those of the ring itself, exactly. With --add or --remove,\n"
      "`nodes` and `share` in JSON are those after the change; `moved` is the share of the keys that\n"
      "move to another node.\n\n"
      "Examples:\n"
      "  terrace ring --nodes a,b,c --add d\n"
      "  terrace ring --nodes big=2,small --remove small --keys keys.txt --json");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace terrace::cli
