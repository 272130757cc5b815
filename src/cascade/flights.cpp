#include "cascade/flights.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.hpp"

namespace terrace::cascade {

void FlightTable::begin_lookup(const FlightPtr& flight) {
  std::lock_guard lock(stripe(flight->key).mutex);
  TERRACE_ASSERT(flight->phase == Flight::Phase::joining);
  flight->phase = Flight::Phase::lookup;
}

void FlightTable::detach(std::string_view key) {
  auto& [mutex, flights] = stripe(key);
  std::lock_guard lock(mutex);
  if (const auto found = flights.find(key); found != flights.end()) flights.erase(found);
}

void FlightTable::detach_if(const KeySelection& keys) {
  for (auto& [mutex, flights] : stripes_) {
    std::lock_guard lock(mutex);
    boost::unordered::erase_if(flights, [&](const auto& each) { return keys.contains(each.first); });
  }
}

void FlightTable::detach_all() {
  for (auto& [mutex, flights] : stripes_) {
    std::lock_guard lock(mutex);
    flights.clear();
  }
}

void FlightTable::remove(Stripe& stripe, const FlightPtr& flight) {
  const auto found = stripe.flights.find(flight->key);
  if (found != stripe.flights.end() && found->second == flight) stripe.flights.erase(found);
}

std::vector<Waiter> FlightTable::begin_load(const FlightPtr& flight) {
  Stripe& home = stripe(flight->key);
  std::lock_guard lock(home.mutex);
  const auto loads = [](const Waiter& waiter) { return waiter.loader != nullptr; };
  const auto lookers = std::stable_partition(flight->waiters.begin(), flight->waiters.end(), loads);
  std::vector<Waiter> answered(std::make_move_iterator(lookers),
                               std::make_move_iterator(flight->waiters.end()));
  flight->waiters.erase(lookers, flight->waiters.end());
  flight->phase = flight->waiters.empty() ? Flight::Phase::ended : Flight::Phase::loading;
  if (flight->waiters.empty()) remove(home, flight);
  return answered;
}

bool FlightTable::wants_load(const FlightPtr& flight) const {
  std::lock_guard lock(stripe(flight->key).mutex);
  return std::any_of(flight->waiters.begin(), flight->waiters.end(),
                     [](const Waiter& waiter) { return waiter.loader != nullptr; });
}

std::optional<Waiter> FlightTable::choose_loader(const FlightPtr& flight) const {
  std::vector<Waiter> candidates;
  {
    std::lock_guard lock(stripe(flight->key).mutex);
    candidates = flight->waiters;
  }
  for (Waiter& waiter : candidates) {
    if (waiter.loader != nullptr && waiter.call->open()) return std::move(waiter);
  }
  return std::nullopt;
}

bool FlightTable::has_other_loader(const FlightPtr& flight, const Gather<Answer>& call) const {
  std::vector<Waiter> waiters;
  {
    std::lock_guard lock(stripe(flight->key).mutex);
    waiters = flight->waiters;
  }
  return std::any_of(waiters.begin(), waiters.end(), [&](const Waiter& waiter) {
    return waiter.call.get() != &call && waiter.loader != nullptr && waiter.call->open();
  });
}

void FlightTable::set_load(const std::vector<FlightPtr>& flights, const std::weak_ptr<FlightLoad>& load) {
  for (const FlightPtr& flight : flights) {
    std::lock_guard lock(stripe(flight->key).mutex);
    flight->load = load;
  }
}

bool FlightTable::urgent(const std::vector<FlightPtr>& flights) const {
  return std::any_of(flights.begin(), flights.end(), [&](const FlightPtr& flight) {
    std::lock_guard lock(stripe(flight->key).mutex);
    return flight->urgent;
  });
}

std::shared_ptr<FlightLoad> FlightTable::abandoned(std::string_view key) const {
  std::shared_ptr<FlightLoad> load;
  std::vector<Waiter> waiters;
  {
    const auto& [mutex, flights] = stripe(key);
    std::lock_guard lock(mutex);
    const auto found = flights.find(key);
    if (found == flights.end()) return nullptr;
    const Flight& flight = *found->second;
    if (flight.phase != Flight::Phase::loading || flight.answered_early) return nullptr;
    load = flight.load.lock();
    waiters = flight.waiters;
  }
  const auto waits = [](const Waiter& waiter) { return waiter.call->open(); };
  return std::any_of(waiters.begin(), waiters.end(), waits) ? nullptr : load;
}

namespace {

template <class Wanted>
std::vector<Waiter> take(std::vector<Waiter>& waiters, Wanted wanted) {
  const auto rest = std::stable_partition(waiters.begin(), waiters.end(),
                                          [&](const Waiter& waiter) { return !wanted(waiter); });
  std::vector<Waiter> taken(std::make_move_iterator(rest), std::make_move_iterator(waiters.end()));
  waiters.erase(rest, waiters.end());
  return taken;
}

}  // namespace

std::vector<Waiter> FlightTable::take_early(const FlightPtr& flight, TimePoint latest,
                                            std::optional<TimePoint>& next) {
  std::lock_guard lock(stripe(flight->key).mutex);
  auto taken = take(flight->waiters, [&](const Waiter& waiter) { return waiter.since <= latest; });
  for (const Waiter& waiter : flight->waiters) next = std::min(next.value_or(waiter.since), waiter.since);
  if (!taken.empty()) flight->answered_early = true;
  return taken;
}

std::vector<Waiter> FlightTable::take_waiters_of(const FlightPtr& flight, const Gather<Answer>& call) {
  std::lock_guard lock(stripe(flight->key).mutex);
  return take(flight->waiters, [&](const Waiter& waiter) { return waiter.call.get() == &call; });
}

std::vector<Waiter> FlightTable::begin_fill(const FlightPtr& flight) {
  std::lock_guard lock(stripe(flight->key).mutex);
  TERRACE_ASSERT(flight->phase == Flight::Phase::lookup || flight->phase == Flight::Phase::loading);
  flight->phase = Flight::Phase::filling;
  return std::exchange(flight->waiters, {});
}

std::vector<Waiter> FlightTable::end(const FlightPtr& flight) {
  Stripe& home = stripe(flight->key);
  std::lock_guard lock(home.mutex);
  flight->phase = Flight::Phase::ended;
  remove(home, flight);
  return std::exchange(flight->waiters, {});
}

bool FlightTable::in_flight(std::string_view key) const {
  const auto& [mutex, flights] = stripe(key);
  std::lock_guard lock(mutex);
  return flights.contains(key);
}

}  // namespace terrace::cascade
