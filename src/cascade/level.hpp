#pragma once
/// Level: one tier of the cache, and everything that belongs to this tier: the changes it missed (Recovery),
/// the notices that this process has caused (OwnNotices), its counters.

#include <atomic>
#include <memory>
#include <string>
#include <terrace/histogram.hpp>
#include <terrace/shared_tier.hpp>
#include <terrace/tier.hpp>
#include <utility>

#include "cascade/counters.hpp"
#include "cascade/fill_turns.hpp"
#include "cascade/lease_errors.hpp"
#include "cascade/level_rules.hpp"
#include "cascade/own_notices.hpp"
#include "cascade/recovery.hpp"

namespace terrace::cascade {

/// Thread safe, since its parts are.
struct Level {
  Level(const std::string& cache, std::string n, std::shared_ptr<Tier> t, std::uint64_t seed)
      : name(std::move(n)),
        tier(std::move(t)),
        shared(tier->shared()),
        recovery(seed),
        lease_errors("cache " + cache + ": level " + name) {}

  const std::string name;
  const std::shared_ptr<Tier> tier;
  SharedTier* const shared;  ///< null: it offers no leases, tokens and notifications
  bool narrow = false;       ///< is_narrow()
  FillRule fills = FillRule::own;
  Recovery recovery;
  OwnNotices own_notices;
  FillTurns fill_turns;
  Tally<LevelStats> counters;
  ErrorTally errors;
  LeaseErrors lease_errors;
  Histogram latency;
};

}  // namespace terrace::cascade
