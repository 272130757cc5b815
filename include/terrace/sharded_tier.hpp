#pragma once
/// The sharded tier: a Tier that spreads its keys over several tiers (the shards), each key on one. The list
/// of shards can change while the tier is used. Over Redis it gives more memory and more processors than one
/// machine has. A shard that is down affects its share of the keys, and no others.
///
/// While the list changes, most keys keep their shard. A key that moves to another shard has two owners for a
/// time. The processes that share the shards need not switch at the same moment: within `settle` of one
/// another is enough. (Compare MigrateRoute of mcrouter.) Each process goes through four phases:
///
///   for `settle`  the old owner leads: reads ask it, then on a miss the new one
///   for `grace`   the new owner leads: reads ask it, then on a miss the old one
///   for `settle`  reads ask the new owner alone
///   then          the new owner is the only one
///
/// In the first three phases a write goes to the leading owner and erases the key at the other one; an erase
/// goes to both. So no process reads a value that another process has erased or replaced. For such keys, this
/// means for the contract of Tier:
///
///  - If an erase cannot reach one of the two owners, the whole operation is an error (partial_write), which
///    names the shard. The same is true for a set that cannot erase at the other owner.
///  - If one owner fails and the other one misses, the answer is an error, not a miss.
///  - A lease is held at the leading owner. A fill, renewal or release with a lease from before the lead
///    changed is rejected, never stored.
///  - A write with a version (TierWrite::version) erases the key at both owners and stores nothing, because
///    the two may know different versions.
///
/// Nothing is copied from shard to shard. A key that is not written during the grace is a miss after it. The
/// old owner keeps its copy until that expires, and is no longer notified of changes. So a shard that gets
/// keys back, or that joins, must not hold old entries of them. Make the grace at least as long as the
/// longest TTL, or empty the shard first.
///
/// To remove a shard that is down and will not come back, use a settle and a grace of 0: while a failed shard
/// is an owner of a key, its errors affect that key.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/runtime.hpp>
#include <terrace/shared_tier.hpp>
#include <terrace/tier.hpp>
#include <vector>

namespace terrace {

/// A tier that holds some of the keys.
struct Shard {
  std::string name;  ///< places the shard on the ring, so it must not change with an address or a password
  std::shared_ptr<Tier> tier;
  double weight = 1;  ///< like HashRing::Node::weight
};

/// Returns the index of the shard that owns a key. It must be a pure function of its arguments: the same in
/// every process and at every time. Thread safe; must not throw. A result that is no index makes the
/// operation invalid_argument.
using ShardFunction = std::function<std::size_t(std::string_view key, const std::vector<Shard>& shards)>;

struct ShardedOptions {
  std::vector<Shard> shards;
  /// None: the hash ring (hash_ring.hpp), over names, weights and `seed`.
  ShardFunction owner = {};
  std::uint64_t seed = 0;
};

/// The timing of a change of the list.
struct ShardChange {
  /// At least the greatest difference between the times at which the processes call change_shards, plus the
  /// longest time limit of an operation.
  Duration settle = std::chrono::seconds(5);
  /// At least `settle`. Entries of the old owners are found for this long; best is the longest TTL of the
  /// entries.
  Duration grace = std::chrono::seconds(60);
};

/// The part of one shard.
struct ShardStats {
  std::string name;
  TierStats stats;
  /// Share of the keys, by the ring; 0 for a shard that is leaving; none if a ShardFunction decides.
  std::optional<double> share;
};

/// Operations on many keys ask their shards in parallel. stats() is the sum over the shards, including those
/// that have left; a read that asks two owners counts at both. close() closes the shards, also those that are
/// leaving; the destructor closes none. shared() is not null if it is not null for every shard; versioned()
/// is null.
class ShardedTier : public Tier {
 public:
  /// Begins to change the list to `next`. Shards are identified by their names: a shard with the same name
  /// must be the same store. The tiers of removed shards are released when the change is over. Throws
  /// ConfigError: a list that the factory would reject; shards without shared() where the tier has it; a bad
  /// ShardChange; or another change is under way (a queued change would begin in each process at another
  /// time). After close(): Exception with Errc::shutdown. Do not call it from inside a Watcher of this tier.
  virtual void change_shards(std::vector<Shard> next, ShardChange how = {}) = 0;

  /// How long the present change still takes; zero: no change is under way.
  [[nodiscard]] virtual Duration change_left() const = 0;

  /// In the order of the list; shards that are leaving are at the end.
  [[nodiscard]] virtual std::vector<ShardStats> shards() const = 0;

  /// The name of the shard that leads for the key now; empty if the ShardFunction returns no index.
  [[nodiscard]] virtual std::string shard_of(std::string_view key) const = 0;
};

/// Throws ConfigError: no shards, an empty or repeated name, a null tier, a weight out of range.
std::shared_ptr<ShardedTier> make_sharded_tier(ShardedOptions options,
                                               std::shared_ptr<Scheduler> scheduler = Runtime::common());

}  // namespace terrace
