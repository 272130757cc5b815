#include <algorithm>
#include <bit>
#include <string>
#include <terrace/memory_options.hpp>
#include <terrace/result.hpp>
#include <thread>

namespace terrace::memory {
namespace {

// Ids have 32 bits, and shards are not filled quite evenly.
constexpr std::uint64_t most_entries_per_shard = std::uint64_t{1} << 31;
constexpr unsigned most_shards = 4096;

void check_positive(const std::optional<Duration>& lifetime, const char* name) {
  if (!lifetime || *lifetime > Duration::zero()) return;
  throw ConfigError("MemoryCache: " + std::string(name) + " is " + std::to_string(lifetime->count()) +
                    " ns, so nothing could ever be stored; give a positive time, or none for no expiry");
}

/// Few enough that the shares of the entries are even (at least 2,000 entries each), and more than the number
/// of threads that run at a time.
unsigned choose_shards(const Limits& limits) {
  constexpr std::uint64_t least_entries = 2'000;
  constexpr std::uint64_t least_bytes = 1 << 20;
  const std::uint64_t cores = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t shards = std::min<std::uint64_t>(std::bit_ceil(cores * 8), 256);
  if (limits.max_entries != 0) shards = std::min(shards, limits.max_entries / least_entries);
  if (limits.max_bytes != 0) shards = std::min(shards, limits.max_bytes / least_bytes);
  shards = std::bit_floor(std::max<std::uint64_t>(shards, 1));
  while (limits.max_entries / shards > most_entries_per_shard && shards < most_shards) shards *= 2;
  return static_cast<unsigned>(shards);
}

}  // namespace

unsigned check_limits(const Limits& limits) {
  if (limits.max_entries == 0 && limits.max_bytes == 0) {
    throw ConfigError(
        "MemoryCache: max_entries and max_bytes are both 0, so the cache would grow without bound; "
        "set at least one of them");
  }
  check_positive(limits.ttl, "ttl");
  check_positive(limits.expire_after_access, "expire_after_access");
  if (limits.sweep_interval < Duration::zero()) {
    throw ConfigError("MemoryCache: sweep_interval is " + std::to_string(limits.sweep_interval.count()) +
                      " ns; give a positive time, or 0 for no sweeping thread");
  }
  if (limits.shards > most_shards) {
    throw ConfigError("MemoryCache: shards is " + std::to_string(limits.shards) + "; at most " +
                      std::to_string(most_shards) + " are possible, and 0 chooses a good number");
  }
  if (limits.max_entries != 0 && limits.shards > limits.max_entries) {
    throw ConfigError("MemoryCache: shards is " + std::to_string(limits.shards) +
                      ", more than max_entries, which is " + std::to_string(limits.max_entries) +
                      "; every shard must hold an entry, and 0 chooses a good number");
  }
  const unsigned shards = limits.shards != 0 ? limits.shards : choose_shards(limits);
  if (limits.max_entries / shards > most_entries_per_shard) {
    throw ConfigError("MemoryCache: max_entries is " + std::to_string(limits.max_entries) + " in " +
                      std::to_string(shards) + " shards; a shard holds at most " +
                      std::to_string(most_entries_per_shard) +
                      "; lower max_entries, or set it to 0 and bound the cache by max_bytes");
  }
  return shards;
}

}  // namespace terrace::memory
