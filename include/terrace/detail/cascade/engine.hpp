#pragma once
/// Engine: a cache without the type of its values. Cache<V> is a typed shell around it. src/cascade/ has its
/// parts, and src/cascade/README.md is their map:
///
///     engine.cpp        the calls, each handed to its part; construction, close()
///     core.hpp          what all parts share: the levels, the flights, the generations
///     read.cpp          a read joins the flight of its key, or begins one (flights.hpp)
///     level_lookup.cpp  a flight asks the tiers, from the highest to the lowest
///     lease.cpp         a flight waits while another process loads its key
///     load.cpp          a flight calls the loader, under time limits
///     completion.cpp    a flight ends: answers its callers, fills the tiers above (fills.hpp), then memory
///     write.cpp         set and erase, from the lowest tier to memory (bottom_up_write.hpp)
///     atomic.cpp        the two steps of atomic operations: current, compare_and_set
///     invalidate.cpp    soft invalidation, bulk delete, clear
///     tags.cpp          the tokens of tags
///     recover.cpp       changes that a tier has missed
///     watch.cpp         changes by other processes
///     write_back*.cpp   write mode back: the journal, and the flush to the tiers (journal_owner.cpp)
///     explain.cpp, stats.cpp, cache_handle.cpp

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <terrace/cache_options.hpp>
#include <terrace/cache_stats.hpp>
#include <terrace/detail/cascade/gate.hpp>
#include <terrace/detail/cascade/generations.hpp>
#include <terrace/detail/cascade/tags.hpp>
#include <terrace/document.hpp>
#include <terrace/invalidation.hpp>
#include <terrace/lookup.hpp>
#include <terrace/tier.hpp>
#include <vector>

namespace terrace::cascade {

/// A value of the cache's type; null stands for a negative entry.
using ValuePtr = std::shared_ptr<const void>;

/// A value and its lifetime on the local monotonic clock.
struct Entry {
  ValuePtr value = {};
  TimePoint created = {};
  std::optional<TimePoint> fresh_until = {};  ///< none: it does not expire
  Duration grace{};                           ///< how long after that it may be served while refreshing fails
  TagMarks tags = {};
  Duration load_time{};  ///< of the loader that has just returned it; zero: it was not just loaded

  [[nodiscard]] bool fresh(TimePoint now) const noexcept { return !fresh_until || now < *fresh_until; }
  /// The end of its grace, after which it is a miss; none: it does not expire.
  [[nodiscard]] std::optional<TimePoint> gone() const noexcept {
    return fresh_until ? std::optional(after(*fresh_until, grace)) : std::nullopt;
  }
  /// Makes it stale from now on. The end of its grace stays as it was; an entry without one gets `lasting` as
  /// grace.
  void go_stale(TimePoint now, Duration lasting) noexcept {
    const auto end = gone();
    fresh_until = std::min(fresh_until.value_or(now), now);
    grace = end ? *end - *fresh_until : lasting;
  }
};

/// What memory knows about the age of an entry's value, for the staleness check (gate.hpp).
struct StalenessProof {
  TimePoint as_of = {};  ///< the entry was still right at this time or later
  bool watched = false;  ///< the shared tiers have it, so a watch reports any change since then
};

/// StalenessProof::watched of an entry in memory. It may be taken back while other threads read it.
class Watched {
 public:
  Watched(bool watched = false) noexcept : value_(watched) {}
  Watched(const Watched& other) noexcept : value_(static_cast<bool>(other)) {}
  Watched& operator=(const Watched& other) noexcept {
    value_.store(static_cast<bool>(other), std::memory_order_relaxed);
    return *this;
  }
  ~Watched() = default;

  operator bool() const noexcept { return value_.load(std::memory_order_relaxed); }
  void take_back() const noexcept { value_.store(false, std::memory_order_relaxed); }

