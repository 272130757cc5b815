#pragma once
/// Tier: one level below memory; it stores bytes under keys of bytes. Redis, SQLite and every combination of
/// tiers implement it; so can you. tests/conformance/ holds the suite that every tier must pass.
///
/// The contract that all methods share:
///  - Thread safe. Arguments are copied before the call returns, unless stated otherwise.
///  - Asynchronous: the call never blocks for I/O. The handler is called exactly once, on any thread,
///    possibly inside the call itself. A handler must not block and must not throw.
///  - Deadline: the handler is called at most 10 ms after it, with Errc::timed_out. An
///    operation that timed out may still take effect. A deadline that has already passed gives timed_out at
///    once.
///  - Failure: an Error, never an exception. Errc::unavailable: the request was not sent (no connection,
///    circuit breaker open). Errc::timed_out, io_error or effect_unknown: it was sent, and may or may not
///    have taken effect. A fault is never reported as a miss.
///  - Keys are 1 … max_key_size bytes of any value (NUL, CR LF and invalid UTF-8 included); otherwise
///    invalid_key.
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

/// Called by a tier when the operation has ended.
template <class T>
using Handler = UniqueFunction<void(T)>;

/// The bytes that were found; nothing on a miss.
using Found = std::optional<Bytes>;

/// One write of set_many. `ttl` as for Tier::set.
struct TierWrite {
  std::string_view key;
  BytesView value;
  std::optional<Duration> ttl = {};
  /// Not 0: the value is stored only if the stored one has a lower version or none; otherwise the write is
  /// too late and succeeds without effect. The version is stored and removed with the value.
  std::uint64_t version = 0;
};

/// One write of compare_and_set_many. `value` and `ttl` as for Tier::set.
struct TierSwap {
  std::string_view key;
  /// What must be stored under the key: these bytes, unexpired; none: nothing.
  std::optional<BytesView> expected;
  BytesView value;
  std::optional<Duration> ttl = {};
};

/// Counters since construction. `hits + misses + errors` = number of keys asked for.
struct TierStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t errors = 0;  ///< keys of reads that ended in an Error
  std::uint64_t writes = 0;  ///< keys set
  std::uint64_t erases = 0;  ///< keys erased
  std::uint64_t write_errors = 0;
  std::optional<std::uint64_t> entries = {};  ///< if the tier knows it cheaply
  std::optional<std::uint64_t> bytes = {};    ///< stored bytes, if the tier knows them cheaply
  // For a tier that has a server; for several servers: what is true for all its keys together.
  std::optional<bool> reachable = {};     ///< the server of every key is connected; none: unknown
  std::optional<bool> breaker_open = {};  ///< a circuit breaker rejects operations; none: there is none
};

/// Which processes see a write of one process into a level; from the narrowest to the widest scope.
enum class Scope : std::uint8_t {
  process,  ///< only this process
  machine,  ///< processes on this machine that open the same store; not those on other machines
  fleet,    ///< every process of the cache, on any machine
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

  /// Short and constant: "redis", "sqlite". Used in metrics and messages.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Which processes see a write into this tier; constant. If a cache has a level of scope fleet, it treats
  /// the entries of a narrower level as stale copies, because another process's erase does not reach them:
  /// such a level never answers with a hit and never fills another level. Default: process, the narrowest. A
  /// tier whose store all processes use returns fleet. A tier made of tiers has the narrowest scope among
  /// them. Thread safe.
  [[nodiscard]] virtual Scope scope() const noexcept { return Scope::process; }

  /// Returns the value stored under the key and not yet expired; nothing on a miss.
  virtual void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) = 0;

  /// Stores the value and replaces any older one. The tier may drop it at any time and must drop it after
  /// `ttl` (to the millisecond, rounded up); none: no expiry. A ttl of zero or less is invalid_argument: it
  /// must not mean "no expiry". A value over the tier's limit is value_too_large and leaves the stored value
  /// unchanged.
  virtual void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                   Handler<Result<void>> done) = 0;

  /// Removes the key; returns true if there was an unexpired value. It must work when the store is full.
  virtual void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) = 0;

  /// Like get, set and erase for many keys, each with its own outcome, in the order of the keys; a key may
  /// occur twice. Uses few round trips if the store allows it (Redis: pipelined).
  virtual void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                        Handler<std::vector<Result<Found>>> done) = 0;
  virtual void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                        Handler<std::vector<Result<void>>> done) = 0;
  virtual void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                          Handler<std::vector<Result<bool>>> done) = 0;

  /// For each write, in one step in the store: if the key holds what is expected, stores the value (true);
  /// otherwise changes nothing (false). Order, errors and repeated keys as for set_many. Only if
  /// has_compare_and_set(); otherwise invalid_argument.
  virtual void compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                                    Handler<std::vector<Result<bool>>> done);

  /// The tier has compare_and_set_many. Without it, a cache does not keep what is loaded in a tier that processes
  /// share, unless the tier has leases (shared()): a value that was loaded before another process's erase could be
  /// stored after it. Constant. Default: false.
  [[nodiscard]] virtual bool has_compare_and_set() const noexcept { return false; }

  /// Removes every key of this tier that begins with the prefix (any bytes, taken literally; empty: all keys)
  /// and returns how many. Keys written meanwhile may survive. Does not delay other operations.
  virtual void erase_prefix(std::string_view prefix, TimePoint deadline,
                            Handler<Result<std::uint64_t>> done) = 0;

  /// The same for every key that begins with the prefix and whose remainder matches the pattern (glob.hpp).
  virtual void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                          Handler<Result<std::uint64_t>> done) = 0;

  /// The services of the tier for processes that share it (shared_tier.hpp); null if it has none, or is not
  /// shared. Valid as long as the tier.
  [[nodiscard]] virtual SharedTier* shared() noexcept { return nullptr; }

  /// The operations of the tier as a node of a replicated tier (versioned_tier.hpp); null if it cannot be
  /// one. Valid as long as the tier.
  [[nodiscard]] virtual VersionedTier* versioned() noexcept { return nullptr; }

  /// True: a read may return a value that a completed write has replaced or removed, for an unbounded time,
  /// because it asks copies that follow the writes later (ClusterOptions::replica_reads). Such a tier needs
  /// consistency weak. A tier made of tiers: true if it is true for any of them. Never becomes true later.
  [[nodiscard]] virtual bool may_lag() const noexcept { return false; }

  /// The difference between the store's clock (since the Unix epoch) and the monotonic clock of this
  /// process (terrace::system_clock().now()), as last asked; none: the store has no clock of its own, or
  /// does not tell it. Processes on machines whose wall clocks differ agree about the age of an entry by
  /// the clock of the store that they share. The tier hides a store clock that stands still or goes back:
  /// it goes on with the time that it knew. Thread safe; does not block.
  [[nodiscard]] virtual std::optional<Duration> clock_offset() const noexcept { return std::nullopt; }

  /// Ends everything: pending operations get Errc::shutdown. Blocks until none is left. Idempotent.
  virtual void close() = 0;

  [[nodiscard]] virtual TierStats stats() const = 0;
};

}  // namespace terrace
