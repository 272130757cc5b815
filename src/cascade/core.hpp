#pragma once
/// Core: the state that all parts of the engine share: the levels, the flights, the generations, the
/// counters. Its functions are the small steps that several parts need; README.md here is the map of the
/// parts.

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <terrace/detail/cascade/engine.hpp>
#include <vector>

#include "base/fork.hpp"
#include "cascade/beside.hpp"
#include "cascade/chunked_call.hpp"
#include "cascade/counters.hpp"
#include "cascade/fills.hpp"
#include "cascade/flights.hpp"
#include "cascade/gather.hpp"
#include "cascade/groups.hpp"
#include "cascade/journal_owner.hpp"
#include "cascade/key_turns.hpp"
#include "cascade/last_swaps.hpp"
#include "cascade/lease_waiters.hpp"
#include "cascade/level.hpp"
#include "cascade/level_rules.hpp"
#include "cascade/load_budget.hpp"
#include "cascade/load_slots.hpp"
#include "cascade/pauses.hpp"
#include "cascade/tag_table.hpp"
#include "cascade/tier_calls.hpp"
#include "cascade/write_back.hpp"
#include "envelope/envelope.hpp"

namespace terrace::cascade {

/// An entry read from stored bytes, and the tokens that its tags had when it was made.
struct Unwrapped {
  Entry entry;
  std::vector<std::string> tags;
  std::vector<Token> tokens;
};

/// The parts hold it by shared_ptr, so work under way survives the cache. Thread safe.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(CacheOptions options, std::shared_ptr<Values> values, std::vector<std::shared_ptr<Tier>> tiers);

  /// The key of an entry in the tiers. A namespace has no colon, so two pairs of namespace and key never give
  /// the same.
  [[nodiscard]] std::string tier_key(std::string_view key) const { return prefix + std::string(key); }
  [[nodiscard]] KeySelection tier_keys(const KeySelection& keys) const {
    return {tier_key(keys.prefix), keys.pattern};
  }
  /// The reverse of tier_keys().
  [[nodiscard]] KeySelection keys_of(const KeySelection& in_tier) const {
    return {in_tier.prefix.substr(prefix.size()), in_tier.pattern};
  }
  /// Where this cache keeps its own entry of a key while the key has an entry of others (beside.hpp).
  [[nodiscard]] std::string beside_key(std::string_view key) const {
    return beside_prefix + std::string(key);
  }
  [[nodiscard]] std::string tag_key(std::string_view tag) const { return tag_prefix + std::string(tag); }

  /// No error: the key is usable.
  [[nodiscard]] std::optional<Error> refuse_key(std::string_view key) const;

  [[nodiscard]] TimePoint now() const noexcept { return scheduler->clock().now(); }

  /// The time at which a value that is loaded or set now expires: after the TTL less its jitter; none: never.
  [[nodiscard]] std::optional<TimePoint> expiry(std::optional<Duration> ttl) const;

  /// Makes the stamps of reads in flight void, removes the key from memory, and detaches its flight, so later
  /// readers begin a new one. True: memory had the key.
  bool invalidate(std::string_view key);
  /// The same, and takes a stamp that is valid after it.
  bool invalidate(std::string_view key, Stamp& stamp);
  /// As invalidate, but memory keeps what it has: the change puts its new value there, with this stamp.
  [[nodiscard]] Stamp supersede(std::string_view key);
  void invalidate_all();
  /// Makes the stamps of reads in flight void, detaches their flights, and ends pauses, for all keys of the
  /// selection.
  void cancel(const KeySelection& keys);

  /// A watch has reported that another process changed the key. As invalidate; but a load that holds the
  /// leases of all shared tiers goes on, since they reject its fill if the change came after the lease.
  void on_notice(std::string_view key);
  /// A watch has reported a change of the key that this process has probably made itself: reads in flight
  /// become void, and the entry in memory serves no longer than an entry that is not watched.
  void on_own_notice(std::string_view key);

