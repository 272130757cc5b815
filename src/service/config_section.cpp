#include "service/config_section.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <terrace/bytes.hpp>

#include "base/nearest.hpp"
#include "base/units.hpp"

namespace terrace::config {
namespace {

constexpr double longest_ns = 100.0 * 366 * 86400e9;
constexpr double most_bytes = 1ULL << 60U;

const char* type_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return node.as_array()->is_array_of_tables() ? "an array of tables" : "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

std::string joined(const std::string& path, std::string_view key) {
  const bool bare = !key.empty() && key.find_first_not_of(
                                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                                        std::string_view::npos;
  return (path.empty() ? "" : path + ".") + (bare ? std::string(key) : printable_key(key));
}

/// A text that is replaced by a number: "${ENTRIES:-1000}".
bool stands_for(const toml::node& node) {
  const auto* const string = node.as_string();
  return string != nullptr && Substitution::has_any(string->get());
}

Place at(std::string path, const toml::source_region& region) {
  return {std::move(path), region.begin.line, region.begin.column};
}

}  // namespace

Place Section::place(std::string_view key) const {
  const auto found = table_.find(key);
  if (found == table_.end()) return {joined(place_.path, key), place_.line, place_.column};
  return at(joined(place_.path, key), found->first.source());
}

std::string_view Section::raw(std::string_view key) const {
  const auto* const node = table_.get_as<std::string>(key);
  return node == nullptr ? std::string_view() : std::string_view(node->get());
}

const toml::node* Section::find(std::string_view key) {
  known_.emplace_back(key);
  reading_.known.insert((pattern_.empty() ? "" : pattern_ + ".") + std::string(key));
  return table_.get(key);
}

void Section::wrong_type(std::string_view key, const toml::node& node, const std::string& instead) {
  mistake(key, std::string("is ") + type_of(node) + "; write " + instead);
}

std::optional<std::string> Section::text(std::string_view key, const toml::node& node, TextKind kind,
                                         const std::string& instead) {
  const auto* const string = node.as_string();
  if (string == nullptr) {
    wrong_type(key, node, instead);
    return std::nullopt;
  }
  return reading_.texts.expand(string->get(), place(key), kind);
}

void Section::read(std::string_view key, std::string& out, TextKind kind) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  if (auto value = text(key, *node, kind, "a string in quotes")) out = std::move(*value);
}

void Section::read(std::string_view key, std::optional<std::string>& out) {
  std::string value;
  read(key, value);
  if (!value.empty()) out = std::move(value);
}

void Section::read(std::string_view key, bool& out) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  if (stands_for(*node)) {
    const auto value = text(key, *node, TextKind::plain, {});
    if (value && *value != "true" && *value != "false")
      mistake(key, "the substituted text is not true or false");
    if (value) out = *value == "true";
  } else if (const auto* const flag = node->as_boolean()) {
    out = flag->get();
  } else {
    wrong_type(key, *node, "true or false, without quotes");
  }
}

void Section::read(std::string_view key, double& out) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  if (stands_for(*node)) {
    const auto value = text(key, *node, TextKind::plain, {});
    if (!value) return;
    std::string_view rest = *value;
    const auto number = cut_number(rest);
    if (number && rest.empty()) {
      out = *number;
    } else {
      mistake(key, "the substituted text is not a number such as 0.1");
    }
  } else if (const auto number = node->value<double>();
             node->is_number() && number && std::isfinite(*number)) {
    out = *number;
  } else {
    wrong_type(key, *node, "a number such as 0.1, without quotes");
  }
}

std::optional<std::uint64_t> Section::whole(std::string_view key, std::uint64_t most) {
  const toml::node* const node = find(key);
  if (node == nullptr) return std::nullopt;
  const std::string range = "a whole number from 0 to " + std::to_string(most);
  if (stands_for(*node)) {
    const auto value = text(key, *node, TextKind::plain, {});
    if (!value) return std::nullopt;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error == std::errc() && end == value->data() + value->size() && number <= most) return number;
    mistake(key, "the substituted text is not " + range);
    return std::nullopt;
  }
  const auto* const number = node->as_integer();
  if (number == nullptr) {
    wrong_type(key, *node, range + ", without quotes");
  } else if (number->get() < 0 || static_cast<std::uint64_t>(number->get()) > most) {
    mistake(key, std::to_string(number->get()) + " is not " + range);
  } else {
    return static_cast<std::uint64_t>(number->get());
  }
  return std::nullopt;
}

void Section::read(std::string_view key, std::optional<std::uint64_t>& out, InBytes) {
  if (!has(key)) return static_cast<void>(find(key));
  if (raw(key) == "none") {
    static_cast<void>(find(key));
    return out.reset();
  }
  read(key, out.emplace(), InBytes{});
}

void Section::read(std::string_view key, std::uint64_t& out, InBytes) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  const std::string instead = "a number of bytes, or one with its unit in quotes, as in \"64MiB\"";
  if (const auto* const number = node->as_integer()) {
    if (number->get() >= 0) {
      out = static_cast<std::uint64_t>(number->get());
    } else {
      mistake(key, std::to_string(number->get()) + " is below 0; write " + instead);
    }
    return;
  }
  const auto value = text(key, *node, TextKind::plain, instead);
  if (!value) return;
  const auto bytes = parse_amount(*value, byte_units);
  if (bytes && *bytes <= most_bytes) {
    out = static_cast<std::uint64_t>(*bytes);
  } else {
    mistake(key, printable_key(node->as_string()->get()) + " is not a size; write " + instead);
  }
}

