#include "distribution/sharded_core.hpp"

#include <algorithm>
#include <functional>
#include <terrace/bytes.hpp>

namespace terrace::distribution {
namespace {

bool all_share(const std::vector<Shard>& shards) {
  return std::all_of(shards.begin(), shards.end(),
                     [](const Shard& shard) { return shard.tier->shared() != nullptr; });
}

bool all_compare(const std::vector<Shard>& shards) {
  return std::all_of(shards.begin(), shards.end(),
                     [](const Shard& shard) { return shard.tier->has_compare_and_set(); });
}

bool any_lags(const std::vector<Shard>& shards) {
  return std::any_of(shards.begin(), shards.end(), [](const Shard& shard) { return shard.tier->may_lag(); });
}

Scope narrowest(const std::vector<Shard>& shards) {
  Scope scope = Scope::fleet;
  for (const Shard& shard : shards) scope = std::min(scope, shard.tier->scope());
  return scope;
}

std::optional<std::uint64_t> sum(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
  return a && b ? std::optional(*a + *b) : std::nullopt;
}

/// The sum over those that know the figure.
template <class Join>
std::optional<bool> join(std::optional<bool> a, std::optional<bool> b, Join both) {
  return a && b ? std::optional(both(*a, *b)) : a ? a : b;
}

}  // namespace

TierStats sum(TierStats a, const TierStats& b) {
  a.hits += b.hits;
  a.misses += b.misses;
  a.errors += b.errors;
  a.writes += b.writes;
  a.erases += b.erases;
  a.write_errors += b.write_errors;
  a.entries = sum(a.entries, b.entries);
  a.bytes = sum(a.bytes, b.bytes);
  a.reachable = join(a.reachable, b.reachable, std::logical_and<>());
  a.breaker_open = join(a.breaker_open, b.breaker_open, std::logical_or<>());
  return a;
}

Error overtaken_read() {
  return {Errc::unavailable, "the list of shards changed during the operation"};
}

Error overtaken_write() {
  return {Errc::effect_unknown, overtaken_read().context};
}

Error at_shard(const WeakMap& map, std::size_t member, const Error& error) {
  const MapPtr still = map.lock();
  if (!still) return error;
  const std::string name = "shard " + printable_key(still->members()[member].name);
  return {error.code, error.context.empty() ? name : name + ": " + error.context};
}

Error half_done(const Error& error) {
  return {Errc::partial_write, "the key has two owners now, and one was not reached: " + error.message()};
}

Error no_owner() {
  return {Errc::invalid_argument, "ShardedOptions::owner gave no index of a shard for this key"};
}

ShardedCore::ShardedCore(ShardMap map, std::shared_ptr<Scheduler> scheduler)
    : scheduler_(std::move(scheduler)),
      sharing_(all_share(map.members())),
      scope_(narrowest(map.members())),
      may_lag_(any_lags(map.members())),
      compares_(all_compare(map.members())),
      watches_(scheduler_->clock()),
      map_(std::make_shared<const ShardMap>(std::move(map))) {
  departed_.entries = departed_.bytes = 0;
  if (sharing_) watches_.change(watch_change(map_->members()));
}

/// The changes of the watches when these shards become the members.
WatchChange ShardedCore::watch_change(const std::vector<Shard>& members) {
  WatchChange change;
  std::map<std::string, Watched> watched;
  for (const Shard& shard : members) {
    SharedTier* const tier = shard.tier->shared();
    const auto known = watched_.find(shard.name);
    if (known != watched_.end() && known->second.tier == tier) {
      watched.insert(*known);
    } else {
      change.added.emplace(++last_member_, tier);
      watched.emplace(shard.name, Watched{last_member_, tier});
    }
  }
  for (const auto& [name, before] : watched_) {
    const auto still = watched.find(name);
    if (still == watched.end() || still->second.member != before.member) {
      change.removed.push_back(before.member);
    }
  }
  watched_ = std::move(watched);
  return change;
}

void ShardedCore::change(std::vector<Shard> next, const ShardChange& how) {
  const std::lock_guard one(changing_);
  if (closed_) throw Exception(Error(Errc::shutdown, "change_shards: the sharded tier is closed"));
  const MapPtr before = map();
  if (before->changing()) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(before->ends() - now());
    throw ConfigError("change_shards: the previous change takes " +
                      std::to_string(std::max<std::int64_t>(left.count(), 0)) +
                      " s more (see change_left()); begin this one after it");
  }
  const auto during = std::make_shared<const ShardMap>(before->changed(std::move(next), how, now()));
  for (const Shard& shard : during->members()) {
    if (may_lag_ || !shard.tier->may_lag()) continue;
    throw ConfigError("change_shards: reads of shard " + printable_key(shard.name) +
                      " may lag behind (replica_reads), unlike those before; users of the tier rely on it");
  }
  for (const Shard& shard : during->members()) {
    if (!compares_ || shard.tier->has_compare_and_set()) continue;
    throw ConfigError("change_shards: the tier of shard " + printable_key(shard.name) +
                      " has no compare-and-set, unlike those before; users of the tier rely on it");
  }
  for (const Shard& shard : during->members()) {
    if (shard.tier->scope() >= scope_) continue;
    throw ConfigError("change_shards: the scope of shard " + printable_key(shard.name) + " is " +
                      std::string(to_string(shard.tier->scope())) + ", narrower than that of the tier (" +
                      std::string(to_string(scope_)) + "); users of the tier rely on it");
  }
  if (sharing_) {
    for (const Shard& shard : during->members()) {
      if (shard.tier->shared() != nullptr) continue;
      throw ConfigError(
          "change_shards: the tier of shard " + printable_key(shard.name) +
          " has no shared(), unlike the shards before; leases and watches would not include it");
    }
    // Before the first operation goes to a new shard, so that every change there is watched.
    const auto watched = watched_;
    const WatchChange joining = watch_change(during->members());
    try {
      watches_.change(joining);
    } catch (...) {
      WatchChange back;
      for (const auto& [member, tier] : joining.added) back.removed.push_back(member);
      watches_.change(back);
      watched_ = watched;
      throw;
    }
  }
  {
    const std::lock_guard lock(mutex_);
    count_departed(*before, *during);
    map_ = during;
  }
  timer_ = scheduler_->call_at(during->ends(), [weak = weak_from_this(), change = WeakMap(during)] {
    const auto core = weak.lock();
    if (!core) return;
    // Destroying a tier may block.
    core->scheduler_->post_blocking([weak, change] {
      if (const auto alive = weak.lock()) alive->finish(change);
    });
  });
}

