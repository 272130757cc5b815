#pragma once
/// Core: what the parts of the engine share: the levels, the flights, the generations, the counters.

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/histogram.hpp>
#include <terrace/shared_tier.hpp>
#include <vector>

#include "base/fork.hpp"
#include "cascade/fills.hpp"
#include "cascade/flights.hpp"
#include "cascade/gather.hpp"
#include "cascade/journal_owner.hpp"
#include "cascade/lease_waiters.hpp"
#include "cascade/level_rules.hpp"
#include "cascade/load_slots.hpp"
#include "cascade/own_notices.hpp"
#include "cascade/recovery.hpp"
#include "cascade/tag_table.hpp"
#include "cascade/tier_calls.hpp"
#include "cascade/write_back.hpp"
#include "envelope/envelope.hpp"

namespace terrace::cascade {

/// Errors of reads. Thread safe.
class ErrorTally {
 public:
  void add(const Error& error) noexcept {
    ++(error == Errc::timed_out     ? timed_out_
       : error == Errc::unavailable ? unavailable_
       : error == Errc::io_error    ? io_
                                    : other_);
  }
  [[nodiscard]] ErrorCounts counts() const noexcept { return {timed_out_, unavailable_, io_, other_}; }

 private:
  std::atomic<std::uint64_t> timed_out_{0}, unavailable_{0}, io_{0}, other_{0};
};

/// A tier and what was seen of it.
struct Level {
  Level(std::string n, std::shared_ptr<Tier> t, std::uint64_t seed)
      : name(std::move(n)), tier(std::move(t)), shared(tier->shared()), recovery(seed) {}

