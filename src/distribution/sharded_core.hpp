#pragma once
/// ShardedCore: the present map, and its changes. The basis of the sharded tier and its sharing.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "base/joined_watch.hpp"
#include "distribution/shard_map.hpp"

namespace terrace::distribution {

/// Operations of several steps hold the map weakly between them: a shard must not be destroyed inside one of
/// its own handlers, which may run on a thread that its destructor waits for.
using MapPtr = std::shared_ptr<const ShardMap>;
using WeakMap = std::weak_ptr<const ShardMap>;

/// The error of a read, and of a write, whose map was replaced between two steps.
Error overtaken_read();
Error overtaken_write();

/// The error with the name of its shard, if that still exists.
Error at_shard(const WeakMap& map, std::size_t member, const Error& error);

/// The error of an operation that succeeded at one owner of a key and failed at the other.
Error half_done(const Error& error);

/// The error for a key for which the shard function returns no index.
Error no_owner();

class ShardedCore : public std::enable_shared_from_this<ShardedCore> {
 public:
  ShardedCore(ShardMap map, std::shared_ptr<Scheduler> scheduler);

  [[nodiscard]] MapPtr map() const {
    const std::lock_guard lock(mutex_);
    return map_;
  }
  /// The clock is read only when it matters.
  [[nodiscard]] Route route(const ShardMap& map, std::string_view key) const {
    return map.route(key, map.changing() ? scheduler_->clock().now() : TimePoint::min());
  }
  [[nodiscard]] TimePoint now() const { return scheduler_->clock().now(); }

  void change(std::vector<Shard> next, const ShardChange& how);
  /// Closes every shard.
  void close();
  /// Releases the timer and, on the owner's thread, the shards.
  void end();

  [[nodiscard]] bool sharing() const noexcept { return sharing_; }
  /// Tier::may_lag; a change of the shards does not make it true.
  [[nodiscard]] bool may_lag() const noexcept { return may_lag_; }
  /// Tier::has_compare_and_set: every shard has it; a change of the shards does not make it false.
  [[nodiscard]] bool has_compare_and_set() const noexcept { return compares_; }
  /// Tier::scope: the narrowest; a change of the shards does not make it narrower.
  [[nodiscard]] Scope scope() const noexcept { return scope_; }
  [[nodiscard]] JoinedWatches& watches() noexcept { return watches_; }
  /// The counters of shards that have left.
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
  const bool compares_;
  JoinedWatches watches_;

  std::mutex changing_;  // one change at a time, and its end; locked before mutex_
  std::map<std::string, Watched> watched_;
  WatchMember last_member_ = 0;
  Scheduler::TimerId timer_ = 0;
  bool closed_ = false;

  mutable std::mutex mutex_;
  MapPtr map_;
  TierStats departed_;
};

/// Adds the counters; a figure that one of them does not know is unknown in the sum.
TierStats sum(TierStats a, const TierStats& b);

}  // namespace terrace::distribution
