#pragma once
/// Load and LoadContext: what a loader may return and take besides a value and a key (cache.hpp).

#include <optional>
#include <stop_token>
#include <string>
#include <terrace/clock.hpp>
#include <vector>

namespace terrace {

/// What a loader may return to say more than a value. No value: there is no such key. If V itself can be empty
/// (std::optional, std::shared_ptr), an empty V is a value; return Load<V>{}, or Errc::not_found in a Result<V>,
/// for a key that does not exist.
template <class V>
struct Load {
  std::optional<V> value = {};
  std::optional<Duration> ttl = {};  ///< none: the cache's ttl or negative_ttl; 0 or less: as keep = false
  std::vector<std::string> tags =
      {};                     ///< besides those of ReadOptions. Cached only when known before (there)
  bool not_modified = false;  ///< LoadContext::previous holds on for another ttl; `value` is ignored
  bool keep = true;           ///< false: the value goes to those who wait for it, and into no level

  /// What there was before is still right.
  static Load unchanged(std::optional<Duration> ttl = {}) { return {.ttl = ttl, .not_modified = true}; }
};

/// What a loader may take as its second argument.
template <class V>
struct LoadContext {
  /// Asked to stop when nobody waits for the result: every caller has given up (ReadOptions::timeout, stop),
  /// load_timeout is over, or the cache is closed.
  std::stop_token stop = {};
  /// What the cache still has, stale by now, for loaders that can ask whether it changed; null: nothing.
  const V* previous = nullptr;
};

}  // namespace terrace