 private:
  mutable std::atomic<bool> value_;
};

/// The entry that memory has of a key.
struct Recalled {
  Entry entry = {};
  bool serves = false;  ///< false: only if nothing better is found
};

/// The level an answer came from: 0 is memory, 1 … n are the tiers, n + 1 is the loader.
inline constexpr std::size_t memory_level = 0;

struct Answer {
  LookupKind kind = LookupKind::miss;
  Entry entry = {};
  std::size_t level = memory_level;
  bool joined = false;
  Error error = {};
};

/// What a loader returned for one key: a value, null for "there is no such key", or an error.
struct Loaded {
  Result<ValuePtr> value = ValuePtr{};
  std::optional<Duration> ttl = {};
  std::vector<std::string> tags = {};
  bool not_modified = false;  ///< the previous value is still right; `value` is ignored
  bool keep = true;           ///< false: the waiting callers get it, and no level keeps it
  bool only_own = false;      ///< an error that concerns this loader alone: other callers' loaders take over
};

/// What a loader is asked for.
struct LoadRequest {
  std::vector<std::string> keys;
  std::vector<ValuePtr> previous;  ///< for each key its previous value, stale now; null: none
  std::stop_token stop;
  /// Until `done` is called: another caller waits, and has a loader. An error with Loaded::only_own lets that
  /// loader take over.
  std::function<bool()> others_wait = {};
};

/// The program's source of truth, which is asked for keys that no level has.
class Loader {
 public:
  virtual ~Loader() = default;
  /// True: load() blocks and so runs on a worker thread; false: on the I/O thread.
  [[nodiscard]] virtual bool blocks() const noexcept { return true; }
  /// Calls `done` once with an outcome for each key in their order; must not throw. The request outlives the
  /// call of `done`.
  virtual void load(const LoadRequest& request, Handler<std::vector<Loaded>> done) = 0;
};

/// A removal of many entries from memory, in parts, so that other work gets its turn between them.
class Forgetting {
 public:
  virtual ~Forgetting() = default;
  /// Visits some thousands of entries; false: that was the last part.
  virtual bool step() = 0;
  /// How many entries were removed so far.
  [[nodiscard]] virtual std::uint64_t gone() const noexcept = 0;
};

/// What the engine needs of the values whose type it does not know: their codec, and the memory level. Thread
/// safe.
class Values {
 public:
  virtual ~Values() = default;
  /// The kind of the values that it can read; none: any.
  [[nodiscard]] virtual std::optional<StoredKind> kind() const noexcept = 0;
  virtual Result<Document> encode(const void* value) const = 0;
  virtual Result<ValuePtr> decode(BytesView payload, StoredKind kind) const = 0;

