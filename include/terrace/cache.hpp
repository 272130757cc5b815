#pragma once
/// Cache<V>: start here. One object answers a key from memory, else from its tiers (Redis, SQLite, your own),
/// else from the program's loader, and fills the levels on the way back.
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
/// Every object is thread safe. Blocking calls wait for the same operations as the asynchronous ones
/// (async.hpp); made on the runtime's I/O thread they return Errc::would_deadlock. A tier that is down lowers
/// the hit rate, and is never a reason for a wrong answer or an exception.
///
/// V: copyable and encodable (codec.hpp).

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/cache_options.hpp>
#include <terrace/cache_stats.hpp>
#include <terrace/detail/cascade/loaders.hpp>
#include <terrace/detail/cascade/typed_memory.hpp>
#include <terrace/lookup.hpp>
#include <terrace/runtime.hpp>
#include <terrace/tier.hpp>
#include <utility>
#include <vector>

namespace terrace {

template <class V>
class Cache {
 public:
  using value_type = V;

  /// The tiers are asked in the given order. Throws ConfigError for options that make no sense.
  explicit Cache(CacheOptions options = {}, std::vector<std::shared_ptr<Tier>> tiers = {})
      : memory_(make_memory(options)),
        engine_(cascade::Engine::make(std::move(options), memory_, std::move(tiers))) {}

  /// Closes the cache. The tiers stay open, for others may use them.
  ~Cache() {
    if (engine_) engine_->close();
  }
  Cache(Cache&&) noexcept = default;
  Cache& operator=(Cache&&) = delete;

  // --- reading ---

  /// The value, from memory or the tiers. Nothing: no level has it, it is known not to exist, or nobody could
  /// be asked; lookup() tells which.
  std::optional<V> get(std::string_view key) {
    std::optional<V> value;
    if (memory_->visit(key, [&](const cascade::Slot<V>& slot, cascade::Use) { value = slot.value; }))
      return value;
    return lookup_below(key, nullptr, {}).value;
  }

  /// Calls `visitor(const V&)` on the value without copying it, if memory has it; true when called. Asks no
  /// tier. The visitor must be short and must not call this cache.
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

  /// The value with where it was found and how long it lasts, or why there is none.
  Lookup<V> lookup(std::string_view key, const ReadOptions& options = {}) {
    if (auto found = in_memory(key)) return std::move(*found);
    return lookup_below(key, nullptr, options);
  }

  /// The value from the levels, else from the loader. However many callers miss a key at once, one loader
  /// runs.
  ///
  /// The loader takes nothing, the key (std::string_view), or the key and a const LoadContext<V>& (a stop
  /// token, the former value), and returns V, std::optional<V> (nothing: there is no such key), Result<V>, or
  /// Load<V> (with a TTL and tags of its own, or "unchanged"). It runs on a worker thread, may block, may
  /// throw and may call any cache, this one too, to any depth: a load that a loader waits for takes no turn
  /// of max_concurrent_loads and no worker that others hold. But a load that waits for itself ends only at
  /// load_timeout, and threads that a loader starts are callers like others. It never
  /// starts after this call has returned, but may still run if the call ended early (`timeout`, soft and hard
  /// load_timeout, close): with those in mind, what it refers to should outlive it. (With eager_refresh a
  /// copy of it may start later.)
  ///
  /// Among all processes over one Redis too one loader runs: the others wait for its fill. If it fails, or
  /// takes longer than soft_load_timeout, a stale value within its grace is the answer where there is one.
  ///
  /// Errors: not_found (the loader said so, now or within negative_ttl), loader_failed (it threw; the context
  /// has its text, and the cause is the exception, for everybody who waited in this process), timed_out,
  /// invalid_key, shutdown, overloaded (the system gives no thread for the loader), or the loader's own.
  template <class LoaderFn>
  Result<V> get_or_load(std::string_view key, LoaderFn&& loader, const ReadOptions& options = {}) {
    return cascade::to_result(lookup_or_load(key, std::forward<LoaderFn>(loader), options), key);
  }

  /// As get_or_load, and tells which level answered.
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

