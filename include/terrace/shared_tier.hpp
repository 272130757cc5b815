#pragma once
/// SharedTier: what a tier offers to the processes that share it, beyond storing bytes: leases, so that one
/// of them loads a key and no late fill overwrites what is newer; tokens for tags; and a watch that tells
/// each process what the others change. Tier::shared() gives it; the Redis tier has one.
///
/// Every method is asynchronous under the rules of Tier (threads, deadlines, handlers, errors).
///
/// A lease is the right to fill one key. At most one is out for a key; it lapses after its time unless
/// renewed. It is void as soon as the key is set, set_many, erased or swept by erase_prefix or erase_glob
/// (Tier), or forgotten by a store that is full; what its holder fills after that is rejected. After R.
/// Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/bytes.hpp>
#include <terrace/clock.hpp>
#include <terrace/detail/unique_function.hpp>
#include <terrace/result.hpp>
#include <terrace/tier.hpp>
#include <vector>

namespace terrace {

/// Names the holder of a lease: 128 random bits, never used twice.
using LeaseToken = std::array<char, 16>;

/// The answer to SharedTier::acquire.
struct LeaseReply {
  enum class Kind : std::uint8_t {
    value,    ///< there is a value after all
    granted,  ///< the lease is yours
    held,     ///< somebody else has it
  };
  Kind kind = Kind::held;
  Bytes value = {};        ///< of Kind::value
  Duration held_for = {};  ///< of Kind::held: until that lease lapses, if it is neither renewed nor ended
};

/// What a watch tells. Calls come one at a time, in the order of the server's changes, on any thread; they
/// must be short and must not block. Keys are as Tier takes them.
class Watcher {
 public:
  virtual ~Watcher() = default;

  /// From now on every change is told: what is read from the tier after `since` is watched. What was read
  /// before may have changed unnoticed.
  virtual void watching(TimePoint since) = 0;
  /// These were set, filled, erased, expired or evicted, by whomever, this process included.
  virtual void changed(const std::vector<std::string>& keys) = 0;
  /// All keys are gone (FLUSHALL).
  virtual void changed_all() = 0;
  /// The leases of these keys began or ended without a change of the key: who waits for one should look
  /// again.
  virtual void lease_changed(const std::vector<std::string>& keys) = 0;
  /// Every change the server made before this time has been told. Comes about four times a second.
  virtual void proven(TimePoint until) = 0;
  /// The watch is broken; changes go unnoticed until watching() comes again.
  virtual void lost() = 0;
};

class SharedTier {
 public:
  virtual ~SharedTier() = default;

  /// One step in the store: the value if there is one; else the lease, if nobody has it. A value whose bytes
  /// are `stale` (empty: none) counts as none. `lease_time` is above 0, to the millisecond, rounded up. A
  /// lease that would last longer than twice `lease_time` is free: all processes ask for about the same time,
  /// so none of them was given it.
  virtual void acquire(std::string_view key, const LeaseToken& token, Duration lease_time, BytesView stale,
                       TimePoint deadline, Handler<Result<LeaseReply>> done) = 0;

  /// Stores the value and ends the lease if the token still holds it (true); else changes nothing (false).
  /// `ttl` and errors as Tier::set; on an error the lease may still be held.
  virtual void fill(std::string_view key, const LeaseToken& token, BytesView value,
                    std::optional<Duration> ttl, TimePoint deadline, Handler<Result<bool>> done) = 0;

  /// The lease lasts `lease_time` from now; false: the token does not hold it any more.
  virtual void renew(std::string_view key, const LeaseToken& token, Duration lease_time, TimePoint deadline,
                     Handler<Result<bool>> done) = 0;

  /// Ends the lease without a value, if the token still holds it. Waiters are told.
  virtual void release(std::string_view key, const LeaseToken& token, TimePoint deadline,
                       Handler<Result<void>> done) = 0;

  /// What is stored under the key, or `value` if nothing was; then it is stored now, for `ttl`. With a `ttl`,
  /// what would last longer than twice that counts as nothing: all processes ask for about the same time, so
  /// none of them put it there.
  virtual void get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl,
                          TimePoint deadline, Handler<Result<Bytes>> done) = 0;

  /// Replaces the value if it still is `expected` (true); a lease of the key is void then. Else changes
  /// nothing (false).
  virtual void replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
                       TimePoint deadline, Handler<Result<bool>> done) = 0;

  /// A watch over all keys that begin with one of the prefixes, which must not begin with one another; it
  /// ends when what this returns is destroyed, after which no call comes. The connection for it is made on
  /// the first watch; lost() or watching() tells how it stands.
  [[nodiscard]] virtual std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                                    std::shared_ptr<Watcher> watcher) = 0;

  /// How often a watch tells one change of a key, at most: once for each store that has a copy.
  [[nodiscard]] virtual unsigned notices_of_a_change() const noexcept { return 1; }
};

}  // namespace terrace