void ShardedCore::finish(const WeakMap& change) {
  MapPtr during;
  const std::lock_guard one(changing_);
  {
    const std::lock_guard lock(mutex_);
    during = change.lock();
    if (closed_ || !during || during != map_) return;
    map_ = std::make_shared<const ShardMap>(during->settled());
    count_departed(*during, *map_);
  }
  if (sharing_) watches_.change(watch_change(map()->members()));
}

void ShardedCore::count_departed(const ShardMap& before, const ShardMap& after) {
  for (const Shard& shard : before.members()) {
    const auto same = [&](const Shard& other) { return other.tier == shard.tier; };
    if (std::any_of(after.members().begin(), after.members().end(), same)) continue;
    TierStats left = shard.tier->stats();
    left.entries = left.bytes = 0;  // its content and its state do not belong to this tier any more
    left.reachable = left.breaker_open = std::nullopt;
    departed_ = sum(departed_, left);
  }
}

void ShardedCore::close() {
  MapPtr last;
  {
    const std::lock_guard one(changing_);
    closed_ = true;
    if (timer_ != 0) scheduler_->cancel(timer_);
    last = map();
  }
  for (const Shard& shard : last->members()) shard.tier->close();
}

void ShardedCore::end() {
  MapPtr last;
  {
    const std::lock_guard one(changing_);
    closed_ = true;
    if (timer_ != 0) scheduler_->cancel(timer_);
  }
  const std::lock_guard lock(mutex_);
  last.swap(map_);
}

}  // namespace terrace::distribution
