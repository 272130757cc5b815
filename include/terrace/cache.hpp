#pragma once
/// Cache<V>: start here. One object answers a key from memory, otherwise from its tiers (Redis, SQLite, your
/// own), otherwise from the program's loader. It fills the levels above with the value it found.
///
///     struct User { std::int64_t id; std::string name; };
///
/// A cache of such values, over Redis and a file:
///
///     terrace::Cache<User> users({.name = "users", .ttl = 10min},
///                                {terrace::make_redis_tier({.url = "redis://localhost"}),
///                                 terrace::make_sqlite_tier({.path = "users.db"})});
///
///     terrace::Result<User> user = users.get_or_load("42", [] { return load_user_from_database(42); });
///
/// Every object is thread safe. A blocking call waits for the same operation as its asynchronous form
/// (async.hpp). On the runtime's I/O thread it does not wait and returns Errc::would_deadlock. A tier that is
/// down lowers the hit rate; it never causes a wrong answer or an exception.
///
/// V must be copyable and encodable (codec.hpp).

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/atomic.hpp>
#include <terrace/cache_options.hpp>
#include <terrace/cache_stats.hpp>
#include <terrace/detail/cache_access.hpp>
#include <terrace/detail/cascade/loaders.hpp>
#include <terrace/detail/cascade/typed_memory.hpp>
#include <terrace/lookup.hpp>
#include <terrace/runtime.hpp>
#include <terrace/tier.hpp>
#include <utility>
#include <vector>

namespace terrace {

/// The base has the atomic operations: add, increment, compare_and_set, … (atomic.hpp).
template <class V>
class Cache : public AtomicOperations<V, Cache<V>> {
 public:
  using value_type = V;

  /// Asks the tiers in the given order. Throws ConfigError for options that make no sense.
  explicit Cache(CacheOptions options = {}, std::vector<std::shared_ptr<Tier>> tiers = {})
      : memory_(make_memory(options)),
        engine_(cascade::Engine::make(std::move(options), memory_, std::move(tiers))) {}

  /// Closes the cache. The tiers stay open, because other caches may use them.
  ~Cache() {
    if (engine_) engine_->close();
  }
  Cache(Cache&&) noexcept = default;
  Cache& operator=(Cache&&) = delete;

  // --- reading ---

  /// Returns the value, from memory or the tiers. Returns nothing if no level has the key, if it is known not
  /// to exist, or if no level could be asked; lookup() says which.
  std::optional<V> get(std::string_view key) {
    std::optional<V> value;
    if (memory_->visit(key, [&](const cascade::Slot<V>& slot, cascade::Use) { value = slot.value; }))
      return value;
    return lookup_below(key, nullptr, {}).value;
  }

  /// Calls `visitor(const V&)` on the value, without copying it, if memory has it. Returns true if it was
  /// called. Asks no tier. The visitor must be short and must not call this cache.
  template <class Visitor>
  bool visit_memory(std::string_view key, Visitor&& visitor) {
    bool called = false;
    memory_->visit(key, [&](const cascade::Slot<V>& slot, cascade::Use) {
      if (!slot.value) return;
      visitor(*slot.value);
      called = true;
    });
    return called;
  }

  /// Returns the value, where it was found and how long it lasts; or the reason why there is no value.
  Lookup<V> lookup(std::string_view key, const ReadOptions& options = {}) {
    if (auto found = in_memory(key)) return std::move(*found);
    return lookup_below(key, nullptr, options);
  }

  /// Returns the value from the levels, otherwise from the loader. One loader runs for a key, even if many
  /// callers miss it at the same time.
  ///
  /// The loader takes nothing, the key (std::string_view), or the key and a const LoadContext<V>& (a stop
  /// token and the former value). It returns V, std::optional<V> (nothing: the key does not exist),
  /// Result<V>, or Load<V> (with its own TTL and tags, or "unchanged"). It runs on a worker thread, may
  /// block, and may throw.
  ///
  /// The loader may call any cache, this one too, to any depth. A nested load takes no turn of
  /// max_concurrent_loads and no worker that other loads hold. Loads that wait for each other in a circle end
  /// at once with loader_failed; through another process they end at load_timeout. Threads that a loader
  /// starts are ordinary callers.
  ///
  /// The loader never starts after this call has returned. It may still be running then, if the call ended
  /// early (`timeout`, soft and hard load_timeout, close): objects that the loader refers to should live
  /// longer than it. With eager_refresh a copy of the loader may start later.
  ///
  /// One loader runs among all processes that share one Redis, too: the other processes wait for its fill. If
  /// the load fails, or takes longer than soft_load_timeout, callers get the stale value, if there is one
  /// within its grace.
  ///
  /// Errors: not_found (the loader said so, now or within negative_ttl); loader_failed (the loader threw: the
  /// context has its text, and the cause is the exception, for every caller that waited in this process);
  /// timed_out; invalid_key; shutdown; overloaded (the system has no thread for the loader); or the loader's
  /// own error.
  template <class LoaderFn>
  Result<V> get_or_load(std::string_view key, LoaderFn&& loader, const ReadOptions& options = {}) {
    return cascade::to_result(lookup_or_load(key, std::forward<LoaderFn>(loader), options), key);
  }

