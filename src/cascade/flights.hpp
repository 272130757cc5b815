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
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/detail/load_mark.hpp>
#include <terrace/shared_tier.hpp>
#include <utility>
#include <vector>

#include "cascade/gather.hpp"
#include "cascade/key_selection.hpp"

namespace terrace::cascade {

/// The load of one or several flights, as far as their callers concern it. Thread safe; called without a lock.
class FlightLoad {
 public:
  virtual ~FlightLoad() = default;
  /// A nested caller waits for it, so it must not wait for its turn.
  virtual void hurry() = 0;
  /// Another caller has joined one of its flights.
  virtual void joined() = 0;
  /// No caller waits for one of its flights any more. They have given up; none has got an answer meanwhile.
  virtual void abandoned() = 0;
};

/// One key of one reader's call.
struct Waiter {
  std::shared_ptr<Gather<Answer>> call;
  std::size_t index = 0;
  std::shared_ptr<Loader> loader;                             ///< null: a read that loads nothing
  std::shared_ptr<const std::vector<std::string>> tags = {};  ///< for the loaded value; null: none
  RunningLoadPtr inside = {};  ///< the load whose loader reads: a nested read; null: no loader reads
  TimePoint since = {};        ///< soft_load_timeout counts from here
  bool late = false;  ///< joined after the lookup had begun, so the value may be older than this read
};

/// An in-flight request: the work for one key, from the first reader's miss to the end of the fills.
struct Flight {
  /// The reply of one tier.
  struct Seen {
    bool missed = false;  ///< it has nothing usable, so it is to be filled
    std::optional<Bytes> stale =
        {};  ///< the bytes that it has and that cannot be used: an old value, or a claim
    std::optional<LeaseToken> lease = {};
    Bytes beside = {};  ///< the identity of a fresh entry of others: the fill goes beside it; empty: none
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
  std::atomic<std::uint32_t> callers{1};  ///< that have joined; read without the lock
  bool urgent = false;                    ///< a nested waiter has joined: its load waits for no turn
  bool answered_early = false;            ///< callers have got the candidate while the load goes on
  std::weak_ptr<FlightLoad> load{};       ///< while it loads

  RunningLoadPtr running = nullptr;  ///< the load whose loader runs for it; guarded by LoadWaits
};

using FlightPtr = std::shared_ptr<Flight>;

/// Thread safe: striped locks, which are never held while the program's code runs.
class FlightTable {
 public:
  struct Joined {
    enum class How : std::uint8_t { began, joined, too_late };
    How how = How::joined;
    FlightPtr flight = {};  ///< begun, or joined
    /// For How::joined: the load under way. The waiter must then call its joined(), and, if it has made the
    /// flight urgent, hurry().
    std::shared_ptr<FlightLoad> load = {};
    bool hurry = false;
  };

  /// Adds the waiter to the flight of the key, or to a new one, which `fresh()` makes. too_late: the flight
  /// is loading, so no level has the key; that is the answer for a waiter without a loader. A nested waiter
  /// that joins makes the flight urgent.
  template <class Fresh>
  Joined join(const std::string& key, Waiter waiter, Fresh fresh);

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

  /// Another call than this one waits for the flight, and has a loader.
  [[nodiscard]] bool has_other_loader(const FlightPtr& flight, const Gather<Answer>& call) const;

  /// From now on callers reach the load of these flights.
  void set_load(const std::vector<FlightPtr>& flights, const std::weak_ptr<FlightLoad>& load);
  /// A nested waiter has joined one of these flights.
  [[nodiscard]] bool urgent(const std::vector<FlightPtr>& flights) const;

  /// The flight of the key is loading, and no caller waits for it any more: they have all given up. Returns
  /// its load, which must be told; null otherwise. A load goes on if callers have got an early answer.
  [[nodiscard]] std::shared_ptr<FlightLoad> abandoned(std::string_view key) const;

  /// Takes out the waiters that have waited since `latest` or longer, to be answered early; the flight goes
  /// on. `next`: the earliest of the others' `since`.
  std::vector<Waiter> take_early(const FlightPtr& flight, TimePoint latest, std::optional<TimePoint>& next);

  /// Takes out the waiters of one call. The flight goes on.
  std::vector<Waiter> take_waiters_of(const FlightPtr& flight, const Gather<Answer>& call);

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
FlightTable::Joined FlightTable::join(const std::string& key, Waiter waiter, Fresh fresh) {
  using How = Joined::How;
  auto& [mutex, flights] = stripe(key);
  std::lock_guard lock(mutex);
  const auto found = flights.find(key);
  if (found == flights.end()) {
    FlightPtr flight = fresh();
    flight->urgent = waiter.inside != nullptr && waiter.loader != nullptr;
    waiter.late = false;
    flight->waiters.push_back(std::move(waiter));
    flights.emplace(key, flight);
    return {How::began, std::move(flight)};
  }
  Flight& joined = *found->second;
  if (joined.phase == Flight::Phase::loading && waiter.loader == nullptr) return {How::too_late};
  waiter.late = joined.phase != Flight::Phase::joining;
  ++joined.callers;
  Joined out{.flight = found->second};
  if (joined.phase == Flight::Phase::loading) out.load = joined.load.lock();
  if (waiter.inside != nullptr && waiter.loader != nullptr) out.hurry = !std::exchange(joined.urgent, true);
  joined.waiters.push_back(std::move(waiter));
  return out;
}

}  // namespace terrace::cascade