  /// Puts the entry into memory. False: the key has changed since the stamp was taken, and the change is not
  /// one that this process has just made itself. `own_notice`: a watch has reported such an own change
  /// before.
  bool remember(std::string_view key, const Entry& entry, StalenessProof proof, const Stamp& stamp,
                bool own_notice = false);

  /// The stored form of an entry.
  [[nodiscard]] Result<Bytes> seal_up(std::string_view key, const Entry& entry) const;

  /// The entry in stored bytes, stale or not. Past its grace it is a miss (nullopt); unreadable an error.
  [[nodiscard]] Result<std::optional<Unwrapped>> unwrap(std::string_view key, BytesView stored) const;

  /// The value in stored bytes, whatever its age; null for a negative entry.
  [[nodiscard]] Result<ValuePtr> open_payload(std::string_view key, BytesView stored) const;

  /// How long an entry with this TTL stays, its grace included; none: it does not expire.
  [[nodiscard]] std::optional<Duration> whole_life(std::optional<Duration> ttl) const noexcept {
    if (!ttl) return std::nullopt;
    return *ttl > Duration::max() - options.grace ? Duration::max() : *ttl + options.grace;
  }

  /// The time by which stored entries are dated: of the clock of the first store that has one and that the
  /// fleet shares; otherwise the wall clock of this process.
  [[nodiscard]] WallTime wall_now() const noexcept;
  [[nodiscard]] WallTime wall(TimePoint local) const noexcept {
    return wall_now() + std::chrono::floor<std::chrono::milliseconds>(local - now());
  }

  /// So much of the entry's lifetime is over (eager_refresh) that it should be loaded again.
  [[nodiscard]] bool refresh_due(const Entry& entry) const noexcept;

  /// Keeps an entry as the flight's candidate: the answer that is given if nothing better is found. Only if
  /// its grace and its tags allow that, and it is younger than the candidate so far. `proven`: it is still
  /// right; an entry that is not proven is stale, however fresh it looks.
  void keep_candidate(Flight& flight, Entry entry, std::size_t level, bool proven) const;

  /// The flight's candidate as the answer, with the reason why there is no better one; without a candidate
  /// the error alone. Memory serves a stale candidate from then on, until retry_after is over.
  Answer candidate_or(const FlightPtr& flight, const Error& why);

  /// A load of the key has failed, and there was no stale value: its pause begins, if there are any (error_ttl).
  void pause_loads(const std::string& key, const Error& why);
  /// The error of the last load of the key, if its pause is not over.
  [[nodiscard]] std::optional<Error> load_pause(const std::string& key) const {
    return error_pauses ? error_pauses->of(key) : std::nullopt;
  }

  /// How long a tier is to keep an entry. None: no limit; zero or less: not at all.
  [[nodiscard]] std::optional<Duration> tier_life(const Entry& entry) const;

