#pragma once
/// Pauses: keys that are not loaded for a short time, because their last load has failed: a refresh ahead of
/// time (retry_after), or a load that had no stale value to serve (error_ttl).

#include <optional>
#include <string>
#include <string_view>
#include <terrace/memory_cache.hpp>
#include <terrace/result.hpp>

#include "cascade/key_selection.hpp"

namespace terrace::cascade {

/// Thread safe. It remembers 10,000 keys at most, the latest ones.
class Pauses {
 public:
  explicit Pauses(const Clock& clock) : errors_(options(clock)) {}

  /// The key is not loaded for so long. `why` is the error of its last load.
  void begin(const std::string& key, const Error& why, Duration pause) {
    errors_.set(key, why, {.ttl = pause});
  }
  /// The error of the last load, if the pause is not over.
  [[nodiscard]] std::optional<Error> of(const std::string& key) {
    const auto why = errors_.get(key);
    return why ? std::optional(*why) : std::nullopt;
  }
  void end(std::string_view key) { errors_.erase(std::string(key)); }
  void end(const KeySelection& keys) {
    errors_.erase_if([&](const std::string& key, const Error&) { return keys.contains(key); });
  }
  void end_all() { errors_.clear(); }

 private:
  static MemoryOptions<std::string, Error> options(const Clock& clock) {
    MemoryOptions<std::string, Error> options;
    options.clock = &clock;
    return options;
  }

  MemoryCache<std::string, Error> errors_;
};

}  // namespace terrace::cascade
