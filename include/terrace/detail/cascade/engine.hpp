#pragma once
/// Engine: the lookup through the levels, without the values' type. Cache<V> is a typed shell around it;
/// src/cascade/ holds its parts: level_lookup.cpp (a read), write.cpp (set, erase, clear), engine.cpp (the rest).

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
#include <terrace/lookup.hpp>
#include <terrace/tier.hpp>
#include <vector>

namespace terrace::cascade {

/// A value of the cache's type; null stands for a negative entry.
using ValuePtr = std::shared_ptr<const void>;

/// A value and its life on the local monotonic clock.
struct Entry {
  ValuePtr value = {};
  TimePoint created = {};
  std::optional<TimePoint> fresh_until = {};  ///< none: for ever
  Duration grace{};                           ///< after that, while refreshing fails
  TagMarks tags = {};
  Duration load_time{};  ///< of the loader that has just made it; zero: it came from elsewhere

  [[nodiscard]] bool fresh(TimePoint now) const noexcept { return !fresh_until || now < *fresh_until; }
  /// Past its grace it is nothing any more.
  [[nodiscard]] std::optional<TimePoint> gone() const noexcept {
    return fresh_until ? std::optional(after(*fresh_until, grace)) : std::nullopt;
  }
  /// It is fresh no longer; it is gone when it would have been, or, if never, after this grace.
  void go_stale(TimePoint now, Duration lasting) noexcept {
    const auto end = gone();
    fresh_until = std::min(fresh_until.value_or(now), now);
    grace = end ? *end - *fresh_until : lasting;
  }
};

/// How far memory may trust an entry (gate.hpp).
struct StalenessProof {
  TimePoint as_of = {};  ///< what the entry says was so at this time or later
  bool watched = false;  ///< the shared tiers have it, so that a change since would be told
};

/// StalenessProof::watched of an entry in memory, which may be taken back while others read it.
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

/// What memory has of a key.
struct Recalled {
  Entry entry = {};
  bool serves = false;  ///< false: only for want of anything better
};

/// Where an answer came from: 0 is memory, 1 … n the tiers, n + 1 the loader.
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
  bool not_modified = false;  ///< the value there was before holds on; `value` says nothing
  bool keep = true;           ///< false: it goes to those who wait for it, and into no level
};

/// What a loader is told besides the keys.
struct LoadRequest {
  std::vector<std::string> keys;
  std::vector<ValuePtr> previous;  ///< for each key what it was before, stale now; null: nothing
  std::stop_token stop;
};

/// The program's source of truth, asked for keys no level has.
class Loader {
 public:
  virtual ~Loader() = default;
  /// True: load() blocks and so runs on a worker thread; false: on the I/O thread.
  [[nodiscard]] virtual bool blocks() const noexcept { return true; }
  /// Calls `done` once with an outcome for each key in their order; must not throw. The request outlives the
  /// call of `done`.
  virtual void load(const LoadRequest& request, Handler<std::vector<Loaded>> done) = 0;
};

/// What the engine needs of the values it cannot see: their codec, and the typed memory level. Thread safe.
class Values {
 public:
  virtual ~Values() = default;
  /// Of the values that are read; none: of any.
  [[nodiscard]] virtual std::optional<StoredKind> kind() const noexcept = 0;
  virtual Result<Document> encode(const void* value) const = 0;
  virtual Result<ValuePtr> decode(BytesView payload, StoredKind kind) const = 0;

  /// Puts the entry into memory if the stamp is still valid, and tells whether it was; the check and the
  /// insertion are one step. Stale ones are served until `retry_at`, for refreshing them has just failed.
  virtual bool remember(std::string_view key, const Entry& entry, const StalenessProof& proof,
                        TimePoint retry_at, const Generations& generations, const Stamp& stamp) = 0;
  /// What memory has, stale entries within their grace included. Not counted as an access.
  virtual std::optional<Recalled> recall(std::string_view key) = 0;
  /// The entry in memory, if there is one, is not watched from now on (StalenessProof).
  virtual void unwatch(std::string_view key) = 0;
  /// True when it was there.
  virtual bool forget(std::string_view key) = 0;
  /// What is there is stale from now on; what has no grace is forgotten. True when something was there.
  virtual bool soften(std::string_view key) = 0;
  /// Forgets the keys for which the function is true; how many.
  virtual std::uint64_t forget_if(const std::function<bool(std::string_view)>& matches) = 0;
  virtual void forget_all() = 0;
  [[nodiscard]] virtual Gate& gate() noexcept = 0;
  [[nodiscard]] virtual LevelStats stats() const = 0;
  [[nodiscard]] virtual LevelExplanation explain(std::string_view key) const = 0;
};

struct Write {
  std::string key;
  ValuePtr value;
};

/// What to invalidate; a call has one of these.
struct Selection {
  enum class Kind : std::uint8_t { keys, group, prefix, glob, tag };
  Kind kind = Kind::keys;
  std::vector<std::string> keys = {};
  std::string text = {};  ///< the group, prefix, pattern or tag
};

/// Loader calls: at most so many at a time (max_concurrent_loads), under way, and waiting for their turn.
struct LoadTurns {
  std::size_t slots = 0;
  std::size_t taken = 0;
  std::size_t waiting = 0;
};

/// Thread safe. Handlers are called exactly once, on any thread, possibly inside the call. Keys are checked
/// here.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  /// Throws ConfigError.
  static std::shared_ptr<Engine> make(CacheOptions options, std::shared_ptr<Values> values,
                                      std::vector<std::shared_ptr<Tier>> tiers);
  virtual ~Engine() = default;

  /// Answers keys that memory did not have; with a loader, loads what no level has.
  virtual void read(std::vector<std::string> keys, std::shared_ptr<Loader> loader, const ReadOptions& options,
                    Handler<std::vector<Answer>> done) = 0;
  virtual void write(std::vector<Write> writes, const WriteOptions& options,
                     Handler<std::vector<Result<void>>> done) = 0;
  /// Loads a fresh key anew in the background, unless somebody does already.
  virtual void refresh(std::string key, std::shared_ptr<Loader> loader, const ReadOptions& options) = 0;
  /// True: some level had the key.
  virtual void erase(std::vector<std::string> keys, const WriteOptions& options,
                     Handler<std::vector<Result<bool>>> done) = 0;
  virtual void clear(const WriteOptions& options, Handler<Result<void>> done) = 0;
  /// How many keys the level that had most of them lost; for a tag 1 or 0.
  virtual void invalidate(Selection what, const InvalidateOptions& options,
                          Handler<Result<std::uint64_t>> done) = 0;
  virtual void define_group(std::string name, std::vector<std::string> keys) = 0;
  virtual void flush(const WriteOptions& options, Handler<Result<void>> done) = 0;
  virtual void explain(std::string key, Handler<Result<Explanation>> done) = 0;
  [[nodiscard]] virtual CacheStats stats() const = 0;
  /// Ends what is under way with Errc::shutdown, and everything after it.
  virtual void close() = 0;

  /// The name of a level for Lookup::level; lives as long as the engine.
  [[nodiscard]] virtual std::string_view level_name(std::size_t level) const noexcept = 0;
  [[nodiscard]] virtual Scheduler& scheduler() const noexcept = 0;
  [[nodiscard]] virtual LoadTurns load_turns() const = 0;
  /// CacheOptions::name.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
};

}  // namespace terrace::cascade