  /// The first of the levels that processes share. It has the tokens of tags and the name of the journal's
  /// owner. None: no level is shared.
  [[nodiscard]] std::optional<std::size_t> shared_tier() const noexcept {
    for (std::size_t tier = 0; tier < levels.size(); ++tier) {
      if (levels[tier]->shared != nullptr) return tier;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::vector<LevelTraits> level_traits() const;

  /// There is a level, this one or a lower one, that may answer a read.
  [[nodiscard]] bool more_answers(std::size_t from) const noexcept {
    return std::any_of(levels.begin() + static_cast<std::ptrdiff_t>(from), levels.end(),
                       [](const auto& level) { return !level->narrow; });
  }

  /// The tier took a change, so the processes that share it are notified.
  void sent(std::size_t tier) noexcept {
    if (levels[tier]->shared != nullptr) counters.add(&CacheStats::invalidations_sent);
  }

  /// The tokens in the tag table are right: no other process can change tags, or the watches report such
  /// changes.
  [[nodiscard]] bool trusts_tags() const noexcept;

  /// A call of a tier for one key: under tier_timeout, and with an answer whatever the tier does.
  template <class T, class Begin>
  void ask(Begin begin, Handler<Result<T>> done) {
    tier_calls->ask<Result<T>>(
        std::move(begin), [](const Error& error) -> Result<T> { return error; }, std::move(done));
  }
  /// The same for any number of keys: chunk by chunk, each under tier_timeout (chunked_call.hpp).
  template <class T>
  void ask_in_chunks(std::size_t keys, typename ChunkedCall<T>::Begin begin,
                     typename ChunkedCall<T>::Weigh weigh, Handler<std::vector<Result<T>>> done) {
    std::make_shared<ChunkedCall<T>>(tier_calls, keys, std::move(begin), std::move(weigh), std::move(done))
        ->proceed();
  }
  /// For `count` keys at once, which must be few.
  template <class T, class Begin>
  void ask_many(std::size_t count, Begin begin, Handler<std::vector<Result<T>>> done) {
    const auto refuse = [count](const Error& error) { return std::vector<Result<T>>(count, error); };
    tier_calls->ask<std::vector<Result<T>>>(
        std::move(begin), refuse,
        [count, refuse, done = std::move(done)](std::vector<Result<T>> outcomes) mutable {
          // A tier that does not keep to its contract must not make the lookup read past the end.
          if (outcomes.size() != count)
            outcomes = refuse(Error(Errc::io_error, "the tier answered too few keys"));
          done(std::move(outcomes));
        });
  }

  /// A new call of the cache, which ends at its time limit, or when the cache closes.
  template <class T>
  std::shared_ptr<Gather<T>> begin_call(std::size_t keys, std::optional<Duration> timeout,
                                        Handler<std::vector<T>> done) {
    auto call = std::make_shared<Gather<T>>(keys, std::move(done));
    if (!home.here()) return call->end(made_before_fork("cache " + options.name)), call;
    const bool hopeless = timeout && *timeout <= Duration::zero();
    call->begin(calls, scheduler, hopeless ? std::nullopt : timeout);
    if (hopeless)
      call->end(
          Error(Errc::timed_out, "the timeout of the call is not above 0: give it time, or no timeout"));
    if (closed) call->end(Error(Errc::shutdown, "cache " + options.name + " is closed"));
    return call;
  }

  const HomeProcess home;
  const CacheOptions options;
  const std::string prefix;
  const std::string tag_prefix;
  const std::string beside_prefix;
  const std::shared_ptr<Scheduler> scheduler;
  const std::shared_ptr<Values> values;
  std::vector<std::unique_ptr<Level>> levels;
  std::vector<std::string> level_names;
  Generations generations;
  FlightTable flights;
  TagTable tags;
  LeaseWaiters lease_waiters;
  LoadSlots load_slots;
  KeyTurns key_turns;
  LastSwaps last_swaps;
  /// The level that decides atomic operations (atomic.cpp); none: there are no tiers, or none of them can.
  std::optional<std::size_t> decider;
  const std::shared_ptr<LoadBudget> load_budget;  ///< null: no limit (max_loads_per_second)
  /// Keys whose refresh ahead of time has failed less than retry_after ago.
  Pauses refresh_pauses;
  std::unique_ptr<Pauses> error_pauses;  ///< null: errors are not remembered (error_ttl)
  Groups groups;
  std::stop_source closing;
  std::unique_ptr<WriteBack> write_back;  ///< null, except with WriteMode::back
  /// Null, except with WriteMode::back over a shared tier. Set before write_back, which may flush at once.
  std::shared_ptr<JournalOwner> journal_owner;
  const std::shared_ptr<Fills> fills = std::make_shared<Fills>();
  Counters counters;
  const std::shared_ptr<PendingCalls> calls = std::make_shared<PendingCalls>();
  const std::shared_ptr<TierCalls> tier_calls;
  std::atomic<bool> closed{false};
  std::vector<std::shared_ptr<void>> watches;

 private:
  /// Removes the key from memory and detaches its flight; its stamps are void already.
  bool drop(std::string_view key);

  [[nodiscard]] envelope::Limits limits() const noexcept;
};

}  // namespace terrace::cascade
