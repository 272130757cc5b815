#pragma once
/// Claims: the protection of a tier that processes share and that has no leases, such as a database (coherence
/// rule "Claim" of docs/reliability.md). Before a value is looked for below the tier, or loaded, something must be
/// stored under the key: the old value that cannot be used any more, or, where there is nothing, a claim. The fill
/// replaces exactly these bytes (Tier::compare_and_set_many). Every change of the key by another process, an erase
/// as well, removes them; so a value from before the change is rejected. Several processes may use one claim.
///
/// A claim is an entry that expired long ago, so every reader, of every version, takes it for a miss. Its version
/// is a random number, so no claim comes twice. Unlike a lease it makes nobody wait, and it may be left behind.

#include <algorithm>
#include <random>
#include <terrace/cache_options.hpp>

#include "envelope/envelope.hpp"

namespace terrace::cascade::claims {

/// How long a claim stays: much longer than the load that it is for.
inline Duration life(Duration load_timeout) noexcept {
  return std::clamp<Duration>(load_timeout * 2, std::chrono::minutes(1), std::chrono::hours(1));
}

/// A new claim for a key of a cache.
inline Bytes make(const CacheOptions& cache, std::string_view key) {
  thread_local std::random_device device;
  envelope::EnvelopeMeta meta{.fresh_until = WallTime{}, .negative = true};
  while (meta.version == 0) meta.version = std::uint64_t{device()} << 32U | device();
  return envelope::wrap(cache.name, key, meta, {}, {.enabled = false}, cache.key_ring.get());
}

}  // namespace terrace::cascade::claims
