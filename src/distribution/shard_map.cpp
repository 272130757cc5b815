#include "distribution/shard_map.hpp"

#include <algorithm>
#include <terrace/bytes.hpp>

namespace terrace::distribution {
namespace {

void check(const std::vector<Shard>& shards) {
  if (shards.empty()) throw ConfigError("ShardedOptions::shards is empty; give at least one shard");
  for (auto shard = shards.begin(); shard != shards.end(); ++shard) {
    if (shard->name.empty()) throw ConfigError("ShardedOptions::shards: a shard has an empty name; name it");
    const std::string name = printable_key(shard->name);
    if (!shard->tier) throw ConfigError("ShardedOptions::shards: the tier of shard " + name + " is null");
    if (std::any_of(shards.begin(), shard, [&](const Shard& before) { return before.name == shard->name; })) {
      throw ConfigError("ShardedOptions::shards: two shards are named " + name + "; give each its own name");
    }
  }
}

void check(const ShardChange& how) {
  if (how.settle < Duration::zero()) throw ConfigError("ShardChange::settle is negative; give 0 or more");
  if (how.grace < how.settle) {
    throw ConfigError(
        "ShardChange::grace is less than settle; it must be at least as long, so that no process is done "
        "while "
        "another one has not passed the lead");
  }
}

std::size_t find(const std::vector<Shard>& shards, const std::string& name) {
  const auto at =
      std::find_if(shards.begin(), shards.end(), [&](const Shard& shard) { return shard.name == name; });
  return static_cast<std::size_t>(at - shards.begin());
}

}  // namespace

ShardMap::ShardMap(std::vector<Shard> shards, ShardFunction owner, std::uint64_t seed)
    : function_(std::move(owner)), seed_(seed), list_(make_list(std::move(shards))), members_(list_.shards) {}

ShardMap::List ShardMap::make_list(std::vector<Shard> shards) const {
  check(shards);
  if (function_) return {std::move(shards), std::nullopt, {}};
  std::vector<HashRing::Node> nodes;
  for (const Shard& shard : shards) nodes.push_back({shard.name, shard.weight});
  HashRing ring(std::move(nodes), seed_);
  auto shares = ring.shares();
  return {std::move(shards), std::move(ring), std::move(shares)};
}

ShardMap ShardMap::changed(std::vector<Shard> next, const ShardChange& how, TimePoint now) const {
  check(how);
  ShardMap map(std::move(next), function_, seed_);
  Change change{list_, {}, after(now, how.settle), after(after(now, how.settle), how.grace), {}};
  change.alone = after(change.old_unread, how.settle);
  for (const Shard& shard : list_.shards) {
    const std::size_t member = find(map.members_, shard.name);
    if (member == map.members_.size()) map.members_.push_back(shard);
    change.members.push_back(member);
  }
  map.change_ = std::move(change);
  return map;
}

ShardMap ShardMap::settled() const {
  ShardMap map = *this;
  map.members_ = list_.shards;
  map.change_.reset();
  return map;
}

std::size_t ShardMap::owner(const List& list, std::string_view key) const {
  const std::size_t index = list.ring ? list.ring->owner(key) : function_(key, list.shards);
  return index < list.shards.size() ? index : Route::nowhere;
}

Route ShardMap::route(std::string_view key, TimePoint now) const {
  const std::size_t now_owner = owner(list_, key);
  if (!change_ || now >= change_->alone || now_owner == Route::nowhere) return {now_owner};
  const std::size_t former = owner(change_->former, key);
  if (former == Route::nowhere) return {};
  const std::size_t old_owner = change_->members[former];
  if (old_owner == now_owner) return {now_owner};
  if (now < change_->lead_passes) return {old_owner, now_owner, true};
  return {now_owner, old_owner, now < change_->old_unread};
}

std::optional<double> ShardMap::share(std::size_t member) const {
  if (!list_.ring) return std::nullopt;
  return member < list_.shares.size() ? list_.shares[member] : 0;
}

}  // namespace terrace::distribution