  /// As lookup, for many keys with few round trips: one operation for each tier. In the order of the keys.
  std::vector<Lookup<V>> lookup_many(const std::vector<std::string>& keys, const ReadOptions& options = {}) {
    return lookup_many_below(keys, nullptr, options);
  }

  /// As get, likewise.
  std::vector<std::optional<V>> get_many(const std::vector<std::string>& keys) {
    std::vector<std::optional<V>> values;
    for (auto& found : lookup_many(keys)) values.push_back(std::move(found.value));
    return values;
  }

  /// As get_or_load, likewise: what no level has is loaded by one call of
  /// `loader(const std::vector<std::string>& missing)`, which returns a std::vector<std::optional<V>> in the
  /// order of the missing keys or a map from key to V (keys it lacks do not exist). If it throws, every key
  /// it was to load has that error; keys another caller is loading already are waited for instead.
  template <class BulkLoaderFn>
  std::vector<Result<V>> get_or_load_many(const std::vector<std::string>& keys, BulkLoaderFn&& loader,
                                          const ReadOptions& options = {}) {
    return cascade::to_results(
        lookup_many_below(keys, cascade::make_bulk_loader<V>(std::forward<BulkLoaderFn>(loader)), options),
        keys);
  }

  // --- writing ---

  /// Stores the value in every level (WriteMode::through) or removes the key from them (around). When it has
  /// returned, every read of this process finds it, or nothing older. Errors: invalid_key, invalid_argument
  /// (ttl), unencodable, value_too_large (nothing has changed then), partial_write (it names the tiers that
  /// did not take it, which may hold the old value until it expires there), timed_out (unknown what the tiers
  /// have done), shutdown. With tags also why their tokens could not be looked up (unavailable, …): then
  /// nothing is stored and the old value erased; with WriteMode::back nothing has changed.
  Result<void> set(std::string_view key, V value, const WriteOptions& options = {}) {
    std::vector<cascade::Write> writes;
    writes.push_back({std::string(key), std::make_shared<const V>(std::move(value))});
    return one(set_below(std::move(writes), options));
  }

  /// As set, for many keys with few round trips; in the order of the entries.
  std::vector<Result<void>> set_many(std::vector<std::pair<std::string, V>> entries,
                                     const WriteOptions& options = {}) {
    std::vector<cascade::Write> writes;
    for (auto& [key, value] : entries) {
      writes.push_back({std::move(key), std::make_shared<const V>(std::move(value))});
    }
    return set_below(std::move(writes), options);
  }

  /// Removes the key from every level; true when one had it. Reads in flight put nothing back. Errors as set.
  Result<bool> erase(std::string_view key, const WriteOptions& options = {}) {
    return one(erase_many({std::string(key)}, options));
  }

  std::vector<Result<bool>> erase_many(std::vector<std::string> keys, const WriteOptions& options = {}) {
    const std::size_t count = keys.size();
    return block<std::vector<Result<bool>>>(
        [&](auto done) { engine_->erase(std::move(keys), options, std::move(done)); },
        [&](const Error& error) { return std::vector<Result<bool>>(count, error); });
  }

  /// Removes everything in this cache's namespace from every level. Takes as long as the tiers need, unless
  /// options.timeout says otherwise.
  Result<void> clear(const WriteOptions& options = {}) {
    return block<Result<void>>([&](auto done) { engine_->clear(options, std::move(done)); },
                               [](const Error& error) { return Result<void>(error); });
  }

  // --- invalidation ---

  /// Invalidates keys, hard (gone, as erase_many) or soft (stale, but usable within their grace while
  /// refreshing fails). How many there were, in the level that had most of them. Errors as erase.
  Result<std::uint64_t> invalidate(std::vector<std::string> keys, const InvalidateOptions& options = {}) {
    return invalidate_selected({.keys = std::move(keys)}, options);
  }

  /// Names a group of keys of this cache object; the same name again replaces it.
  void define_group(std::string name, std::vector<std::string> keys) {
    engine_->define_group(std::move(name), std::move(keys));
  }
  /// As invalidate, for the keys of a group. invalid_argument: no such group was defined.
  Result<std::uint64_t> invalidate_group(std::string name, const InvalidateOptions& options = {}) {
    return invalidate_selected({cascade::Selection::Kind::group, {}, std::move(name)}, options);
  }

