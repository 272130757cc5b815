#pragma once
/// Tier: one level below memory, a store of bytes under bytes. Redis, SQLite and every composite of tiers
/// implement it; so can you. tests/conformance/ holds the suite that every tier must pass.
///
/// The contract every method shares:
///  - Thread safe. Arguments are copied before the call returns, unless said otherwise.
///  - Asynchronous: the call never blocks for I/O; the handler is called exactly once, on any thread,
///    possibly inside the call itself. A handler must not block and must not throw.
///  - Deadline: the handler is called at the latest shortly after it (10 ms), with Errc::timed_out; an
///    operation that timed out may still take effect. A deadline that has passed already is timed_out at
///    once.
///  - Failure: an Error, never an exception. Errc::unavailable: not asked (no connection, breaker open).
///    Errc::timed_out, io_error or effect_unknown: it was sent, and may or may not have taken effect. A fault
///    is never reported as a miss.
///  - Keys are 1 … max_key_size bytes of any value (NUL, CR LF and invalid UTF-8 included); else invalid_key.
///  - After close() every operation ends with Errc::shutdown.

#include <cstdint>
#include <optional>
#include <string_view>
#include <terrace/bytes.hpp>
#include <terrace/clock.hpp>
#include <terrace/detail/unique_function.hpp>
#include <terrace/result.hpp>
#include <vector>

namespace terrace {

/// What a tier calls when the operation has ended.
template <class T>
using Handler = UniqueFunction<void(T)>;

/// The bytes found, or nothing: a miss.
using Found = std::optional<Bytes>;

/// One write of set_many. `ttl` as in Tier::set.
struct TierWrite {
  std::string_view key;
  BytesView value;
  std::optional<Duration> ttl = {};
  /// Not 0: stored only when what is there has a lower version or none; else the write is too late, and a
  /// success without effect. The version lives and dies with the value.
  std::uint64_t version = 0;
};

/// Counters since construction. `hits + misses + errors` = keys asked for.
struct TierStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t errors = 0;  ///< keys of reads that ended in an Error
  std::uint64_t writes = 0;  ///< keys set
  std::uint64_t erases = 0;  ///< keys erased
  std::uint64_t write_errors = 0;
  std::optional<std::uint64_t> entries = {};  ///< where the tier knows cheaply
  std::optional<std::uint64_t> bytes = {};    ///< stored bytes, where the tier knows cheaply
  // Of a tier that has a server; of several, what holds for all its keys together.
  std::optional<bool> reachable = {};     ///< every key has a server that is connected; none: unknown
  std::optional<bool> breaker_open = {};  ///< a circuit breaker refuses operations; none: there is none
};

/// Who sees what one process writes into a level. From the narrowest to the widest.
enum class Scope : std::uint8_t {
  process,  ///< this process alone
  machine,  ///< processes of this machine, if they open the same store; those of other machines do not
  fleet,    ///< every process of the cache, wherever it runs
};

/// "process", "machine", "fleet".
[[nodiscard]] constexpr std::string_view to_string(Scope scope) noexcept {
  return scope == Scope::process ? "process" : scope == Scope::machine ? "machine" : "fleet";
}

class SharedTier;
class VersionedTier;

class Tier {
 public:
  virtual ~Tier() = default;

  /// Short and constant: "redis", "sqlite". For metrics and messages.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Who sees what is written here; constant. A cache that has a level of scope fleet takes what a narrower
  /// one holds for a stale copy, for another process's erase does not reach that: it never answers as a hit
  /// and never fills another level. Default: process, the narrowest; a tier whose store all processes use
  /// says fleet. A tier made of tiers is as narrow as the narrowest of them. Thread safe.
  [[nodiscard]] virtual Scope scope() const noexcept { return Scope::process; }

  /// The value stored under the key and not yet expired, or a miss.
  virtual void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) = 0;

  /// Stores the value, replacing any. It may be forgotten at any time and must be after `ttl` (to the
  /// millisecond, rounded up); none: no expiry. A ttl of zero or less is invalid_argument: it must not mean
  /// "for ever". A value over the tier's limit is value_too_large and leaves what was stored untouched.
  virtual void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                   Handler<Result<void>> done) = 0;

  /// Removes the key; true when there was an unexpired value. Must work when the store is full.
  virtual void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) = 0;

  /// As get, set, erase for many keys, each with its own outcome, in the order of the keys; a key may occur
  /// twice. Few round trips where the store can (Redis: pipelined).
  virtual void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                        Handler<std::vector<Result<Found>>> done) = 0;
  virtual void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                        Handler<std::vector<Result<void>>> done) = 0;
  virtual void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                          Handler<std::vector<Result<bool>>> done) = 0;

  /// Removes every key of this tier that begins with the prefix (any bytes, taken literally; empty: all of
  /// them) and tells how many. Keys written meanwhile may survive. Does not hold up other operations.
  virtual void erase_prefix(std::string_view prefix, TimePoint deadline,
                            Handler<Result<std::uint64_t>> done) = 0;

  /// The same for every key that begins with the prefix and whose rest matches the pattern (glob.hpp).
  virtual void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                          Handler<Result<std::uint64_t>> done) = 0;

  /// What the tier offers to processes that share it (shared_tier.hpp); null: nothing, or nobody shares it.
  /// Lives as long as the tier.
  [[nodiscard]] virtual SharedTier* shared() noexcept { return nullptr; }

  /// What the tier offers as a node of a replicated tier (versioned_tier.hpp); null: it cannot be one. Lives
  /// as long as the tier.
  [[nodiscard]] virtual VersionedTier* versioned() noexcept { return nullptr; }

  /// True: a read may still return what a write that has ended replaced, or removed, for a time without a
  /// bound: it asks copies that follow the writes later (ClusterOptions::replica_reads). Only consistency
  /// weak goes with that. A tier made of tiers: whether any of them may. Never becomes true later.
  [[nodiscard]] virtual bool may_lag() const noexcept { return false; }

  /// Ends everything: pending operations get Errc::shutdown. Blocks until none is left. Idempotent.
  virtual void close() = 0;

  [[nodiscard]] virtual TierStats stats() const = 0;
};

}  // namespace terrace
