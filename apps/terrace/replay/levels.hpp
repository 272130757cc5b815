#pragma once
/// Levels: the cache under replay. The only part of the command line that knows terrace::Cache.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/cache_handle.hpp>
#include <terrace/clock.hpp>
#include <terrace/memory_cache.hpp>
#include <vector>

#include "replay/origin.hpp"

namespace terrace::cli {

struct LevelOptions {
  std::optional<std::uint64_t> memory_entries;
  std::optional<std::uint64_t> memory_bytes;
  Eviction eviction = Eviction::adaptive;
  std::vector<std::string> tiers;  ///< URLs (terrace/tier_url.hpp), the upper one first
  std::optional<Duration> ttl;     ///< none: entries do not expire
  Duration origin_latency{};
};

/// How a request ended.
struct Fetched {
  enum class By {
    level,   ///< a level had the value: `level` says which, 0 being memory
    origin,  ///< this request loaded it
    joined,  ///< it waited for a load that another request had begun
    error    ///< `why`
  } by;
  std::size_t level = 0;
  std::string why{};
  std::uint64_t bytes = 0;  ///< of the value
  bool wrong = false;       ///< the value is not one that the origin makes for this key
};

/// What a level counted itself, and what it holds (0 where it does not know).
struct LevelState {
  std::string name;
  std::uint64_t misses = 0;
  std::uint64_t errors = 0;
  std::uint64_t entries = 0;
  std::uint64_t stored_bytes = 0;
};

/// Thread safe.
class Levels {
 public:
  /// Throws UsageError or ConfigError when a level cannot be had as asked for.
  explicit Levels(const LevelOptions& options);
  ~Levels();

  /// Memory first. Constant.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept;

  /// Asks the levels below memory until all answer, for a second and a bit at most (5 s where one is
  /// replicated), and tells which do not, with the reason.
  struct Silent {
    std::string name;
    std::string why;
  };
  [[nodiscard]] std::vector<Silent> silent_levels();

  /// The value under the key, from the highest level that has it, else from the origin.
  Fetched fetch(std::string_view key, std::uint64_t size, const std::shared_ptr<Origin>& origin);

  /// Removes what earlier replays left in the levels. Throws std::runtime_error when a level cannot.
  void clear();

  [[nodiscard]] std::vector<LevelState> states() const;

  /// The cache itself, for the status page.
  [[nodiscard]] CacheHandle cache() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace terrace::cli
