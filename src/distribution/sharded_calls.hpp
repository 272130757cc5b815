#pragma once
/// The operations of Tier on keys of which some may have two owners (sharded_tier.hpp says what is done at
/// which owner). Each takes a map, which it holds weakly between its steps.

#include "distribution/sharded_core.hpp"

namespace terrace::distribution {

/// Like Tier::get_many.
void get_many(const MapPtr& map, const std::vector<Route>& routes, const std::vector<std::string_view>& keys,
              TimePoint deadline, Handler<std::vector<Result<Found>>> done);

/// Like Tier::set_many.
void set_many(const MapPtr& map, const std::vector<Route>& routes, const std::vector<TierWrite>& writes,
              TimePoint deadline, Handler<std::vector<Result<void>>> done);

/// Like Tier::erase_many.
void erase_many(const MapPtr& map, const std::vector<Route>& routes,
                const std::vector<std::string_view>& keys, TimePoint deadline,
                Handler<std::vector<Result<bool>>> done);

/// Like Tier::compare_and_set_many. A key that has two owners is not stored.
void compare_and_set_many(const MapPtr& map, const std::vector<Route>& routes,
                          const std::vector<TierSwap>& writes, TimePoint deadline,
                          Handler<std::vector<Result<bool>>> done);

/// Calls `start(tier, handler)`, a bulk delete, for each member, and `done` with the sum of the deleted keys.
void sweep(const MapPtr& map, const std::function<void(Tier&, Handler<Result<std::uint64_t>>)>& start,
           Handler<Result<std::uint64_t>> done);

}  // namespace terrace::distribution
