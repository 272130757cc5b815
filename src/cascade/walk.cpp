/// The walk: asks the tiers, from the highest to the lowest, for keys that memory does not have.

#include <algorithm>

#include "cascade/core.hpp"

namespace terrace::cascade {

void land(Core& core, const FlightPtr& flight, const Answer& answer) {
  const bool cacheable = answer.kind == LookupKind::hit || answer.kind == LookupKind::negative;
  // A negative answer of the loader is kept only when it has a time to live.
  const bool lasting =
      answer.kind == LookupKind::hit || answer.level <= core.levels.size() || answer.entry.expires;
  if (cacheable && lasting && answer.level != memory_level &&
      !core.values->remember(flight->key, answer.entry, core.generations, flight->stamp)) {
    ++core.counters.rejected_fills;
  }
  const auto waiters = core.flights.land(flight);
  if (waiters.size() > 1) core.counters.joined += waiters.size() - 1;
  for (std::size_t i = 0; i < waiters.size(); ++i) {
    Answer own = answer;
    own.joined = i > 0;
    waiters[i].call->settle(waiters[i].index, std::move(own));
  }
}

namespace {

/// Some flights on their way down together: one operation for each tier, however many keys.
class Walk : public std::enable_shared_from_this<Walk> {
 public:
  Walk(std::shared_ptr<Core> core, std::vector<FlightPtr> flights)
      : core_(std::move(core)), flights_(std::move(flights)) {}

  /// Asks the next tier for what is still open; at the end loads it.
  void step() {
    if (flights_.empty()) return;
    if (next_ == core_->levels.size()) return finish();
    tier_ = next_++;
    asked_ = core_->now();
    keys_.clear();
    for (const auto& flight : flights_) keys_.push_back(core_->tier_key(flight->key));
    Tier& tier = *core_->levels[tier_]->tier;
    if (keys_.size() == 1) {
      core_->ask<Found>([&](TimePoint deadline,
                            Handler<Result<Found>> done) { tier.get(keys_[0], deadline, std::move(done)); },
                        [self = shared_from_this()](Result<Found> found) {
                          std::vector<Result<Found>> one;
                          one.push_back(std::move(found));
                          self->took(std::move(one));
                        });
    } else {
      core_->ask_many<Found>(
          keys_.size(),
          [&](TimePoint deadline, Handler<std::vector<Result<Found>>> done) {
            tier.get_many({keys_.begin(), keys_.end()}, deadline, std::move(done));
          },
          [self = shared_from_this()](std::vector<Result<Found>> found) { self->took(std::move(found)); });
    }
  }

 private:
  void took(std::vector<Result<Found>> found) {
    core_->levels[tier_]->latency.record(core_->now() - asked_);
    std::vector<FlightPtr> open;
    for (std::size_t i = 0; i < flights_.size(); ++i) {
      if (!answer(flights_[i], found[i])) open.push_back(std::move(flights_[i]));
    }
    flights_ = std::move(open);
    step();
  }

  /// True: the tier had the key, and the flight has landed.
  bool answer(const FlightPtr& flight, Result<Found>& found) {
    Level& level = *core_->levels[tier_];
    if (!found) {
      ++level.errors;
      flight->unavailable = Error(found.error().code, level.name + ": " + found.error().context);
      return false;
    }
    if (*found) {
      auto entry = core_->unwrap(flight->key, **found);
      if (entry && *entry) {
        ++level.hits;
        arrive(flight, std::move(**entry), **found);
        return true;
      }
      if (!entry) ++level.unreadable;
    }
    ++level.misses;
    flight->missed[tier_] = true;
    return false;
  }

  /// Answers the readers, then fills the tiers above that have nothing.
  void arrive(const FlightPtr& flight, Entry entry, const Bytes& stored) {
    const Answer found{.kind = entry.value ? LookupKind::hit : LookupKind::negative,
                       .entry = std::move(entry),
                       .level = tier_ + 1};
    const Fills::UnderWay intent(core_->fills);
    land(*core_, flight, found);
    for (std::size_t above = 0; above < tier_; ++above) {
      if (flight->missed[above]) core_->fill(above, flight->key, stored, found.entry, flight->stamp);
    }
  }

  /// No level has these keys.
  void finish() {
    std::vector<FlightPtr> loading;
    for (const auto& flight : flights_) {
      Answer nothing{};
      if (flight->unavailable) {
        nothing.kind = LookupKind::unavailable;
        nothing.error = *flight->unavailable;
      }
      const auto lookers = core_->flights.begin_load(flight);
      for (const Waiter& waiter : lookers) waiter.call->settle(waiter.index, nothing);
      if (flight->phase == Flight::Phase::loading) loading.push_back(flight);
    }
    if (!loading.empty()) start_load(core_, loading);
  }

  std::shared_ptr<Core> core_;
  std::vector<FlightPtr> flights_;  // still open
  std::vector<std::string> keys_;   // theirs, in the tier
  std::size_t next_ = 0;
  std::size_t tier_ = 0;
  TimePoint asked_;
};

}  // namespace

void start_walk(std::shared_ptr<Core> core, std::vector<FlightPtr> flights) {
  std::make_shared<Walk>(std::move(core), std::move(flights))->step();
}

}  // namespace terrace::cascade