  /// Removes every key that begins with the prefix, in memory and in the tiers. Hard only. Takes as long as
  /// the tiers need, unless options.timeout says otherwise.
  Result<std::uint64_t> invalidate_prefix(std::string prefix, const InvalidateOptions& options = {}) {
    return invalidate_selected({cascade::Selection::Kind::prefix, {}, std::move(prefix)}, options);
  }
  /// The same for every key that matches a pattern such as "user:[0-9]*" (glob.hpp).
  Result<std::uint64_t> invalidate_glob(std::string pattern, const InvalidateOptions& options = {}) {
    return invalidate_selected({cascade::Selection::Kind::glob, {}, std::move(pattern)}, options);
  }

  /// Invalidates everything that was stored with the tag, by one small operation however much that is: its
  /// entries are found void when read. 1 when the tag was known, else 0.
  Result<std::uint64_t> invalidate_tag(std::string tag, const InvalidateOptions& options = {}) {
    return invalidate_selected({cascade::Selection::Kind::tag, {}, std::move(tag)}, options);
  }

  /// Waits until what reads have begun to put into tiers has arrived there, or failed. Reads do not wait for
  /// that: a program that ends right after them may lose it. Takes tier_timeout at most.
  Result<void> flush(const WriteOptions& options = {}) {
    return block<Result<void>>([&](auto done) { engine_->flush(options, std::move(done)); },
                               [](const Error& error) { return Result<void>(error); });
  }

  // --- watching ---

  /// What each level has under the key. Asks every tier and changes nothing. Error: invalid_key, shutdown.
  Result<Explanation> explain(std::string_view key) {
    return block<Result<Explanation>>([&](auto done) { engine_->explain(std::string(key), std::move(done)); },
                                      [](const Error& error) { return Result<Explanation>(error); });
  }

  [[nodiscard]] CacheStats stats() const { return engine_->stats(); }

  /// How many reads memory would have answered with a quarter, half, twice and four times max_entries, about
  /// (MemoryCache::advise()). Nothing without CacheOptions::advisor.
  [[nodiscard]] std::optional<Advice> advise() const noexcept { return memory_->advise(); }

  /// Evicts a share of what memory holds, 0 … 1, least wanted first; how many entries. It grows again. For
  /// times when the machine's memory is short (memory_pressure.hpp). No other level is touched.
  std::size_t shrink_memory(double share) noexcept { return memory_->shrink(share); }

  /// Ends calls under way with Errc::shutdown, and all later ones. Idempotent. A loader that runs is not
  /// waited for.
  void close() { engine_->close(); }

  // --- for async.hpp ---

  /// What memory has; counts as an access. `refresh`: it should be loaded anew (eager_refresh).
  std::optional<Lookup<V>> in_memory(std::string_view key, bool* refresh = nullptr) {
    std::optional<Lookup<V>> found;
    memory_->visit(key, [&](const cascade::Slot<V>& slot, cascade::Use use) {
      found = cascade::to_lookup(slot, use, memory_->now());
      if (refresh != nullptr) *refresh = memory_->refresh_due(slot);
    });
    return found;
  }

  /// Looks in memory, then starts the walk for what is missing there; `done(std::vector<Lookup<V>>)` is
  /// called once.
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

  [[nodiscard]] cascade::Engine& engine() const noexcept { return *engine_; }

  // --- for cache_handle.hpp ---

  [[nodiscard]] std::shared_ptr<cascade::Engine> shared_engine() const noexcept { return engine_; }
  [[nodiscard]] std::shared_ptr<const cascade::Values> values() const noexcept { return memory_; }

  /// The typed form of an answer from below memory.
  [[nodiscard]] Lookup<V> typed(cascade::Answer&& answer) const {
    return cascade::to_lookup<V>(std::move(answer), *engine_);
  }

 private:
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

  /// Starts an operation and waits for its handler to be called.
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

  Result<std::uint64_t> invalidate_selected(cascade::Selection what, const InvalidateOptions& options) {
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