std::optional<Duration> Section::duration(std::string_view key, const toml::node& node) {
  const std::string instead = "a number and ns, us, ms, s, m, h or d in quotes, as in \"250ms\" or \"10m\"";
  if (const auto* const number = node.as_integer()) {
    if (number->get() == 0) return Duration::zero();
    mistake(key, std::to_string(number->get()) + " has no unit; write " + instead);
    return std::nullopt;
  }
  const auto value = text(key, node, TextKind::plain, instead);
  if (!value) return std::nullopt;
  const auto ns = *value == "0" ? 0 : parse_amount(*value, duration_units);
  if (ns && *ns <= longest_ns) return Duration(std::llround(*ns));
  const std::string shown = printable_key(node.as_string()->get());
  mistake(key,
          shown + (ns ? " is too long; give at most 100 years" : " is not a duration; write " + instead));
  return std::nullopt;
}

void Section::read(std::string_view key, Duration& out) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  if (const auto value = duration(key, *node)) out = *value;
}

void Section::read(std::string_view key, std::optional<Duration>& out) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  if (const auto* const string = node->as_string(); string != nullptr && string->get() == "none") {
    out.reset();
  } else if (const auto value = duration(key, *node)) {
    out = *value;
  }
}

std::optional<std::size_t> Section::word(std::string_view key, const std::vector<std::string>& names) {
  const toml::node* const node = find(key);
  if (node == nullptr) return std::nullopt;
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "\"" : ", \"") + name + "\"";
  const auto value = text(key, *node, TextKind::plain, "one of " + all);
  if (!value) return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == *value) return i;
  }
  mistake(key,
          printable_key(node->as_string()->get()) + " is not one of " + all + did_you_mean(*value, names));
  return std::nullopt;
}

void Section::read(std::string_view key, std::vector<std::string>& out) {
  std::vector<Item> items;
  if (!read(key, items, TextKind::plain)) return;
  out.clear();
  for (Item& item : items) out.push_back(std::move(item.text));
}

bool Section::read(std::string_view key, std::vector<Item>& out, TextKind kind) {
  const toml::node* const node = find(key);
  if (node == nullptr) return false;
  const auto* const array = node->as_array();
  if (array == nullptr) {
    const char* const example =
        kind == TextKind::tier_url ? R"(["redis", "sqlite:cache.db"])" : R"(["a", "b"])";
    wrong_type(key, *node, std::string("an array of strings, as in ") + example);
    return false;
  }
  std::vector<Item> items;
  for (const toml::node& one : *array) {
    const Place here = at(joined(place_.path, key) + "[" + std::to_string(items.size()) + "]", one.source());
    const auto* const string = one.as_string();
    if (string == nullptr) {
      reading_.findings.mistake(here, std::string("is ") + type_of(one) + "; write a string in quotes");
      return false;
    }
    auto value = reading_.texts.expand(string->get(), here, kind);
    if (!value) return false;
    items.push_back({std::move(*value), here});
  }
  out = std::move(items);
  return true;
}

void Section::enter(const toml::node& node, Place place, std::string pattern, const Reader& reader) {
  Section inner(reading_, *node.as_table(), std::move(place), std::move(pattern));
  reader(inner);
  inner.finish();
}

void Section::section(std::string_view key, const Reader& reader) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  if (!node->is_table()) return wrong_type(key, *node, "a table: [" + joined(place_.path, key) + "]");
  enter(*node, place(key), joined(pattern_, key), reader);
}

void Section::each(std::string_view key, const Reader& reader) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  const auto* const array = node->as_array();
  const std::string path = joined(place_.path, key);
  if (array == nullptr || (!array->empty() && !array->is_array_of_tables()))
    return wrong_type(key, *node, "tables: [[" + path + "]]");
  for (std::size_t i = 0; i < array->size(); ++i) {
    const toml::node& one = (*array)[i];
    enter(one, at(path + "[" + std::to_string(i) + "]", one.source()), joined(pattern_, key) + "[]", reader);
  }
}

void Section::named(std::string_view key,
                    const std::function<void(const std::string& name, Section&)>& reader) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  const std::string path = joined(place_.path, key);
  const auto* const table = node->as_table();
  if (table == nullptr) return wrong_type(key, *node, "tables: [" + path + ".NAME]");
  for (const auto& [name, one] : *table) {
    const Place here = at(joined(path, name.str()), name.source());
    if (!one.is_table()) {
      reading_.findings.mistake(
          here, std::string("is ") + type_of(one) + "; write a table for each: [" + path + ".NAME]");
      continue;
    }
    const std::string given(name.str());
    enter(one, here, joined(pattern_, key) + ".*", [&](Section& inner) { reader(given, inner); });
  }
}

void Section::each_text(const std::function<void(const std::string& key, std::string value)>& reader) {
  for (const auto& [name, one] : table_) {
    known_.emplace_back(name.str());
    if (auto value = text(name.str(), one, TextKind::plain, "a string in quotes"))
      reader(std::string(name.str()), std::move(*value));
  }
}

std::string Section::renamed(std::string_view key, std::string_view former) {
  if (!has(former)) return std::string(key);
  known_.emplace_back(former);
  if (has(key)) {
    mistake(former, "is the former name of " + std::string(key) + ", which is given as well; remove it");
    return std::string(key);
  }
  reading_.findings.warn(place(former), "is the former name of " + std::string(key) + "; write " +
                                            std::string(key) + " = … instead");
  return std::string(former);
}

void Section::finish() {
  for (const auto& [key, node] : table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::string remedy;
    if (const auto own = remedies_.find(name); own != remedies_.end()) {
      remedy = "; " + own->second;
    } else {
      remedy = did_you_mean(name, known_);
    }
    if (remedy.empty()) {
      for (const std::string& known : known_)
        remedy += (remedy.empty() ? "; the keys here are " : ", ") + known;
    }
    mistake(name, "is not a known key here" + remedy);
  }
}

}  // namespace terrace::config