  const std::string name;
  const std::shared_ptr<Tier> tier;
  SharedTier* const shared;  ///< null: nobody shares it
  bool narrow = false;       ///< is_narrow()
  Recovery recovery;
  OwnNotices own_notices;
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> stale{0};
  std::atomic<std::uint64_t> negative{0};
  std::atomic<std::uint64_t> misses{0};
  ErrorTally errors;
  std::atomic<std::uint64_t> unreadable{0};
  Histogram latency;
};

struct Counters {
  std::atomic<std::uint64_t> loads{0};
  std::atomic<std::uint64_t> load_failures{0};
  std::atomic<std::uint64_t> joined{0};
  std::atomic<std::uint64_t> rejected_fills{0};
  std::atomic<std::uint64_t> stale_from_memory{0};  // after a try to refresh it
  std::atomic<std::uint64_t> refreshes{0};
  std::atomic<std::uint64_t> lease_waits{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> erases{0};
  std::atomic<std::uint64_t> write_failures{0};
  std::atomic<std::uint64_t> invalidations_sent{0};
  std::atomic<std::uint64_t> invalidations_received{0};
  Histogram load_latency;
};

/// The named sets of keys of invalidate_group(). Thread safe.
class Groups {
 public:
  void define(std::string name, std::vector<std::string> keys) {
    std::lock_guard lock(mutex_);
    groups_.insert_or_assign(std::move(name), std::move(keys));
  }
  [[nodiscard]] std::optional<std::vector<std::string>> find(const std::string& name) const {
    std::lock_guard lock(mutex_);
    const auto found = groups_.find(name);
    return found == groups_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  mutable std::mutex mutex_;
  boost::unordered_flat_map<std::string, std::vector<std::string>> groups_;
};

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

// Reading (level_lookup.cpp, lease.cpp, load.cpp).
void start_lookup(std::shared_ptr<Core> core, std::vector<FlightPtr> flights);
/// The lookup of the flight goes on at this tier, with the reply to its request for the lease.
void resume_lookup(std::shared_ptr<Core> core, FlightPtr flight, std::size_t tier, Result<LeaseReply> reply);
/// Asks for the lease of the flight's key; the token is noted in the flight when granted.
void acquire_lease(Core& core, const FlightPtr& flight, std::size_t tier, Handler<Result<LeaseReply>> done);
/// Another process loads the flight's key: waits for that, then resumes the lookup.
void await_lease(std::shared_ptr<Core> core, FlightPtr flight, std::size_t tier);
void start_load(std::shared_ptr<Core> core, const std::vector<FlightPtr>& flights);
/// Joins the waiters to the flights of their key, or begins these.
void start_read(std::shared_ptr<Core> core, std::vector<std::pair<std::string, Waiter>> waiters, bool ahead);

// Answering (completion.cpp).
/// Ends a flight whose answer needs no fill of a tier. The answer enters memory first, and then the flight
/// ends: a reader that comes later finds one of the two.
void complete(Core& core, const FlightPtr& flight, const Answer& answer, const StalenessProof& proof = {});
/// Answers waiters. Late ones begin a new read where the answer may be older than the staleness check allows:
/// with strong consistency, or while no watch reports whether it is still right.
void answer_callers(Core& core, const FlightPtr& flight, std::vector<Waiter> waiters, const Answer& answer);
/// Ends a flight with an answer that no level may keep.
void complete_uncached(Core& core, const FlightPtr& flight, const Answer& answer);
/// Ends a flight and fills the tiers that lack the answer: those above the tier it came from, or all of them if
/// it was loaded. `stored`: the bytes that they keep; empty: no tier is filled.
void complete_with_fill(const std::shared_ptr<Core>& core, const FlightPtr& flight, const Answer& answer,
                        BytesView stored);
/// Ends a flight that found nothing and could not load: with its candidate if it has one, otherwise with the
/// error.
void complete_failed(Core& core, const FlightPtr& flight, const Error& why);
/// Answers the waiting callers with the candidate, which must be there; the flight goes on.
void answer_stale(Core& core, const FlightPtr& flight, const Error& why);
/// Gives back the leases of a flight that ends without a fill.
void release_leases(Core& core, const FlightPtr& flight);

// Writing (write.cpp, invalidate.cpp, recover.cpp).
void start_write(std::shared_ptr<Core> core, std::vector<Write> writes, const WriteOptions& options,
                 Handler<std::vector<Result<void>>> done);
void start_erase(std::shared_ptr<Core> core, std::vector<std::string> keys, std::optional<Duration> timeout,
                 Handler<std::vector<Result<bool>>> done);
void start_clear(std::shared_ptr<Core> core, const WriteOptions& options, Handler<Result<void>> done);
void start_invalidate(std::shared_ptr<Core> core, Selection what, const InvalidateOptions& options,
                      Handler<Result<std::uint64_t>> done);
/// Opens the journal, whose changes then flow to the tiers. Throws ConfigError.
void start_write_back(const std::shared_ptr<Core>& core);
/// A change of a key, acknowledged by the journal.
void set_in_journal(const std::shared_ptr<Core>& core, const std::string& key, Entry entry, Bytes stored,
                    Handler<Result<void>> done);
void erase_in_journal(const std::shared_ptr<Core>& core, const std::string& key, Handler<Result<bool>> done);
/// What the journal has of a key: it goes before every tier.
enum class Journalled : std::uint8_t { nothing, erased, value };
Journalled journalled(Core& core, const std::string& key, Entry* entry = nullptr);

/// A tier did not take the change of a key: it is tried again until it does.
void recover(const std::shared_ptr<Core>& core, std::size_t tier, const std::string& tier_key,
             std::uint64_t ticket);
void recover_all(const std::shared_ptr<Core>& core, std::size_t tier);

// Tags (tags.cpp).
/// The tokens of the tags, in their order, and a random one for those that have none if `create`, else
/// unknown_token.
void tag_tokens(const std::shared_ptr<Core>& core, const std::vector<std::string>& tags, bool create,
                Handler<Result<std::vector<Token>>> done);
/// Everything with the tag is void, or stale.
void invalidate_tag(const std::shared_ptr<Core>& core, std::string tag, bool soft,
                    Handler<Result<std::uint64_t>> done);
std::optional<Error> refuse_tags(const std::vector<std::string>& tags);

// watch.cpp
/// Watches every shared tier, unless the options ask for no more than weak consistency.
void start_watches(const std::shared_ptr<Core>& core);

void start_explain(std::shared_ptr<Core> core, std::string key, Handler<Result<Explanation>> done);

}  // namespace terrace::cascade
