#pragma once
/// Lookup: what a read found, where, and how long it may still be used. Never a bare null.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>
#include <terrace/result.hpp>
#include <vector>

namespace terrace {

enum class LookupKind : std::uint8_t {
  hit,          ///< a fresh value
  stale,        ///< a value past its TTL but within its grace
  negative,     ///< the origin is known to have no such key
  miss,         ///< no level has it
  unavailable,  ///< no level that answered has it, and at least one could not be asked; or the load failed
};

/// "hit", "stale", "negative", "miss", "unavailable".
std::string_view to_string(LookupKind kind) noexcept;

/// The answer to one read. True when it holds a value.
template <class V>
struct Lookup {
  LookupKind kind = LookupKind::miss;
  std::optional<V> value = {};  ///< set for hit and stale
  std::string_view level = {};  ///< who answered: "memory", a tier's name, "loader"; empty when none did
  Duration age{};               ///< since the value was loaded or set
  std::optional<Duration> remaining = {};  ///< until it expires; none: it does not
  bool joined = false;                     ///< answered by work another caller had begun (single flight)
  Error error = {};                        ///< for unavailable: why

  explicit operator bool() const noexcept { return value.has_value(); }
};

/// What one level has under a key.
struct LevelExplanation {
  std::string level;  ///< "memory" or the tier's name
  LookupKind kind = LookupKind::miss;
  Duration age{};
  std::optional<Duration> remaining = {};
  std::uint64_t bytes = 0;  ///< stored size in a tier; weight in memory, where bounded by bytes
  std::string note = {};    ///< why it is no hit, where there is more to say
};

/// Cache::explain: what every level has, as they stand; nothing is filled or loaded.
struct Explanation {
  std::string key;
  std::vector<LevelExplanation> levels;
  bool in_flight = false;  ///< a walk or a load for this key is under way

  /// A line for each level, for people.
  [[nodiscard]] std::string to_string() const;
};

}  // namespace terrace
