#pragma once
/// The sharded tier: a Tier whose keys are spread over several tiers (the shards), each key on one; and whose
/// list of shards can change while it is used. What it does for Redis: more memory and more processor than
/// one machine has. A shard that is down takes its share of the keys with it, and no other.
///
/// While the list changes, most keys keep their shard. A key that gets another one has two owners for a time,
/// and the processes that share the shards need not switch at the same moment: within `settle` of one another
/// is enough. Compare mcrouter's MigrateRoute. Each process goes through four phases:
///
///   for `settle`  the old owner leads: reads ask it, then on a miss the new one
///   for `grace`   the new owner leads: reads ask it, then on a miss the old one
///   for `settle`  reads ask the new owner alone
///   then          the new owner is the only one
///
/// In the first three phases writes go to the leading owner and erase the key at the other; erases go to
/// both. So no process reads what another has erased or replaced. In words of the contract of Tier, for such
/// keys:
///
///  - What an erase could not reach at one of the two is an error of the whole operation (partial_write),
///    which names the shard. So is a set that could not erase at the other.
///  - A fault of one owner is an error, not a miss, when the other one misses.
///  - A lease is held at the leading owner. A fill, renewal or release for a lease from before the
///    lead passed is void: it is rejected, never stored.
///  - A write with a version (TierWrite::version) erases the key at both owners and stores nothing: the two
///    may know different versions.
///
/// Nothing is copied from shard to shard. What is not written during the grace is a miss after it. The old
/// owner keeps its copy until that expires, and nobody tells it of changes any more: a shard that gets keys
/// back, or that joins, must hold nothing of them that lives from before. Make the grace at least the longest
/// ttl, or empty the shard first.
///
/// A shard that is down and will not come back is best left out with a settle and grace of 0: while it is an
/// owner of a key, its faults are that key's.

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
  std::string name;  ///< places it on the ring, so it must not change with an address or a password
  std::shared_ptr<Tier> tier;
  double weight = 1;  ///< as HashRing::Node::weight
};

/// The index of the shard that owns a key. A pure function of its arguments: the same in every process and at
/// every time; thread safe; does not throw. What is no index makes the operation invalid_argument.
using ShardFunction = std::function<std::size_t(std::string_view key, const std::vector<Shard>& shards)>;

struct ShardedOptions {
  std::vector<Shard> shards;
  /// None: the hash ring (hash_ring.hpp), over names, weights and `seed`.
  ShardFunction owner = {};
  std::uint64_t seed = 0;
};

/// How a change of the list goes.
struct ShardChange {
  /// At least the greatest difference between the times at which the processes call change_shards, and the
  /// longest time limit of an operation more.
  Duration settle = std::chrono::seconds(5);
  /// At least `settle`. What the old owners hold is found so long; better as long as entries live.
  Duration grace = std::chrono::seconds(60);
};

/// One shard's part in the whole.
struct ShardStats {
  std::string name;
  TierStats stats;
  /// Of the keys, by the ring; 0 for a shard that is leaving, none where a ShardFunction decides.
  std::optional<double> share;
};

/// Operations on many keys ask their shards in parallel. stats() is the sum of the shards', those that have
/// left included; a read that asks two owners counts at both. close() closes the shards, also those that are
/// leaving; the destructor closes none. shared() gives something when every shard does; versioned() does not.
class ShardedTier : public Tier {
 public:
  /// Begins to change the list to `next`. Shards are known by their names: one of the same name must be the
  /// same store. The others' tiers are let go of when the change is over. Throws ConfigError for a list that
  /// the factory would refuse, for shards that share nothing where the tier does, for a bad ShardChange, and
  /// while another change is under way: queued, it would begin in each process at another time. After
  /// close(): Exception of Errc::shutdown. Not from inside a Watcher of this tier.
  virtual void change_shards(std::vector<Shard> next, ShardChange how = {}) = 0;

  /// How long the change under way still takes; zero: there is none.
  [[nodiscard]] virtual Duration change_left() const = 0;

  /// In the order of the list, those that are leaving at the end.
  [[nodiscard]] virtual std::vector<ShardStats> shards() const = 0;

  /// The name of the shard that leads for the key now; empty when the ShardFunction gives no index.
  [[nodiscard]] virtual std::string shard_of(std::string_view key) const = 0;
};

/// Throws ConfigError: no shards, a name that is empty or comes twice, a null tier, a weight out of range.
std::shared_ptr<ShardedTier> make_sharded_tier(ShardedOptions options,
                                               std::shared_ptr<Scheduler> scheduler = Runtime::common());

}  // namespace terrace