  /// Puts the entry into memory if the stamp is still valid, and returns whether it was; the check and the
  /// insertion are one step. A stale entry is served until `retry_at`, because refreshing it has just failed.
  virtual bool remember(std::string_view key, const Entry& entry, const StalenessProof& proof,
                        TimePoint retry_at, const Generations& generations, const Stamp& stamp) = 0;
  /// The entry in memory, also a stale one within its grace. Not counted as an access.
  virtual std::optional<Recalled> recall(std::string_view key) = 0;
  /// The entry in memory, if there is one, is not watched from now on (StalenessProof).
  virtual void unwatch(std::string_view key) = 0;
  /// Removes the entry from memory. True when it was there.
  virtual bool forget(std::string_view key) = 0;
  /// Makes the entry in memory stale; an entry without grace is removed. True when there was one.
  virtual bool soften(std::string_view key) = 0;
  /// Removes the keys for which the function is true, in parts.
  [[nodiscard]] virtual std::unique_ptr<Forgetting> forget_if(
      std::function<bool(std::string_view)> matches) = 0;
  virtual void forget_all() = 0;
  [[nodiscard]] virtual Gate& gate() noexcept = 0;
  [[nodiscard]] virtual LevelStats stats() const = 0;
  [[nodiscard]] virtual LevelExplanation explain(std::string_view key) const = 0;
};

struct Write {
  std::string key;
  ValuePtr value;
};

/// What the deciding level of atomic operations has under a key: what compare_and_set() expects there.
struct Revision {
  std::optional<Bytes> stored = {};  ///< in the tier; none: nothing
  Stamp stamp = {};                  ///< without tiers
  TagMarks tags = {};                ///< of the value
  std::optional<TimePoint> fresh_until = {};
};

/// `entry.value` is null if there is no fresh value.
struct Current {
  Entry entry = {};
  Revision revision = {};
  bool remembered = false;  ///< not read now: what this process stored last
};

/// How long the new value of an atomic operation lasts.
enum class AtomicLife : std::uint8_t {
  of_cache,  ///< CacheOptions::ttl
  given,     ///< AtomicChange::ttl
  kept,      ///< until the value that it replaces would have expired
};

struct AtomicChange {
  std::string key;
  Revision revision;
  ValuePtr value = {};  ///< null: the key is removed
  AtomicLife life = AtomicLife::of_cache;
  Duration ttl{};
  std::vector<std::string> tags = {};  ///< none: those of the value that is replaced
};

/// Loader calls: the most at a time (max_concurrent_loads), those under way, and those that wait for their
/// turn.
struct LoadTurns {
  std::size_t slots = 0;
  std::size_t taken = 0;
  std::size_t waiting = 0;
  std::size_t overdue = 0;  ///< loaders that run although their load was given up; they have no slot
};

/// Thread safe. Handlers are called exactly once, on any thread, possibly inside the call. The engine checks
/// the keys.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  /// Throws ConfigError.
  static std::shared_ptr<Engine> make(CacheOptions options, std::shared_ptr<Values> values,
                                      std::vector<std::shared_ptr<Tier>> tiers);
  virtual ~Engine() = default;

  /// Answers keys that memory did not have; with a loader, loads the keys that no level has.
  virtual void read(std::vector<std::string> keys, std::shared_ptr<Loader> loader, const ReadOptions& options,
                    Handler<std::vector<Answer>> done) = 0;
  virtual void write(std::vector<Write> writes, const WriteOptions& options,
                     Handler<std::vector<Result<void>>> done) = 0;
  /// Loads a fresh key again in the background, unless it is being read or loaded already.
  virtual void refresh(std::string key, std::shared_ptr<Loader> loader, const ReadOptions& options) = 0;
  /// True: some level had the key.
  virtual void erase(std::vector<std::string> keys, const WriteOptions& options,
                     Handler<std::vector<Result<bool>>> done) = 0;
  /// What the deciding level has under the key, for compare_and_set(). Asks that level alone. `may_guess`: for a
  /// compare_and_set() that follows at once; what this process stored last under the key will do (Current::remembered).
  virtual void current(std::string key, std::optional<Duration> timeout, bool may_guess,
                       Handler<Result<Current>> done) = 0;
  /// Changes the key if the deciding level still has the revision. False: it has not, and nothing has changed.
  virtual void compare_and_set(AtomicChange change, std::optional<Duration> timeout,
                               Handler<Result<bool>> done) = 0;
  virtual void clear(const WriteOptions& options, Handler<Result<void>> done) = 0;
  /// The result: the number of keys that one level lost, for the level that lost most; for a tag 1 or 0.
  virtual void invalidate(Invalidation what, const InvalidateOptions& options,
                          Handler<Result<std::uint64_t>> done) = 0;
  virtual void define_group(std::string name, std::vector<std::string> keys) = 0;
  virtual void flush(const WriteOptions& options, Handler<Result<void>> done) = 0;
  virtual void explain(std::string key, Handler<Result<Explanation>> done) = 0;
  [[nodiscard]] virtual CacheStats stats() const = 0;
  /// Ends the calls under way with Errc::shutdown, and all later calls.
  virtual void close() = 0;

  /// The name of a level for Lookup::level; lives as long as the engine.
  [[nodiscard]] virtual std::string_view level_name(std::size_t level) const noexcept = 0;
  [[nodiscard]] virtual Scheduler& scheduler() const noexcept = 0;
  [[nodiscard]] virtual LoadTurns load_turns() const = 0;
  /// CacheOptions::name.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
};

}  // namespace terrace::cascade
