#pragma once
/// SharedTier: a tier's services for the processes that share it, beyond storing bytes. Leases let one
/// process load a key, and prevent a late fill from overwriting a newer value. There are tokens for tags. A
/// watch (the invalidation stream) notifies each process of the changes of the others. Tier::shared() returns
/// it; the Redis tier has one.
///
/// Every method is asynchronous, with the rules of Tier (threads, deadlines, handlers, errors).
///
/// A lease is the right to fill one key. There is at most one for a key; it expires after its time unless it
/// is renewed. It becomes invalid as soon as the key is set (also by set_many) or erased (also by
/// erase_prefix or erase_glob of Tier), or when a full store evicts it; a later fill of its holder is
/// rejected. After R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1.

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
#include <utility>
#include <vector>

namespace terrace {

/// Identifies the holder of a lease: 128 random bits, never used twice.
using LeaseToken = std::array<char, 16>;

/// What the holder of a lease says at its end about a load that filled nothing. So the processes that have
/// waited need not repeat the load one after the other.
enum class LeaseEnd : std::uint8_t {
  untold,    ///< nothing: the next one that asks gets the lease
  failed,    ///< the loader failed
  absent,    ///< there is no such key, and no level keeps that
  not_kept,  ///< there is a value, and no level keeps it
};

/// What SharedTier::acquire is asked for.
struct LeaseRequest {
  LeaseToken token = {};
  Duration lease_time = {};  ///< above 0, to the millisecond, rounded up
  BytesView stale = {};      ///< a value with these bytes counts as no value; empty: none
  /// The holder that this caller has waited for: it is told how the load of that holder ended.
  std::optional<LeaseToken> waited_for = {};
  /// The caller has waited too long: the lease is its own now, although `waited_for` still has it.
  bool take_over = false;
};

/// The answer to SharedTier::acquire.
struct LeaseReply {
  enum class Kind : std::uint8_t {
    value,    ///< there is a value after all
    granted,  ///< the lease is yours
    held,     ///< another holder has the lease
    ended,    ///< the load of LeaseRequest::waited_for has ended, as `end` says
  };
  Kind kind = Kind::held;
  Bytes value = {};        ///< for Kind::value
  Duration held_for = {};  ///< for Kind::held: time until that lease expires, unless it is renewed or ended
  std::optional<LeaseToken> holder = {};  ///< for Kind::held: its holder; none: the tier cannot say
  LeaseEnd end = LeaseEnd::untold;        ///< for Kind::ended
};

/// Receives the notifications of a watch. Calls come one at a time, in the order of the server's changes, on
/// any thread; they must be short and must not block. Keys have the form that Tier takes.
class Watcher {
 public:
  virtual ~Watcher() = default;

  /// From now on every change is reported: a value read from the tier after `since` is watched. A value read
  /// before may have changed unnoticed.
  virtual void watching(TimePoint since) = 0;
  /// These keys were set, filled, erased, expired or evicted, by any process, this one included.
  virtual void changed(const std::vector<std::string>& keys) = 0;
  /// All keys were removed (FLUSHALL).
  virtual void changed_all() = 0;
  /// The leases of these keys began or ended without a change of the key: a caller that waits for one should
  /// look again.
  virtual void lease_changed(const std::vector<std::string>& keys) = 0;
  /// Every change that the server made before this time has been reported. Comes about four times a second.
  virtual void proven(TimePoint until) = 0;
  /// The watch is broken; changes go unnoticed until watching() comes again.
  virtual void lost() = 0;
};

class SharedTier {
 public:
  virtual ~SharedTier() = default;

  /// In one step in the store: returns the value if there is one; otherwise the lease, if it is free. A lease
  /// that would last longer than twice `lease_time` counts as free: all processes use a similar lease
  /// time, so no process of the cache made it.
  ///
  /// A tier need not know holders and ends. Then it never names a holder, never answers `ended`, and does
  /// not let a lease be taken over.
  virtual void acquire(std::string_view key, const LeaseRequest& request, TimePoint deadline,
                       Handler<Result<LeaseReply>> done) = 0;
  void acquire(std::string_view key, const LeaseToken& token, Duration lease_time, BytesView stale,
               TimePoint deadline, Handler<Result<LeaseReply>> done) {
    acquire(key, LeaseRequest{.token = token, .lease_time = lease_time, .stale = stale}, deadline,
            std::move(done));
  }

  /// Stores the value and ends the lease if the token still holds it (true); otherwise changes nothing
  /// (false). `ttl` and errors as for Tier::set; after an error the lease may still be held.
  virtual void fill(std::string_view key, const LeaseToken& token, BytesView value,
                    std::optional<Duration> ttl, TimePoint deadline, Handler<Result<bool>> done) = 0;

  /// Makes the lease last `lease_time` from now; false: the token does not hold it any more.
  virtual void renew(std::string_view key, const LeaseToken& token, Duration lease_time, TimePoint deadline,
                     Handler<Result<bool>> done) = 0;

  /// Ends the lease without a value, if the token still holds it. The store keeps how the load ended (`end`)
  /// for `end_life`, and waiters are notified.
  virtual void release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint deadline,
                       Handler<Result<void>> done) = 0;
  void release(std::string_view key, const LeaseToken& token, TimePoint deadline,
               Handler<Result<void>> done) {
    release(key, token, LeaseEnd::untold, deadline, std::move(done));
  }

  /// How long the end of a load is kept. Those who wait are woken by the watch, or ask ten times a second;
  /// a process that gets no processor time comes later.
  static constexpr Duration end_life = std::chrono::seconds(3);

  /// Returns the value stored under the key. If there is none, stores `value` for `ttl` and returns it. With
  /// a `ttl`, a stored value that would last longer than twice the ttl counts as none: all processes use
  /// a similar ttl, so no process of the cache stored it.
  virtual void get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl,
                          TimePoint deadline, Handler<Result<Bytes>> done) = 0;

  /// Returns the value stored under the key; if there is none, stores `value` and returns it. In either case
  /// the value then lasts at least three quarters of `life` from now (none: without end): one that would end
  /// before is prolonged to `life`, which the watch reports as a change; a longer life stays as it is. For
  /// tokens of tags, which must last as long as the entries that name them. Default: get_or_put without a ttl,
  /// so the value has no end.
  virtual void get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life,
                              TimePoint deadline, Handler<Result<Bytes>> done) {
    static_cast<void>(life);
    get_or_put(key, value, std::nullopt, deadline, std::move(done));
  }

  /// Replaces the value if it is still `expected` (true); a lease of the key then becomes invalid. Otherwise
  /// changes nothing (false).
  virtual void replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
                       TimePoint deadline, Handler<Result<bool>> done) = 0;

  /// A watch over all keys that begin with one of the prefixes; no prefix may begin with another one. It ends
  /// when the returned object is destroyed; after that no call comes. The first watch makes the connection;
  /// lost() or watching() reports its state.
  [[nodiscard]] virtual std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                                    std::shared_ptr<Watcher> watcher) = 0;

  /// How often a watch reports one change of a key, at most: once for each store that has a copy.
  [[nodiscard]] virtual unsigned notices_of_a_change() const noexcept { return 1; }
};

}  // namespace terrace
