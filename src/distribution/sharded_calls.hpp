#pragma once
/// The operations of Tier on keys of which some may have two owners (sharded_tier.hpp tells what is done at
/// which). Each takes a map, which it keeps weakly between its steps.

#include "distribution/sharded_core.hpp"

namespace terrace::distribution {

/// As Tier::get_many.
void get_many(const MapPtr& map, const std::vector<Route>& routes, const std::vector<std::string_view>& keys,
              TimePoint deadline, Handler<std::vector<Result<Found>>> done);

/// As Tier::set_many.
void set_many(const MapPtr& map, const std::vector<Route>& routes, const std::vector<TierWrite>& writes,
              TimePoint deadline, Handler<std::vector<Result<void>>> done);

/// As Tier::erase_many.
void erase_many(const MapPtr& map, const std::vector<Route>& routes,
                const std::vector<std::string_view>& keys, TimePoint deadline,
                Handler<std::vector<Result<bool>>> done);

/// Calls `start(tier, handler)`, a sweep, for each member, and `done` with the sum of what they swept.
void sweep(const MapPtr& map, const std::function<void(Tier&, Handler<Result<std::uint64_t>>)>& start,
           Handler<Result<std::uint64_t>> done);

}  // namespace terrace::distribution
