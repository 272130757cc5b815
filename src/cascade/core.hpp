#pragma once
/// Core: what the parts of the engine share: the levels, the flights, the generations, the counters.

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
#include "cascade/counters.hpp"
#include "cascade/fills.hpp"
#include "cascade/flights.hpp"
#include "cascade/gather.hpp"
#include "cascade/groups.hpp"
#include "cascade/journal_owner.hpp"
#include "cascade/lease_waiters.hpp"
#include "cascade/level.hpp"
#include "cascade/level_rules.hpp"
#include "cascade/load_slots.hpp"
#include "cascade/tag_table.hpp"
#include "cascade/tier_calls.hpp"
#include "cascade/write_back.hpp"
#include "envelope/envelope.hpp"

namespace terrace::cascade {

/// An entry out of stored bytes, and what its tags' tokens were when it was made.
struct Unwrapped {
  Entry entry;
  std::vector<std::string> tags;
  std::vector<Token> tokens;
};

/// The parts hold it by shared_ptr, so work in flight survives the cache. Thread safe.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(CacheOptions options, std::shared_ptr<Values> values, std::vector<std::shared_ptr<Tier>> tiers);

  /// The key of an entry in the tiers. The namespace has no colon, so no two pairs meet.
  [[nodiscard]] std::string tier_key(std::string_view key) const { return prefix + std::string(key); }
  [[nodiscard]] std::string tag_key(std::string_view tag) const { return tag_prefix + std::string(tag); }

  /// No error: the key is usable.
  [[nodiscard]] std::optional<Error> refuse_key(std::string_view key) const;

  [[nodiscard]] TimePoint now() const noexcept { return scheduler->clock().now(); }

  /// When something loaded or set now expires: the TTL less its jitter; none: never.
  [[nodiscard]] std::optional<TimePoint> expiry(std::optional<Duration> ttl) const;

  /// Voids reads in flight, removes the key from memory, and lets later readers begin anew. True: memory had
  /// it.
  bool invalidate(std::string_view key);
  /// The same, with a stamp that is valid after it.
  bool invalidate(std::string_view key, Stamp& stamp);
  void invalidate_all();

  /// A watch has reported that another process changed the key. As invalidate; but a load that holds the
  /// leases of all shared tiers goes on, since they reject its fill if the change came after the lease.
  void on_notice(std::string_view key);
  /// A watch has reported a change of the key that this process has probably made itself: reads in flight
  /// become void, and the entry in memory serves no longer than an entry that is not watched.
  void on_own_notice(std::string_view key);

  /// Puts the entry into memory. False: the key has changed since the stamp was taken, and the change is not
  /// one that this process has just made itself. `own_notice`: a watch has reported such an own change before.
  bool remember(std::string_view key, const Entry& entry, StalenessProof proof, Stamp stamp,
                bool own_notice = false);

  /// The stored form of an entry.
  [[nodiscard]] Result<Bytes> seal_up(std::string_view key, const Entry& entry) const;

  /// The entry in stored bytes, stale or not. Past its grace it is a miss (nullopt); unreadable an error.
  [[nodiscard]] Result<std::optional<Unwrapped>> unwrap(std::string_view key, BytesView stored) const;

  /// The value in stored bytes, whatever its age; null for a negative one.
  [[nodiscard]] Result<ValuePtr> open_payload(std::string_view key, BytesView stored) const;

  /// The wall clock's reading at a local time.
  [[nodiscard]] WallTime wall(TimePoint local) const noexcept {
    return scheduler->clock().wall_now() + std::chrono::floor<std::chrono::milliseconds>(local - now());
  }

  /// The share of its life after which an entry is loaded anew ahead of time is over.
  [[nodiscard]] bool refresh_due(const Entry& entry) const noexcept;

  /// Keeps an entry as the flight's candidate: the answer that is given if nothing better is found. Only if
  /// its grace and its tags allow that, and it is younger than the candidate so far. `proven`: it is still
  /// right; an entry that is not proven is stale, however fresh it looks.
  void keep_candidate(Flight& flight, Entry entry, std::size_t level, bool proven) const;

  /// The flight's candidate as the answer, with the reason why there is no better one; without a candidate the
  /// error alone. Memory serves a stale candidate from then on, until retry_after is over.
  Answer candidate_or(const FlightPtr& flight, const Error& why);

  /// How long a tier is to keep an entry: none: for ever; zero or less: not at all.
  [[nodiscard]] std::optional<Duration> tier_life(const Entry& entry) const;

  /// The first of the levels that processes share, which gives out tags and owners; none: no level is shared.
  [[nodiscard]] std::optional<std::size_t> shared_tier() const noexcept {
    for (std::size_t tier = 0; tier < levels.size(); ++tier) {
      if (levels[tier]->shared != nullptr) return tier;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::vector<LevelTraits> level_traits() const;

  /// A level from this one on may answer a read.
  [[nodiscard]] bool more_answers(std::size_t from) const noexcept {
    return std::any_of(levels.begin() + static_cast<std::ptrdiff_t>(from), levels.end(),
                       [](const auto& level) { return !level->narrow; });
  }

  /// The tier took a change: the processes that share it are told.
  void sent(std::size_t tier) noexcept {
    if (levels[tier]->shared != nullptr) ++counters.invalidations_sent;
  }

  /// The cache is the only one to change what it knows of tags; or it would be told of what others do.
  [[nodiscard]] bool trusts_tags() const noexcept;

  /// One key, one tier: under the time limit, with an answer whatever the tier does.
  template <class T, class Begin>
  void ask(Begin begin, Handler<Result<T>> done) {
    tier_calls->ask<Result<T>>(
        std::move(begin), [](const Error& error) -> Result<T> { return error; }, std::move(done));
  }
  /// The same for `count` keys.
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

  /// A new call that ends at its limit or with the cache.
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
  const std::shared_ptr<Scheduler> scheduler;
  const std::shared_ptr<Values> values;
  std::vector<std::unique_ptr<Level>> levels;
  std::vector<std::string> level_names;
  Generations generations;
  FlightTable flights;
  TagTable tags;
  LeaseWaiters lease_waiters;
  LoadSlots load_slots;
  /// Keys whose refresh ahead of time failed a moment ago.
  MemoryCache<std::string, char> cooling;
  Groups groups;
  std::stop_source closing;
  std::unique_ptr<WriteBack> write_back;  ///< of WriteMode::back
  /// Of WriteMode::back over a shared tier. Set before write_back, which flushes as soon as it is there.
  std::shared_ptr<JournalOwner> journal_owner;
  const std::shared_ptr<Fills> fills = std::make_shared<Fills>();
  Counters counters;
  const std::shared_ptr<PendingCalls> calls = std::make_shared<PendingCalls>();
  const std::shared_ptr<TierCalls> tier_calls;
  std::atomic<bool> closed{false};
  std::vector<std::shared_ptr<void>> watches;

 private:
  /// Of a key whose stamps are void.
  bool drop(std::string_view key);

  [[nodiscard]] envelope::Limits limits() const noexcept;
};

}  // namespace terrace::cascade