  /// Like get_or_load, and also reports which level answered.
  template <class LoaderFn>
  Lookup<V> lookup_or_load(std::string_view key, LoaderFn&& loader, const ReadOptions& options = {}) {
    bool refresh = false;
    auto found = in_memory(key, &refresh);
    if (found && !refresh) return std::move(*found);
    auto source = cascade::make_loader<V>(std::forward<LoaderFn>(loader));
    if (!found) return lookup_below(key, std::move(source), options);
    engine_->refresh(std::string(key), std::move(source), options);
    return std::move(*found);
  }

  /// Like lookup, for many keys with few round trips: one operation for each tier. Answers in the order of
  /// the keys.
  std::vector<Lookup<V>> lookup_many(const std::vector<std::string>& keys, const ReadOptions& options = {}) {
    return lookup_many_below(keys, nullptr, options);
  }

  /// Like get, for many keys.
  std::vector<std::optional<V>> get_many(const std::vector<std::string>& keys) {
    std::vector<std::optional<V>> values;
    for (auto& found : lookup_many(keys)) values.push_back(std::move(found.value));
    return values;
  }

  /// Like get_or_load, for many keys. One call of `loader(const std::vector<std::string>& missing)` loads all
  /// keys that no level has (over tiers: of each 2,000 keys, one call after the other). It returns a
  /// std::vector<std::optional<V>> in the order of the missing keys, or a map from key to V (a key that is
  /// not in the map does not exist). If it throws, every key that it was asked to load has that error. A key
  /// that another caller is already loading is not loaded again: this call waits for that load.
  template <class BulkLoaderFn>
  std::vector<Result<V>> get_or_load_many(const std::vector<std::string>& keys, BulkLoaderFn&& loader,
                                          const ReadOptions& options = {}) {
    return cascade::to_results(
        lookup_many_below(keys, cascade::make_bulk_loader<V>(std::forward<BulkLoaderFn>(loader)), options),
        keys);
  }

  // --- writing ---

  /// Stores the value in every level (WriteMode::through) or removes the key from every level (around). After
  /// it has returned, no read of this process finds an older value. Errors:
  ///  - invalid_key, invalid_argument (ttl), unencodable, value_too_large: nothing has changed.
  ///  - partial_write: the write failed in the tiers that the message names. The key is
  ///    erased there as soon as that works; if this process ends before, the old value stays until it expires.
  ///  - timed_out: it is unknown what the tiers have done.
  ///  - shutdown: the cache is closed.
  ///  - With tags, also the reason why their tokens could not be read (unavailable, …). Then nothing is
  ///    stored and the old value is erased; with WriteMode::back nothing has changed.
  Result<void> set(std::string_view key, V value, const WriteOptions& options = {}) {
    std::vector<cascade::Write> writes;
    writes.push_back({std::string(key), std::make_shared<const V>(std::move(value))});
    return one(set_below(std::move(writes), options));
  }

  /// Like set, for many keys with few round trips. Answers in the order of the entries.
  std::vector<Result<void>> set_many(std::vector<std::pair<std::string, V>> entries,
                                     const WriteOptions& options = {}) {
    std::vector<cascade::Write> writes;
    for (auto& [key, value] : entries) {
      writes.push_back({std::move(key), std::make_shared<const V>(std::move(value))});
    }
    return set_below(std::move(writes), options);
  }

  /// Removes the key from every level; true if a level had it. Reads in flight do not put it back. Errors as
  /// for set.
  Result<bool> erase(std::string_view key, const WriteOptions& options = {}) {
    return one(erase_many({std::string(key)}, options));
  }

  std::vector<Result<bool>> erase_many(std::vector<std::string> keys, const WriteOptions& options = {}) {
    const std::size_t count = keys.size();
    return block<std::vector<Result<bool>>>(
        [&](auto done) { engine_->erase(std::move(keys), options, std::move(done)); },
        [&](const Error& error) { return std::vector<Result<bool>>(count, error); });
  }

  /// Removes every key of this cache's namespace from every level. It takes as long as the tiers need, unless
  /// options.timeout sets a limit.
  Result<void> clear(const WriteOptions& options = {}) {
    return block<Result<void>>([&](auto done) { engine_->clear(options, std::move(done)); },
                               [](const Error& error) { return Result<void>(error); });
  }

