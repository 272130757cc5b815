#pragma once
/// VersionedTier: the operations of a tier as one node of a replicated tier (replicated_tier.hpp). It stores
/// copies with versions, which only grow, and a mark of membership, which distinguishes a node that has lost
/// data from one that has not. Tier::versioned() returns it; the Redis tier has one.
///
/// Every method is asynchronous, with the rules of Tier (threads, deadlines, handlers, errors).
///
/// For each key a node holds a copy: the highest version it was given and, unless that version is a deletion
/// or has expired, the value. The version outlives the value by `retention`, so that an older copy on another
/// node cannot replace it. A plain Tier::set or Tier::erase of the key on the node removes the copy with its
/// version. If the stored data is no valid version (Version::highest_counter), a read returns Errc::corrupt,
/// scans leave it out, and any write replaces it. A node that may evict keys cannot keep these rules and
/// rejects operations (Errc::unavailable, with the remedy).

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

/// Orders the writes of one key: by counter, then order, then writer; no clock takes part. All 0 means none,
/// which is below all other versions.
struct Version {
  /// No honest counter comes near it. A higher one in a store is damaged or planted, and is not a valid
  /// version.
  static constexpr std::uint64_t highest_counter = std::uint64_t{1} << 62;

  std::uint64_t counter = 0;  ///< at most highest_counter
  std::uint64_t writer = 0;   ///< identifies the writer; random, so that no two writers create the same
                              ///< version
  std::uint64_t order = 0;    ///< TierWrite::version of a write that has one: any 64 bits

  friend constexpr auto operator<=>(const Version& a, const Version& b) noexcept {
    if (const auto counters = a.counter <=> b.counter; counters != 0) return counters;
    if (const auto orders = a.order <=> b.order; orders != 0) return orders;
    return a.writer <=> b.writer;
  }
  friend constexpr bool operator==(const Version&, const Version&) = default;
  [[nodiscard]] constexpr bool none() const noexcept { return counter == 0 && order == 0 && writer == 0; }
};

/// The copy of a key on a node.
struct Copy {
  Version version = {};              ///< none: the node has never had the key, or has lost it
  Found value = {};                  ///< nothing, although there is a version: deleted or expired
  std::optional<Duration> ttl = {};  ///< remaining lifetime of the value; none: it does not expire
};

/// How far a node can be relied on to hold everything that it once confirmed.
struct Membership {
  Duration left = {};      ///< how long its mark is still valid; zero: it has none, or the mark has expired
  bool remembers = false;  ///< it has run without a restart since the mark was set
  std::uint64_t admission = 0;  ///< the token with which it was admitted since it last lost data; while this
                                ///< stays the same, the node has lost nothing
};

/// One answer to VersionedTier::read_many.
struct Reading {
  Membership membership;
  Copy copy;
};

/// One write of VersionedTier::write_many.
struct VersionedWrite {
  std::string_view key;
  Version version;                   ///< must not be none
  std::optional<BytesView> value;    ///< nothing: a tombstone
  std::optional<Duration> ttl = {};  ///< TTL of the value, as for Tier::set
};

/// One answer to VersionedTier::versions_many or write_many.
struct Written {
  Membership membership;
  Version held;  ///< the node's present version; it is above that of the write if the write came too late
  bool live = false;  ///< an unexpired value exists (versions_many), or existed before the write
};

/// Keys that a node holds, with their versions, in no order; a key may occur twice.
struct ScanPage {
  std::string next;  ///< where the next page begins; empty: this was the last page
  std::vector<std::pair<std::string, Version>> keys;
};

class VersionedTier {
 public:
  virtual ~VersionedTier() = default;

  /// Reads the copies of many keys, in the order of the keys; one round trip.
  virtual void read_many(std::vector<std::string_view> keys, TimePoint deadline,
                         Handler<std::vector<Result<Reading>>> done) = 0;

  /// The same without the values.
  virtual void versions_many(std::vector<std::string_view> keys, TimePoint deadline,
                             Handler<std::vector<Result<Written>>> done) = 0;

  /// A write takes effect if its version is above the stored one; a tombstone also if it is equal, because a
  /// copy that has expired on one node is dead on all. Otherwise the copy stays, and the answer contains the
  /// stored version: that is no error. A write that takes effect makes a lease of the key invalid. The
  /// version is kept for the write's ttl plus `retention`; for a tombstone for `retention`; for a value
  /// without ttl without limit. `retention` is above 0. A version of none, or one above
  /// Version::highest_counter, is invalid_argument; other errors as for Tier::set.
  virtual void write_many(std::vector<VersionedWrite> writes, Duration retention, TimePoint deadline,
                          Handler<std::vector<Result<Written>>> done) = 0;

  /// Returns one page of the keys that have a version. `from` is empty for the first page, then
  /// ScanPage::next. A page may have no keys and not be the last. Keys written meanwhile may be missing.
  /// Errc::unavailable if the node has restarted since the first page: begin again.
  virtual void scan(std::string_view from, TimePoint deadline, Handler<Result<ScanPage>> done) = 0;

  /// Returns the state of the mark.
  virtual void membership(TimePoint deadline, Handler<Result<Membership>> done) = 0;

  // --- Maintenance. One process at a time, identified by a token that is never used twice, brings a node up
  // to date. Its charge ends with the run of the server: a node that restarts meanwhile, empty or from an old
  // snapshot, is not admitted.

  /// True: this node is in the caller's charge for `time` from now (again, if it already was); false: another
  /// process has the charge. This begins a new charge: the effects of the token on the node so far may be
  /// lost. `time` is above 0, to the millisecond, rounded up.
  virtual void take_charge(std::uint64_t token, Duration time, TimePoint deadline,
                           Handler<Result<bool>> done) = 0;

  /// Extends the charge: it lasts for `time` from now. False: the token no longer has the charge, and its
  /// effects on the node may be lost.
  virtual void keep_charge(std::uint64_t token, Duration time, TimePoint deadline,
                           Handler<Result<bool>> done) = 0;

  /// Removes all copies and the mark, each step only while the node is in the token's charge; false: it was
  /// not in charge until the end.
  virtual void purge(std::uint64_t token, TimePoint deadline, Handler<Result<bool>> done) = 0;

  /// Sets the mark for `time`, bound to this run of the server, if the node is in the token's charge (true),
  /// and ends the charge. The mark of a node that remembers keeps its token.
  virtual void admit(std::uint64_t token, Duration time, TimePoint deadline, Handler<Result<bool>> done) = 0;
};

}  // namespace terrace
