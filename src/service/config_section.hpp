#pragma once
/// Section: one table of a configuration being read. Each read() leaves its target unchanged if the key does
/// not exist, and adds a finding if the value is wrong. Keys that were not read when the section ends are
/// unknown keys.

#include <toml++/toml.h>

#include <array>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <terrace/config.hpp>
#include <utility>
#include <vector>

#include "service/config_findings.hpp"
#include "service/config_text.hpp"

namespace terrace::config {

/// Data that all sections of a reading share.
struct Reading {
  Findings& findings;
  Substitution& texts;
  std::set<std::string> known = {};  ///< every key that was read: "caches.*.ttl"
};

/// Marks a number as one of bytes: "64MiB".
struct InBytes {};

class Section {
 public:
  /// `pattern`: the path, with * for names chosen in the file.
  Section(Reading& reading, const toml::table& table, Place place, std::string pattern)
      : reading_(reading), table_(table), place_(std::move(place)), pattern_(std::move(pattern)) {}

  [[nodiscard]] const Place& place() const noexcept { return place_; }
  /// The position of the key if it exists, otherwise of the section, with the key's path.
  [[nodiscard]] Place place(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  /// The text as it is in the file, before substitution; empty: it does not exist, or is no string.
  [[nodiscard]] std::string_view raw(std::string_view key) const;

  void read(std::string_view key, std::string& out, TextKind kind = TextKind::plain);
  void read(std::string_view key, std::optional<std::string>& out);
  void read(std::string_view key, std::vector<std::string>& out);
  void read(std::string_view key, bool& out);
  void read(std::string_view key, double& out);
  void read(std::string_view key, Duration& out);
  void read(std::string_view key, std::optional<Duration>& out);  ///< "none" means nothing
  void read(std::string_view key, std::uint64_t& out, InBytes);
  void read(std::string_view key, std::optional<std::uint64_t>& out, InBytes);  ///< "none" means nothing
  template <class T>
  void read(std::string_view key, T& out);  ///< whole numbers and enumerations

  struct Item {
    std::string text;
    Place place;
  };
  /// An array of strings. False: it does not exist, or is wrong.
  bool read(std::string_view key, std::vector<Item>& out, TextKind kind);

  using Reader = std::function<void(Section&)>;
  void section(std::string_view key, const Reader& reader);  ///< [key]
  void each(std::string_view key, const Reader& reader);     ///< [[key]]
  /// [key.NAME]
  void named(std::string_view key, const std::function<void(const std::string& name, Section&)>& reader);
  /// The file chooses the keys; their values are strings.
  void each_text(const std::function<void(const std::string& key, std::string value)>& reader);

  /// The name under which the file gives a key: `key`, or the name that it had before, which gets a warning. A
  /// mistake when both are given.
  [[nodiscard]] std::string renamed(std::string_view key, std::string_view former);

  /// Reports the keys that nobody has asked for.
  void finish();
  /// A remedy for an unknown key here, in place of the nearest known one.
  void explain_unknown(std::string key, std::string remedy) { remedies_[std::move(key)] = std::move(remedy); }

  void mistake(std::string_view key, std::string what) {
    reading_.findings.mistake(place(key), std::move(what));
  }

 private:
  /// Returns the node; from now on the key is known.
  const toml::node* find(std::string_view key);
  void wrong_type(std::string_view key, const toml::node& node, const std::string& instead);
  /// Returns the string, with its substitutions.
  std::optional<std::string> text(std::string_view key, const toml::node& node, TextKind kind,
                                  const std::string& instead);
  std::optional<std::uint64_t> whole(std::string_view key, std::uint64_t most);
  std::optional<std::size_t> word(std::string_view key, const std::vector<std::string>& names);
  std::optional<Duration> duration(std::string_view key, const toml::node& node);
  void enter(const toml::node& node, Place place, std::string pattern, const Reader& reader);

  Reading& reading_;
  const toml::table& table_;
  const Place place_;
  const std::string pattern_;
  std::vector<std::string> known_;
  std::map<std::string, std::string> remedies_;
};

template <class T>
void Section::read(std::string_view key, T& out) {
  if constexpr (std::is_enum_v<T>) {
    if (const auto index = word(key, {enum_names<T>.begin(), enum_names<T>.end()}))
      out = static_cast<T>(*index);
  } else {
    static_assert(std::is_unsigned_v<T>);
    if (const auto number = whole(key, std::numeric_limits<T>::max())) out = static_cast<T>(*number);
  }
}

}  // namespace terrace::config
