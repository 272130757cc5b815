#pragma once
/// ShardMap: the shards of a key, and their roles, at a given time. It knows lists and times, and has no I/O;
/// sharded_tier.hpp describes the phases of a change. Immutable: a change makes a new map.

#include <optional>
#include <terrace/hash_ring.hpp>
#include <terrace/sharded_tier.hpp>

namespace terrace::distribution {

/// The place of a key. Numbers are indices into ShardMap::members().
struct Route {
  static constexpr std::size_t nowhere = SIZE_MAX;
  std::size_t leader = nowhere;           ///< nowhere: the shard function gave no index
  std::optional<std::size_t> other = {};  ///< the key's other owner, while it has two
  bool read_other = false;                ///< a key that the leader misses may be found there
};

class ShardMap {
 public:
  /// Throws ConfigError.
  ShardMap(std::vector<Shard> shards, ShardFunction owner, std::uint64_t seed);

  /// The map during a change that begins now. Throws ConfigError.
  [[nodiscard]] ShardMap changed(std::vector<Shard> next, const ShardChange& how, TimePoint now) const;
  /// The map after the change.
  [[nodiscard]] ShardMap settled() const;

  [[nodiscard]] Route route(std::string_view key, TimePoint now) const;

  /// The shards of the list, then those that are leaving.
  [[nodiscard]] const std::vector<Shard>& members() const noexcept { return members_; }
  [[nodiscard]] Tier& tier(std::size_t member) const noexcept { return *members_[member].tier; }
  /// For each member, like ShardStats::share.
  [[nodiscard]] std::optional<double> share(std::size_t member) const;

  [[nodiscard]] bool changing() const noexcept { return change_.has_value(); }
  /// When the change is over.
  [[nodiscard]] TimePoint ends() const noexcept { return change_ ? change_->alone : TimePoint::min(); }

 private:
  /// A list of shards, and how keys are assigned to them.
  struct List {
    std::vector<Shard> shards;
    std::optional<HashRing> ring;
    std::vector<double> shares;
  };
  struct Change {
    List former;
    std::vector<std::size_t> members;  // the shards of the former list
    TimePoint lead_passes, old_unread, alone;
  };

  [[nodiscard]] List make_list(std::vector<Shard> shards) const;
  [[nodiscard]] std::size_t owner(const List& list, std::string_view key) const;

  ShardFunction function_;
  std::uint64_t seed_;
  List list_;
  std::vector<Shard> members_;
  std::optional<Change> change_;
};

}  // namespace terrace::distribution
