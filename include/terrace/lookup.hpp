#pragma once
/// Lookup: what a read found, in which level, and how long it may still be used. Never just a null.

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
  miss,         ///< no level has the key
  unavailable,  ///< no level that answered has the key, and at least one could not be asked; or the load
                ///< failed
};

/// "hit", "stale", "negative", "miss", "unavailable".
std::string_view to_string(LookupKind kind) noexcept;

/// The answer to one read. Converts to true if it holds a value.
template <class V>
struct Lookup {
  LookupKind kind = LookupKind::miss;
  std::optional<V> value = {};  ///< set for hit and stale
  std::string_view level = {};  ///< the level that answered: "memory", a tier's name, "loader"; empty if none
                                ///< did
  Duration age{};               ///< time since the value was loaded or set
  std::optional<Duration> remaining = {};  ///< time until it expires; none: no expiry
  bool joined = false;                     ///< answered by work that another caller had begun (single flight)
  Error error = {};                        ///< for unavailable: the reason

  explicit operator bool() const noexcept { return value.has_value(); }
};

/// What one level has under a key.
struct LevelExplanation {
  std::string level;  ///< "memory" or the tier's name
  LookupKind kind = LookupKind::miss;
  Duration age{};
  std::optional<Duration> remaining = {};
  std::uint64_t bytes = 0;  ///< stored size in a tier; weight in memory, if memory is bounded by bytes
  std::string note = {};    ///< why it is not a hit, if there is more to say
};

/// The result of Cache::explain: the present content of every level. Nothing is filled or loaded.
struct Explanation {
  std::string key;
  std::vector<LevelExplanation> levels;
  bool in_flight = false;  ///< a lookup or a load for this key is under way

  /// One line for each level, for people.
  [[nodiscard]] std::string to_string() const;
};

}  // namespace terrace