  // --- invalidation ---

  /// Invalidates keys, hard (removed, like erase_many) or soft (stale, but usable within their grace while a
  /// refresh fails). Returns how many keys there were, in the level that had most of them. Errors as for
  /// erase.
  Result<std::uint64_t> invalidate(std::vector<std::string> keys, const InvalidateOptions& options = {}) {
    return invalidate_selected({.keys = std::move(keys)}, options);
  }

  /// Names a group of keys of this cache object. Defining the same name again replaces the group.
  void define_group(std::string name, std::vector<std::string> keys) {
    engine_->define_group(std::move(name), std::move(keys));
  }
  /// Like invalidate, for the keys of a group. Error invalid_argument if no such group was defined.
  Result<std::uint64_t> invalidate_group(std::string name, const InvalidateOptions& options = {}) {
    return invalidate_selected({Invalidation::Kind::group, {}, std::move(name)}, options);
  }

  /// Removes every key that begins with the prefix, from memory and the tiers. Hard only. It takes as long as
  /// the tiers need, unless options.timeout sets a limit.
  Result<std::uint64_t> invalidate_prefix(std::string prefix, const InvalidateOptions& options = {}) {
    return invalidate_selected({Invalidation::Kind::prefix, {}, std::move(prefix)}, options);
  }
  /// Like invalidate_prefix, for every key that matches a pattern such as "user:[0-9]*" (glob.hpp).
  Result<std::uint64_t> invalidate_glob(std::string pattern, const InvalidateOptions& options = {}) {
    return invalidate_selected({Invalidation::Kind::glob, {}, std::move(pattern)}, options);
  }

  /// Invalidates every value that was stored with the tag, by one small operation, however many values there
  /// are: a read finds that its value is invalid. Returns 1 if the tag was known, otherwise 0.
  Result<std::uint64_t> invalidate_tag(std::string tag, const InvalidateOptions& options = {}) {
    return invalidate_selected({Invalidation::Kind::tag, {}, std::move(tag)}, options);
  }

  /// Waits until the fills that earlier reads began have arrived in the tiers, or have failed. With
  /// WriteMode::back it then waits until the journal is flushed. Reads do not wait for their fills, so a
  /// program that ends right after a read may lose them.
  ///
  /// Fills take two rounds at most, each within tier_timeout: tiers without leases first, then tiers with
  /// leases. A flush of the journal waits as long as its target is down; set options.timeout to limit it.
  /// Errors: timed_out, shutdown; with WriteMode::back also partial_write, if some changes became dead
  /// letters.
  Result<void> flush(const WriteOptions& options = {}) {
    return block<Result<void>>([&](auto done) { engine_->flush(options, std::move(done)); },
                               [](const Error& error) { return Result<void>(error); });
  }

  // --- watching ---

  /// Returns what each level has under the key. Asks every tier and changes nothing. Errors: invalid_key,
  /// shutdown.
  Result<Explanation> explain(std::string_view key) {
    return block<Result<Explanation>>([&](auto done) { engine_->explain(std::string(key), std::move(done)); },
                                      [](const Error& error) { return Result<Explanation>(error); });
  }

  [[nodiscard]] CacheStats stats() const { return engine_->stats(); }

  /// Estimates how many reads memory would have answered with a quarter, half, once, twice and four times
  /// max_entries (MemoryCache::advise()). Returns nothing without CacheOptions::advisor.
  [[nodiscard]] std::optional<Advice> advise() const noexcept { return memory_->advise(); }

  /// Evicts a share of the entries in memory, 0 … 1, the least wanted first; returns how many entries. Memory
  /// can grow again. Use it when the machine is short of memory (memory_pressure.hpp). Touches no other
  /// level.
  std::size_t shrink_memory(double share) noexcept { return memory_->shrink(share); }

  /// Ends calls under way with Errc::shutdown, and all later calls, too. Idempotent. Does not wait for a
  /// loader that is running.
  void close() { engine_->close(); }

 private:
  friend struct detail::CacheAccess;
  friend class AtomicOperations<V, Cache<V>>;
  using Memory = cascade::TypedMemory<V>;

  static std::shared_ptr<Memory> make_memory(CacheOptions& options) {
    options.check();
    if (options.scheduler == nullptr) options.scheduler = Runtime::common();
    return std::make_shared<Memory>(options);
  }

  template <class T>
  static T one(std::vector<T>&& outcomes) {
    return std::move(outcomes.front());
  }

