#include "assembly/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace terrace::assembly {
namespace {

constexpr std::array<std::string_view, 1> sharded_keys{"seed"};
constexpr std::array<std::string_view, 8> replicated_keys{
    "consistency", "copies", "read_quorum", "write_quorum", "may_forget", "repair_time", "max_hints", "seed"};

std::string known_keys(Kind kind) {
  if (kind == Kind::sharded) return "seed";
  std::string all;
  for (const auto key : replicated_keys) all += (all.empty() ? "" : ", ") + std::string(key);
  return all;
}

// Messages show no value and no unknown key: where a ? of a password is not encoded, they are parts of it.

template <class T>
T number(const Setting& setting, const std::string& where, T least = 0) {
  T value = 0;
  const char* const end = setting.value.data() + setting.value.size();
  const auto [rest, error] = std::from_chars(setting.value.data(), end, value);
  if (error != std::errc() || rest != end || value < least) {
    refuse(where, std::string(setting.key) + " is not a whole number from " + std::to_string(least) + " to " +
                      std::to_string(std::numeric_limits<T>::max()));
  }
  return value;
}

Consistency consistency(const Setting& setting, const std::string& where) {
  if (const auto known = with_name<Consistency>(setting.value)) return *known;
  refuse(where, std::string(setting.key) + " is unknown; it is " + all_names<Consistency>());
}

Duration duration(const Setting& setting, const std::string& where) {
  std::uint32_t amount = 0;
  const char* const end = setting.value.data() + setting.value.size();
  const auto [rest, error] = std::from_chars(setting.value.data(), end, amount);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const std::chrono::seconds one(unit == "s"   ? 1
                                 : unit == "m" ? 60
                                 : unit == "h" ? 3600
                                 : unit == "d" ? 86400
                                               : 0);
  constexpr std::chrono::hours most(7 * 24);
  if (error != std::errc() || amount == 0 || one.count() == 0 || amount > most / one) {
    refuse(where, std::string(setting.key) +
                      " is not a time from 1s to 7d; write a number and s, m, h or d, as in 30s");
  }
  return amount * one;
}

void apply(const Setting& setting, ReplicatedOptions& to, const std::string& where) {
  if (setting.key == "consistency") to.consistency = consistency(setting, where);
  if (setting.key == "copies") to.copies = number<unsigned>(setting, where, 1);
  if (setting.key == "read_quorum") to.read_quorum = number<unsigned>(setting, where, 1);
  if (setting.key == "write_quorum") to.write_quorum = number<unsigned>(setting, where, 1);
  if (setting.key == "may_forget") to.may_forget = number<unsigned>(setting, where);
  if (setting.key == "repair_time") to.repair_time = duration(setting, where);
  if (setting.key == "max_hints") to.max_hints = number<std::size_t>(setting, where, 1);
  if (setting.key == "seed") to.seed = number<std::uint64_t>(setting, where);
}

}  // namespace

std::vector<Setting> split_query(std::string_view query) {
  std::vector<Setting> settings;
  while (true) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view one = query.substr(0, end);
    const auto sign = std::min(one.find('='), one.size());
    settings.push_back({one.substr(0, sign), one.substr(std::min(sign + 1, one.size()))});
    if (end == query.size()) return settings;
    query.remove_prefix(end + 1);
  }
}

bool knows(Kind kind, std::string_view key) noexcept {
  const auto in = [&](const auto& keys) { return std::find(keys.begin(), keys.end(), key) != keys.end(); };
  return kind == Kind::sharded ? in(sharded_keys) : in(replicated_keys);
}

ReplicatedOptions read_settings(Kind kind, const std::vector<Setting>& settings, const std::string& where) {
  ReplicatedOptions out;
  std::vector<std::string_view> seen;
  for (const Setting& setting : settings) {
    if (!knows(kind, setting.key)) {
      refuse(where, "a key after ? is unknown; the known ones are " + known_keys(kind) +
                        "; for a key of the last URL itself, put that URL in brackets");
    }
    if (std::find(seen.begin(), seen.end(), setting.key) != seen.end()) {
      refuse(where, std::string(setting.key) + " is given twice; give it once");
    }
    seen.push_back(setting.key);
    apply(setting, out, where);
  }
  return out;
}

}  // namespace terrace::assembly
