#include "distribution/sharded_calls.hpp"

#include <algorithm>
#include <string>

#include "distribution/fan_out.hpp"

namespace terrace::distribution {
namespace {

/// The remaining work for a moved key after its leader has answered: a copy of the key, and its other owner.
struct Second {
  std::size_t item;
  Route route;
  std::string key;
};

template <class Value, class Items>
std::vector<Value> chosen(const Items& items, const std::vector<std::size_t>& indices) {
  std::vector<Value> out;
  out.reserve(indices.size());
  for (const std::size_t i : indices) out.push_back(items[i]);
  return out;
}

std::vector<std::string_view> chosen_keys(const std::vector<Second>& seconds,
                                          const std::vector<std::size_t>& indices) {
  std::vector<std::string_view> out;
  out.reserve(indices.size());
  for (const std::size_t i : indices) out.push_back(seconds[i].key);
  return out;
}

/// An operation on many items: their outcomes, and the steps after the first one.
template <class T>
struct Call {
  Call(const MapPtr& its_map, std::size_t items, TimePoint limit, Handler<std::vector<Result<T>>> then)
      : map(its_map), outcomes(items), deadline(limit), done(std::move(then)) {}

  void end() { done(std::move(outcomes)); }

  const WeakMap map;
  std::vector<Result<T>> outcomes;
  std::vector<Second> seconds;
  const TimePoint deadline;
  Handler<std::vector<Result<T>>> done;
};

Result<bool> both(const Result<bool>& leader, const Result<bool>& other) {
  if (leader && other) return *leader || *other;
  if (!leader && !other) return leader.error();
  return half_done(leader ? other.error() : leader.error());
}

/// Reads keys that the leaders missed from the other owners.
void read_others(const std::shared_ptr<Call<Found>>& call) {
  std::vector<Target> targets;
  for (std::size_t i = 0; i < call->seconds.size(); ++i) {
    const Result<Found>& outcome = call->outcomes[call->seconds[i].item];
    if (outcome && !*outcome) targets.push_back({*call->seconds[i].route.other, i});
  }
  const MapPtr map = call->map.lock();
  if (!map) {
    for (const Target& target : targets) call->outcomes[call->seconds[target.item].item] = overtaken_read();
    targets.clear();
  }
  fan_out<Found>(
      map, targets,
      [&](Tier& tier, const std::vector<std::size_t>& items, auto handler) {
        tier.get_many(chosen_keys(call->seconds, items), call->deadline, std::move(handler));
      },
      [call, targets](std::vector<Result<Found>> told) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
          call->outcomes[call->seconds[targets[i].item].item] = std::move(told[i]);
        }
        call->end();
      });
}

/// Erases at the other owners the keys that were set at the leaders; and at both the keys written with a
/// version.
void erase_others(const std::shared_ptr<Call<void>>& call, const std::vector<bool>& versioned) {
  std::vector<Target> targets;
  for (std::size_t i = 0; i < call->seconds.size(); ++i) {
    const Second& second = call->seconds[i];
    if (!call->outcomes[second.item]) continue;
    if (versioned[second.item]) targets.push_back({second.route.leader, i});
    targets.push_back({*second.route.other, i});
  }
  const MapPtr map = call->map.lock();
  if (!map) {
    for (const Target& target : targets) call->outcomes[call->seconds[target.item].item] = overtaken_write();
    targets.clear();
  }
  fan_out<bool>(
      map, targets,
      [&](Tier& tier, const std::vector<std::size_t>& items, auto handler) {
        tier.erase_many(chosen_keys(call->seconds, items), call->deadline, std::move(handler));
      },
      [call, targets, versioned](const std::vector<Result<bool>>& told) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
          const std::size_t item = call->seconds[targets[i].item].item;
          Result<bool> erased = told[i];
          if (versioned[item]) {
            erased = both(told[i], told[i + 1]);
            ++i;
          } else if (!erased) {
            erased = half_done(erased.error());
          }
          if (!erased) call->outcomes[item] = erased.error();
        }
        call->end();
      });
}

}  // namespace

void get_many(const MapPtr& map, const std::vector<Route>& routes, const std::vector<std::string_view>& keys,
              TimePoint deadline, Handler<std::vector<Result<Found>>> done) {
  const auto call = std::make_shared<Call<Found>>(map, keys.size(), deadline, std::move(done));
  std::vector<Target> targets;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (routes[i].leader == Route::nowhere) {
      call->outcomes[i] = no_owner();
      continue;
    }
    targets.push_back({routes[i].leader, i});
    if (routes[i].read_other) call->seconds.push_back({i, routes[i], std::string(keys[i])});
  }
  fan_out<Found>(
      map, targets,
      [&](Tier& tier, const std::vector<std::size_t>& items, auto handler) {
        tier.get_many(chosen<std::string_view>(keys, items), deadline, std::move(handler));
      },
      [call, targets](std::vector<Result<Found>> told) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
          call->outcomes[targets[i].item] = std::move(told[i]);
        }
        read_others(call);
      });
}