  /// Starts an operation and waits until its handler is called.
  template <class T, class Start, class Refuse>
  T block(Start start, Refuse refuse) const {
    struct State {
      Latch latch;
      std::optional<T> outcome;
    };
    const std::shared_ptr<cascade::Engine> engine = engine_;
    Scheduler& scheduler = engine->scheduler();
    if (scheduler.on_io_thread()) {
      return refuse(
          Error(Errc::would_deadlock, "a blocking call on the I/O thread; use the async form there"));
    }
    const auto state = std::make_shared<State>();
    start([state](T outcome) {
      state->outcome.emplace(std::move(outcome));
      state->latch.open();
    });
    if (!scheduler.wait(state->latch, no_deadline))
      return refuse(Error(Errc::timed_out, "nothing is left to wait for"));
    return std::move(*state->outcome);
  }

  /// The same for an operation whose outcome is one Result<T>.
  template <class T, class Start>
  Result<T> block_one(Start start) const {
    return block<Result<T>>(std::move(start), [](const Error& error) { return Result<T>(error); });
  }

  /// Returns what memory has; counts as an access. `refresh` is set if it should be loaded again
  /// (eager_refresh).
  std::optional<Lookup<V>> in_memory(std::string_view key, bool* refresh = nullptr) {
    std::optional<Lookup<V>> found;
    memory_->visit(key, [&](const cascade::Slot<V>& slot, cascade::Use use) {
      found = cascade::to_lookup(slot, use, memory_->now());
      if (refresh != nullptr) *refresh = memory_->refresh_due(slot);
    });
    return found;
  }

  /// Looks in memory, then starts a lookup in the tiers for the keys that are missing there. Calls
  /// `done(std::vector<Lookup<V>>)` once.
  template <class Done>
  void start_lookup_many(const std::vector<std::string>& keys, std::shared_ptr<cascade::Loader> loader,
                         const ReadOptions& options, Done done) {
    std::vector<Lookup<V>> found(keys.size());
    std::vector<std::string> missing;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (auto hit = in_memory(keys[i])) {
        found[i] = std::move(*hit);
      } else {
        missing.push_back(keys[i]);
        places.push_back(i);
      }
    }
    if (missing.empty()) return done(std::move(found));
    engine_->read(std::move(missing), std::move(loader), options,
                  [engine = engine_, found = std::move(found), places = std::move(places),
                   done = std::move(done)](std::vector<cascade::Answer> answers) mutable {
                    for (std::size_t i = 0; i < places.size(); ++i) {
                      found[places[i]] = cascade::to_lookup<V>(std::move(answers[i]), *engine);
                    }
                    done(std::move(found));
                  });
  }

  /// The typed form of an answer that came from below memory.
  [[nodiscard]] Lookup<V> typed(cascade::Answer&& answer) const {
    return cascade::to_lookup<V>(std::move(answer), *engine_);
  }

  Result<std::uint64_t> invalidate_selected(Invalidation what, const InvalidateOptions& options) {
    return block<Result<std::uint64_t>>(
        [&](auto done) { engine_->invalidate(std::move(what), options, std::move(done)); },
        [](const Error& error) { return Result<std::uint64_t>(error); });
  }

  std::vector<cascade::Answer> answers_below(std::vector<std::string> keys,
                                             std::shared_ptr<cascade::Loader> loader,
                                             const ReadOptions& options) {
    const std::size_t count = keys.size();
    return block<std::vector<cascade::Answer>>(
        [&](auto done) { engine_->read(std::move(keys), std::move(loader), options, std::move(done)); },
        [&](const Error& error) {
          return std::vector<cascade::Answer>(count, {.kind = LookupKind::unavailable, .error = error});
        });
  }

  Lookup<V> lookup_below(std::string_view key, std::shared_ptr<cascade::Loader> loader,
                         const ReadOptions& options) {
    return typed(one(answers_below({std::string(key)}, std::move(loader), options)));
  }

  std::vector<Lookup<V>> lookup_many_below(const std::vector<std::string>& keys,
                                           std::shared_ptr<cascade::Loader> loader,
                                           const ReadOptions& options) {
    return block<std::vector<Lookup<V>>>(
        [&](auto done) { start_lookup_many(keys, std::move(loader), options, std::move(done)); },
        [&](const Error& error) {
          return std::vector<Lookup<V>>(keys.size(),
                                        Lookup<V>{.kind = LookupKind::unavailable, .error = error});
        });
  }

  std::vector<Result<void>> set_below(std::vector<cascade::Write> writes, const WriteOptions& options) {
    const std::size_t count = writes.size();
    return block<std::vector<Result<void>>>(
        [&](auto done) { engine_->write(std::move(writes), options, std::move(done)); },
        [&](const Error& error) { return std::vector<Result<void>>(count, error); });
  }

  std::shared_ptr<Memory> memory_;
  std::shared_ptr<cascade::Engine> engine_;
};

}  // namespace terrace
