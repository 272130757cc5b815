#pragma once
/// FlightTable: single flight. All readers that miss memory on the same key share one lookup and one load.

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/shared_tier.hpp>
#include <utility>
#include <vector>

#include "cascade/gather.hpp"

namespace terrace::cascade {

/// One key of one reader's call.
struct Waiter {
  std::shared_ptr<Gather<Answer>> call;
  std::size_t index = 0;
  std::shared_ptr<Loader> loader;                             ///< null: only looks
  std::shared_ptr<const std::vector<std::string>> tags = {};  ///< of what the loader loads; null: none
  bool nested = false;  ///< a loader waits for it (detail/load_mark.hpp)
  bool late = false;    ///< joined after the lookup had begun: what it finds may be older than the waiter
};

/// The work for one key, from the first reader's miss to its answer.
struct Flight {
  /// What one tier said.
  struct Seen {
    bool missed = false;  ///< it has nothing usable: to be filled
    Bytes stale = {};     ///< what it has instead
    std::optional<LeaseToken> lease = {};
  };

  Flight(std::string k, Stamp s, TimePoint at, std::size_t tiers, bool ahead)
      : key(std::move(k)), stamp(std::move(s)), began(at), refresh(ahead), seen(tiers) {}

  const std::string key;
  Stamp stamp;  ///< noted before anything below memory was asked; changed by the flight's end alone
  const TimePoint began;
  const bool refresh;  ///< ahead of time: entries that are due themselves do not end it

  // For the lookup and the load alone.
  std::vector<Seen> seen;
  std::optional<Answer> candidate;   ///< stale, and usable for want of anything better
  std::optional<Error> unavailable;  ///< why a tier could not be asked
  bool answered = false;             ///< somebody has its answer: who gets it after them has joined

  // Guarded by the table.
  enum class Phase : std::uint8_t { joining, lookup, loading, filling, ended };
  Phase phase = Phase::joining;
  std::vector<Waiter> waiters;
  bool urgent = false;                    ///< a nested waiter has joined: its load takes no turns
  std::function<void()> hurry = nullptr;  ///< of its load: lets it run now
};

using FlightPtr = std::shared_ptr<Flight>;

/// Thread safe: striped locks, never held over foreign code.
class FlightTable {
 public:
  enum class Joined : std::uint8_t { began, joined, too_late };

  /// Adds the waiter to the flight of the key, or begins `fresh()` one. Too late: the flight is loading, so
  /// no level has the key, which is the answer for a waiter that brings no loader.
  /// A nested waiter that joins makes the flight urgent; `hurry` is what it is then to call.
  template <class Fresh>
  Joined join(const std::string& key, Waiter waiter, FlightPtr& flight, std::function<void()>& hurry,
              Fresh fresh);

  /// From now on waiters are late.
  void begin_lookup(const FlightPtr& flight);

  /// Later readers begin a new flight; the old one goes on for those who wait for it.
  void detach(std::string_view key);
  void detach_all();

  /// Somebody would have it loaded.
  [[nodiscard]] bool wants_load(const FlightPtr& flight) const;

  /// The lookup found nothing. Waiters without a loader are returned, for they have their answer; the flight
  /// goes on loading for the others, or ends when there is none.
  std::vector<Waiter> begin_load(const FlightPtr& flight);

  /// The loader of the first waiter whose call is still open; nothing when there is none.
  std::optional<Waiter> choose_loader(const FlightPtr& flight) const;

  /// What is called, with no lock, when the first nested waiter joins one of these flights.
  void set_hurry(const std::vector<FlightPtr>& flights, const std::function<void()>& hurry);
  /// A nested waiter has joined one of them.
  [[nodiscard]] bool urgent(const std::vector<FlightPtr>& flights) const;

  /// Hands over who waits, to be answered now; the flight goes on.
  std::vector<Waiter> take_waiters(const FlightPtr& flight);

  /// The same, and those who join from now on wait for the fill.
  std::vector<Waiter> begin_fill(const FlightPtr& flight);

  /// Ends the flight: removes it and hands over who waits.
  std::vector<Waiter> end(const FlightPtr& flight);

  [[nodiscard]] bool in_flight(std::string_view key) const;

 private:
  struct alignas(64) Stripe {
    mutable std::mutex mutex;
    boost::unordered_flat_map<std::string, FlightPtr, KeyHash, std::equal_to<>> flights;
  };
  static void remove(Stripe& stripe, const FlightPtr& flight);

  [[nodiscard]] Stripe& stripe(std::string_view key) { return stripes_[hash_(key) >> (64 - stripe_bits)]; }
  [[nodiscard]] const Stripe& stripe(std::string_view key) const {
    return stripes_[hash_(key) >> (64 - stripe_bits)];
  }

  static constexpr unsigned stripe_bits = 6;
  KeyHash hash_;
  std::array<Stripe, std::size_t{1} << stripe_bits> stripes_;
};

template <class Fresh>
FlightTable::Joined FlightTable::join(const std::string& key, Waiter waiter, FlightPtr& flight,
                                      std::function<void()>& hurry, Fresh fresh) {
  auto& [mutex, flights] = stripe(key);
  std::lock_guard lock(mutex);
  const auto found = flights.find(key);
  if (found == flights.end()) {
    flight = fresh();
    flight->urgent = waiter.nested && waiter.loader != nullptr;
    waiter.late = false;
    flight->waiters.push_back(std::move(waiter));
    flights.emplace(key, flight);
    return Joined::began;
  }
  if (found->second->phase == Flight::Phase::loading && waiter.loader == nullptr) return Joined::too_late;
  Flight& joined = *found->second;
  waiter.late = joined.phase != Flight::Phase::joining;
  if (waiter.nested && waiter.loader != nullptr && !std::exchange(joined.urgent, true)) hurry = joined.hurry;
  joined.waiters.push_back(std::move(waiter));
  return Joined::joined;
}

}  // namespace terrace::cascade