void set_many(const MapPtr& map, const std::vector<Route>& routes, const std::vector<TierWrite>& writes,
              TimePoint deadline, Handler<std::vector<Result<void>>> done) {
  const auto call = std::make_shared<Call<void>>(map, writes.size(), deadline, std::move(done));
  std::vector<Target> targets;
  std::vector<bool> versioned(writes.size());
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (routes[i].leader == Route::nowhere) {
      call->outcomes[i] = no_owner();
      continue;
    }
    const bool refused = writes[i].ttl && *writes[i].ttl <= Duration::zero();  // the leader reports it
    versioned[i] = routes[i].other && writes[i].version != 0 && !refused;
    if (!versioned[i]) targets.push_back({routes[i].leader, i});
    if (routes[i].other) call->seconds.push_back({i, routes[i], std::string(writes[i].key)});
  }
  fan_out<void>(
      map, targets,
      [&](Tier& tier, const std::vector<std::size_t>& items, auto handler) {
        tier.set_many(chosen<TierWrite>(writes, items), deadline, std::move(handler));
      },
      [call, targets, versioned = std::move(versioned)](std::vector<Result<void>> told) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
          call->outcomes[targets[i].item] = std::move(told[i]);
        }
        erase_others(call, versioned);
      });
}

void erase_many(const MapPtr& map, const std::vector<Route>& routes,
                const std::vector<std::string_view>& keys, TimePoint deadline,
                Handler<std::vector<Result<bool>>> done) {
  const auto call = std::make_shared<Call<bool>>(map, keys.size(), deadline, std::move(done));
  std::vector<Target> targets;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (routes[i].leader == Route::nowhere) {
      call->outcomes[i] = no_owner();
      continue;
    }
    targets.push_back({routes[i].leader, i});
    if (routes[i].other) targets.push_back({*routes[i].other, i});
  }
  fan_out<bool>(
      map, targets,
      [&](Tier& tier, const std::vector<std::size_t>& items, auto handler) {
        tier.erase_many(chosen<std::string_view>(keys, items), deadline, std::move(handler));
      },
      [call, targets](const std::vector<Result<bool>>& told) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
          const std::size_t item = targets[i].item;
          const bool two = i + 1 < targets.size() && targets[i + 1].item == item;
          call->outcomes[item] = two ? both(told[i], told[i + 1]) : told[i];
          if (two) ++i;
        }
        call->end();
      });
}

void compare_and_set_many(const MapPtr& map, const std::vector<Route>& routes,
                          const std::vector<TierSwap>& writes, TimePoint deadline,
                          Handler<std::vector<Result<bool>>> done) {
  const auto call = std::make_shared<Call<bool>>(map, writes.size(), deadline, std::move(done));
  std::vector<Target> targets;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (routes[i].leader == Route::nowhere) {
      call->outcomes[i] = no_owner();
    } else if (routes[i].other) {
      call->outcomes[i] = false;
    } else {
      targets.push_back({routes[i].leader, i});
    }
  }
  fan_out<bool>(
      map, targets,
      [&](Tier& tier, const std::vector<std::size_t>& items, auto handler) {
        tier.compare_and_set_many(chosen<TierSwap>(writes, items), deadline, std::move(handler));
      },
      [call, targets](const std::vector<Result<bool>>& told) {
        for (std::size_t i = 0; i < targets.size(); ++i) call->outcomes[targets[i].item] = told[i];
        call->end();
      });
}

void sweep(const MapPtr& map, const std::function<void(Tier&, Handler<Result<std::uint64_t>>)>& start,
           Handler<Result<std::uint64_t>> done) {
  struct Swept {
    std::mutex mutex;
    std::size_t left;
    std::uint64_t count = 0;
    bool any = false;  // one owner has succeeded
    std::optional<Error> failure;
    Handler<Result<std::uint64_t>> done;
  };
  const auto swept = std::make_shared<Swept>();
  swept->left = map->members().size();
  swept->done = std::move(done);
  for (std::size_t member = 0; member < map->members().size(); ++member) {
    start(map->tier(member), [swept, member, weak = WeakMap(map)](const Result<std::uint64_t>& told) {
      {
        const std::lock_guard lock(swept->mutex);
        if (told) {
          swept->count += *told;
          swept->any = true;
        } else if (!swept->failure) {
          swept->failure = at_shard(weak, member, told.error());
        }
        if (--swept->left > 0) return;
      }
      if (!swept->failure) return swept->done(swept->count);
      const Error& why = *swept->failure;
      swept->done(swept->any ? Error(Errc::partial_write, "not every shard was swept: " + why.message())
                             : why);
    });
  }
}

}  // namespace terrace::distribution
