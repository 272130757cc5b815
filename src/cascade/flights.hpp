#pragma once
/// FlightTable: single flight, the protection against stampedes within a process. All readers that miss
/// memory on the same key share one in-flight request, a `Flight`: one lookup through the levels, and one
/// load.
///
/// The phases of a flight:
///
///     joining ──begin_lookup──► lookup ──begin_load──► loading ──begin_fill──► filling ──end──► ended
///
/// Shorter ways: end() leads from every phase to ended, and begin_fill() from lookup to filling, if a tier
/// has the value.
///
///  - joining: readers of the same call of read() join. Readers that join later are `late`: the value may be
///    older than their read (coherence rule "Late callers" of docs/reliability.md).
///  - lookup: the tiers are asked.
///  - loading: the loader runs. A reader without a loader gets its answer at once, a miss.
///  - filling: the callers are answered, and shared tiers take the value. Readers that join now are answered
///    when the tiers have accepted it.
///
/// detach() removes a flight from the table in any phase, because its value may have changed: later readers
/// begin another flight, and this one goes on for the readers that have joined it.

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
#include "cascade/key_selection.hpp"

namespace terrace::cascade {

/// One key of one reader's call.
struct Waiter {
  std::shared_ptr<Gather<Answer>> call;
  std::size_t index = 0;
  std::shared_ptr<Loader> loader;                             ///< null: a read that loads nothing
  std::shared_ptr<const std::vector<std::string>> tags = {};  ///< for the loaded value; null: none
  bool nested = false;  ///< the reader is itself a loader's (detail/load_mark.hpp)
  bool late = false;    ///< joined after the lookup had begun, so the value may be older than this read
};

/// An in-flight request: the work for one key, from the first reader's miss to the end of the fills.
struct Flight {
  /// The reply of one tier.
  struct Seen {
    bool missed = false;  ///< it has nothing usable, so it is to be filled
    Bytes stale = {};     ///< the bytes that it has and that cannot be used
    std::optional<LeaseToken> lease = {};
  };

  Flight(std::string k, Stamp s, TimePoint at, std::size_t tiers, bool ahead)
      : key(std::move(k)), stamp(std::move(s)), began(at), refresh(ahead), seen(tiers) {}

  const std::string key;
  Stamp stamp;  ///< taken before any tier was asked; only the end of the flight changes it
  const TimePoint began;
  const bool refresh;  ///< ahead of time: an entry that is due for a refresh itself does not end it

  // For the lookup and the load alone.
  std::vector<Seen> seen;
  std::optional<Answer> candidate;   ///< the answer if nothing better is found; mostly stale
  std::optional<Error> unavailable;  ///< the reason why a tier could not be asked
  bool answered = false;             ///< a caller has its answer; later ones count as joined

  // Guarded by the table.
  enum class Phase : std::uint8_t { joining, lookup, loading, filling, ended };
  Phase phase = Phase::joining;
  std::vector<Waiter> waiters;
  bool urgent = false;                    ///< a nested waiter has joined: its load waits for no turn
  std::function<void()> hurry = nullptr;  ///< lets its load run now
};

using FlightPtr = std::shared_ptr<Flight>;

/// Thread safe: striped locks, which are never held while the program's code runs.
class FlightTable {
 public:
  enum class Joined : std::uint8_t { began, joined, too_late };

  /// Adds the waiter to the flight of the key, or to a new one, which `fresh()` makes. too_late: the flight
  /// is loading, so no level has the key; that is the answer for a waiter without a loader. A nested waiter
  /// that joins makes the flight urgent; it must then call `hurry`.
  template <class Fresh>
  Joined join(const std::string& key, Waiter waiter, FlightPtr& flight, std::function<void()>& hurry,
              Fresh fresh);

  /// The lookup begins; waiters that join from now on are late.
  void begin_lookup(const FlightPtr& flight);

  /// Later readers begin a new flight; the old one goes on for its waiters.
  void detach(std::string_view key);
  void detach_if(const KeySelection& keys);
  void detach_all();

  /// One of its waiters has a loader.
  [[nodiscard]] bool wants_load(const FlightPtr& flight) const;

  /// The lookup found nothing. Returns the waiters without a loader, which get their answer now; the flight
  /// loads for the others, or ends if there are none.
  std::vector<Waiter> begin_load(const FlightPtr& flight);

  /// The first waiter that has a loader and whose call is still open; none: there is no such waiter.
  std::optional<Waiter> choose_loader(const FlightPtr& flight) const;

  /// `hurry` is called, without a lock, when the first nested waiter joins one of these flights.
  void set_hurry(const std::vector<FlightPtr>& flights, const std::function<void()>& hurry);
  /// A nested waiter has joined one of these flights.
  [[nodiscard]] bool urgent(const std::vector<FlightPtr>& flights) const;

  /// Takes out the waiters, to be answered now; the flight goes on.
  std::vector<Waiter> take_waiters(const FlightPtr& flight);

  /// The same; waiters that join from now on wait for the fill.
  std::vector<Waiter> begin_fill(const FlightPtr& flight);

  /// Ends the flight: removes it, and takes out its waiters.
  std::vector<Waiter> end(const FlightPtr& flight);

  [[nodiscard]] bool in_flight(std::string_view key) const;

 private:
  struct alignas(64) Stripe {
    mutable std::mutex mutex;
    boost::unordered_flat_map<std::string, FlightPtr, KeyHash, std::equal_to<>> flights;
  };
  static void remove(Stripe& stripe, const FlightPtr& flight);

  /// Neither the highest bits nor the lowest byte: a stripe's map places its keys by them.
  [[nodiscard]] std::size_t index(std::string_view key) const { return (hash_(key) >> 24) % stripes_.size(); }
  [[nodiscard]] Stripe& stripe(std::string_view key) { return stripes_[index(key)]; }
  [[nodiscard]] const Stripe& stripe(std::string_view key) const { return stripes_[index(key)]; }

  KeyHash hash_;
  std::array<Stripe, 64> stripes_;
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
