#pragma once
/// ShardedCore: the map of the moment, and the change of it. What the sharded tier and its sharing stand on.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "base/joined_watch.hpp"
#include "distribution/shard_map.hpp"

namespace terrace::distribution {

/// Operations of several steps keep the map weakly between them: a shard must not be destroyed inside a
/// handler of its own, which may run on a thread that its destructor waits for.
using MapPtr = std::shared_ptr<const ShardMap>;
using WeakMap = std::weak_ptr<const ShardMap>;

/// What becomes of a read, and of a write, whose map has gone between two steps.
Error overtaken_read();
Error overtaken_write();

/// The error, with the shard it comes from, if that is still there.
Error at_shard(const WeakMap& map, std::size_t member, const Error& error);

/// The error of an operation that one owner of a key has done and the other not.
Error half_done(const Error& error);

/// Of a key for which the shard function gives no index.
Error no_owner();

class ShardedCore : public std::enable_shared_from_this<ShardedCore> {
 public:
  ShardedCore(ShardMap map, std::shared_ptr<Scheduler> scheduler);

  [[nodiscard]] MapPtr map() const {
    const std::lock_guard lock(mutex_);
    return map_;
  }
  /// The clock is asked only when it matters.
  [[nodiscard]] Route route(const ShardMap& map, std::string_view key) const {
    return map.route(key, map.changing() ? scheduler_->clock().now() : TimePoint::min());
  }
  [[nodiscard]] TimePoint now() const { return scheduler_->clock().now(); }

  void change(std::vector<Shard> next, const ShardChange& how);
  /// Closes every shard.
  void close();
  /// Lets go of the timer and, in the thread of the owner, of the shards.
  void end();

  [[nodiscard]] bool sharing() const noexcept { return sharing_; }
  /// Tier::may_lag; a change of the shards does not make it true.
  [[nodiscard]] bool may_lag() const noexcept { return may_lag_; }
  /// Tier::scope: the narrowest; a change of the shards does not make it narrower.
  [[nodiscard]] Scope scope() const noexcept { return scope_; }
  [[nodiscard]] JoinedWatches& watches() noexcept { return watches_; }
  /// Counters of the shards that have left.
  [[nodiscard]] TierStats departed() const {
    const std::lock_guard lock(mutex_);
    return departed_;
  }

 private:
  struct Watched {
    WatchMember member;
    SharedTier* tier;
  };

  [[nodiscard]] WatchChange watch_change(const std::vector<Shard>& members);
  void finish(const WeakMap& change);
  void count_departed(const ShardMap& before, const ShardMap& after);

  const std::shared_ptr<Scheduler> scheduler_;
  const bool sharing_;
  const Scope scope_;
  const bool may_lag_;
  JoinedWatches watches_;

  std::mutex changing_;  // one change at a time, and the end of one; before mutex_
  std::map<std::string, Watched> watched_;
  WatchMember last_member_ = 0;
  Scheduler::TimerId timer_ = 0;
  bool closed_ = false;

  mutable std::mutex mutex_;
  MapPtr map_;
  TierStats departed_;
};

/// Adds the counters; what one of them does not know nobody knows.
TierStats sum(TierStats a, const TierStats& b);

}  // namespace terrace::distribution
