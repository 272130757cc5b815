#pragma once
/// VersionedTier: what a tier offers as one node of a replicated tier (replicated_tier.hpp): copies with
/// versions, which only ever grow; and a mark of membership, by which a node that has forgotten something is
/// told from one that has not. Tier::versioned() gives it; the Redis tier has one.
///
/// Every method is asynchronous under the rules of Tier (threads, deadlines, handlers, errors).
///
/// A node holds, for each key, a copy: the highest version it was given and, unless that one deletes or has
/// expired, the value. The version outlives the value by `retention`, so that an older copy elsewhere cannot
/// come back in its place. A plain Tier::set or Tier::erase of the key on the node ends the copy, version and
/// all. What a node keeps in place of a version and is none (Version::highest_counter) is Errc::corrupt to
/// who reads it and left out of scans; whatever is written takes its place. A node that may evict keys cannot
/// keep this and refuses (Errc::unavailable, with the remedy).

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/bytes.hpp>
#include <terrace/clock.hpp>
#include <terrace/result.hpp>
#include <terrace/tier.hpp>
#include <utility>
#include <vector>

namespace terrace {

/// Orders what is written under one key, by counter, then order, then writer; no clock takes part. All 0:
/// none, below all others.
struct Version {
  /// No honest counter comes near it. A higher one in a store is damaged or planted, and no version.
  static constexpr std::uint64_t highest_counter = std::uint64_t{1} << 62;

  std::uint64_t counter = 0;  ///< at most highest_counter
  std::uint64_t writer = 0;   ///< who counted: random, so that no two give out the same version
  std::uint64_t order = 0;    ///< TierWrite::version of what was written with one: any 64 bits

  friend constexpr auto operator<=>(const Version& a, const Version& b) noexcept {
    if (const auto counters = a.counter <=> b.counter; counters != 0) return counters;
    if (const auto orders = a.order <=> b.order; orders != 0) return orders;
    return a.writer <=> b.writer;
  }
  friend constexpr bool operator==(const Version&, const Version&) = default;
  [[nodiscard]] constexpr bool none() const noexcept { return counter == 0 && order == 0 && writer == 0; }
};

/// What a node holds under a key.
struct Copy {
  Version version = {};              ///< none: it never heard of the key, or has forgotten it
  Found value = {};                  ///< nothing, though there is a version: deleted, or expired
  std::optional<Duration> ttl = {};  ///< what remains of the value's; none: it does not expire
};

/// How far a node can be relied on to hold everything it once confirmed.
struct Membership {
  Duration left = {};           ///< how long its mark still holds; zero: it has none, or its mark has lapsed
  bool remembers = false;       ///< it has run without a restart since the mark was set
  std::uint64_t admission = 0;  ///< the token it was admitted with since it last forgot: while it stays the
                                ///< same, the node has forgotten nothing
};

/// One answer to VersionedTier::read_many.
struct Reading {
  Membership membership;
  Copy copy;
};

/// One write of VersionedTier::write_many.
struct VersionedWrite {
  std::string_view key;
  Version version;                   ///< not none
  std::optional<BytesView> value;    ///< nothing: a tombstone
  std::optional<Duration> ttl = {};  ///< of the value, as in Tier::set
};

/// One answer to VersionedTier::versions_many or write_many.
struct Written {
  Membership membership;
  Version held;       ///< what the node holds now: above the write's own when the write came too late
  bool live = false;  ///< there is (versions_many), or was before the write, an unexpired value
};

/// Keys that a node holds, with their versions, in no order; a key may come twice.
struct ScanPage {
  std::string next;  ///< where the next page begins; empty: this was the last
  std::vector<std::pair<std::string, Version>> keys;
};

class VersionedTier {
 public:
  virtual ~VersionedTier() = default;

  /// The copies of many keys, in the order of the keys; one round trip.
  virtual void read_many(std::vector<std::string_view> keys, TimePoint deadline,
                         Handler<std::vector<Result<Reading>>> done) = 0;

  /// The same without the values.
  virtual void versions_many(std::vector<std::string_view> keys, TimePoint deadline,
                             Handler<std::vector<Result<Written>>> done) = 0;

  /// Each write takes effect when its version is above the held one; also when it is equal and a tombstone,
  /// since a copy that has expired on one node is dead on all. Else the copy stays, and the answer says what
  /// is held: that is no error. A lease of the key is void when the write took effect. The version is kept
  /// for the write's ttl and `retention` more; for a tombstone for `retention`; of a value without ttl, for
  /// ever. `retention` is above 0. A version of none, or one
  /// above Version::highest_counter, is invalid_argument; other errors as Tier::set.
  virtual void write_many(std::vector<VersionedWrite> writes, Duration retention, TimePoint deadline,
                          Handler<std::vector<Result<Written>>> done) = 0;

  /// One page of the keys that have a version; `from` is empty for the first, else ScanPage::next. A page may
  /// have no keys and not be the last. Keys written meanwhile may be missing. Errc::unavailable when the node
  /// has restarted since the first page: begin again.
  virtual void scan(std::string_view from, TimePoint deadline, Handler<Result<ScanPage>> done) = 0;

  /// How the mark stands.
  virtual void membership(TimePoint deadline, Handler<Result<Membership>> done) = 0;

  // --- Maintenance: one process at a time, named by a token that is never used twice, brings a node up to
  // date. A charge ends with the run of the server: a node that restarted half-way, from nothing or from an
  // old snapshot, is not admitted.

  /// True: this node is in the caller's charge for `time` from now (again, if it was already); false: another
  /// has it. Begins: what the token did to the node before may be forgotten. `time` is above 0, to the
  /// millisecond, rounded up.
  virtual void take_charge(std::uint64_t token, Duration time, TimePoint deadline,
                           Handler<Result<bool>> done) = 0;

  /// Prolongs: the charge lasts for `time` from now; false: the token does not have it any more, and what it
  /// did to the node may be forgotten.
  virtual void keep_charge(std::uint64_t token, Duration time, TimePoint deadline,
                           Handler<Result<bool>> done) = 0;

  /// Removes all copies and the mark, each step only while the node is in the token's charge; false: it was
  /// not to the end.
  virtual void purge(std::uint64_t token, TimePoint deadline, Handler<Result<bool>> done) = 0;

  /// Sets the mark for `time`, bound to this run of the server, if the node is in the token's charge (true),
  /// and ends the charge. The mark of a node that remembers keeps its token.
  virtual void admit(std::uint64_t token, Duration time, TimePoint deadline, Handler<Result<bool>> done) = 0;
};

}  // namespace terrace
