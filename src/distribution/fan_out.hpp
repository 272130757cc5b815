#pragma once
/// FanOut: runs one operation on many items at several shards at once, with one bulk call for each shard.

#include <atomic>
#include <memory>
#include <vector>

#include "distribution/sharded_core.hpp"

namespace terrace::distribution {

/// An item, and the member it belongs to.
struct Target {
  std::size_t member;
  std::size_t item;
};

/// Calls `ask(tier, items, handler)` for each member among the targets, with its items in the given order.
/// Calls `done` once, when all have answered, with the outcomes in the order of the targets; errors name
/// their shard. The calls and, if there is no target, `done` are made inside this call.
template <class T, class Ask, class Done>
void fan_out(const MapPtr& map, const std::vector<Target>& targets, Ask ask, Done done) {
  struct Asked {
    Asked(std::size_t size, Done then) : outcomes(size), done(std::move(then)) {}
    std::vector<Result<T>> outcomes;
    std::atomic<std::size_t> left{0};
    Done done;
  };
  struct Group {
    std::vector<std::size_t> items;
    std::vector<std::size_t> places;  // positions among the outcomes
  };
  if (targets.empty()) return done(std::vector<Result<T>>{});
  std::vector<Group> groups(map->members().size());
  std::size_t asked_members = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    Group& group = groups[targets[i].member];
    if (group.items.empty()) ++asked_members;
    group.items.push_back(targets[i].item);
    group.places.push_back(i);
  }
  const auto asked = std::make_shared<Asked>(targets.size(), std::move(done));
  asked->left = asked_members;
  for (std::size_t member = 0; member < groups.size(); ++member) {
    Group& group = groups[member];
    if (group.items.empty()) continue;
    ask(map->tier(member), group.items,
        [asked, member, places = std::move(group.places), weak = WeakMap(map)](std::vector<Result<T>> told) {
          for (std::size_t i = 0; i < places.size(); ++i) {
            if (!told[i]) told[i] = at_shard(weak, member, told[i].error());
            asked->outcomes[places[i]] = std::move(told[i]);
          }
          if (--asked->left == 0) asked->done(std::move(asked->outcomes));
        });
  }
}

}  // namespace terrace::distribution
