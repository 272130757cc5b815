#pragma once
/// Warmer<V>: fills a cache before users need it, so that it is not empty after a start or a move.
///
///     terrace::Warmer<User> warmer(users, {.progress = [](const auto& p) { show(p.ended(), p.total); }});
///     warmer.add("42", [] { return load_user(42); }, {.ttl = 1h, .tags = {"staff"}});
///     warmer.add_keys(terrace::keys_from_file("hot.txt"),
///                     [](std::string_view key) { return load_user(key); });
///     terrace::WarmReport report = warmer.run();

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <terrace/cache_handle.hpp>
#include <terrace/warm_sources.hpp>
#include <utility>
#include <vector>

namespace terrace {

/// The progress of a run. The sum of all fields except `total` and `elapsed` grows to `total`.
struct WarmProgress {
  std::uint64_t total = 0;
  std::uint64_t warmed = 0;   ///< loaded
  std::uint64_t present = 0;  ///< memory or a tier had them; now they are also in the levels above
  std::uint64_t absent = 0;   ///< known not to exist; for keys without a loader: in no level
  std::uint64_t failed = 0;   ///< every attempt failed
  std::uint64_t skipped = 0;  ///< not begun when the run was stopped
  Duration elapsed{};

  [[nodiscard]] std::uint64_t ended() const noexcept { return warmed + present + absent + failed + skipped; }
};

struct WarmFailure {
  std::string key;
  unsigned attempts = 0;
  Error error;  ///< the error of the last attempt
};

struct WarmReport : WarmProgress {
  std::vector<WarmFailure> failures;  ///< the first WarmerOptions::max_failures failures
};

struct WarmerOptions {
  /// The most keys in progress at a time. Loads that users wait for have priority: the warmer leaves one
  /// loader slot (CacheOptions::max_concurrent_loads) free and gives up one of its own for each such load.
  /// While such loads wait for their turn, it begins a load only if it has no other one.
  std::size_t concurrency = 64;
  /// Attempts for a key whose load fails, at most; at least 1.
  unsigned attempts = 3;
  /// Wait between two attempts: random, up to this; the bound doubles with every attempt, up to 10 s (full
  /// jitter).
  Duration backoff = std::chrono::milliseconds(100);
  /// Limit for a key, over all its attempts.
  Duration task_timeout = std::chrono::seconds(30);
  /// How many failures the report lists; further ones are only counted.
  std::size_t max_failures = 1000;
  /// Called from the threads that do the work, never two calls at once, at most every `progress_interval`,
  /// and at the end. It must be short. After it has thrown, it is not called again.
  std::function<void(const WarmProgress&)> progress = {};
  Duration progress_interval = std::chrono::milliseconds(100);
};

/// The options of a loaded value.
struct WarmOptions {
  std::optional<Duration> ttl = {};  ///< more than zero; none: the loader's or the cache's
  std::vector<std::string> tags = {};
};

namespace upkeep {

struct WarmTask {
  std::string key;
  std::shared_ptr<cascade::Loader> loader;  ///< null: only the levels
  std::shared_ptr<const WarmOptions> options;
};

/// Throws ConfigError for options that make no sense.
void check(const WarmerOptions& options);
void check(const WarmOptions& options);

/// Warms the keys. Calls `done` once, when the loaded values have arrived in the tiers.
void start_warming(CacheHandle cache, std::vector<WarmTask> tasks, WarmerOptions options,
                   std::stop_token stop, Handler<WarmReport> done);

/// The same, and waits. On the I/O thread every key is reported as failed, with Errc::would_deadlock.
WarmReport warm(const CacheHandle& cache, std::vector<WarmTask> tasks, WarmerOptions options,
                std::stop_token stop);

}  // namespace upkeep

/// A Warmer is not thread safe; its runs are, and each uses the tasks that existed when it began. A key that
/// is in memory or in a tier is not loaded again: invalidate it first if you want that. Loads follow the
/// rules of Cache::get_or_load: one for a key among all processes, and rejected if the key is invalidated
/// meanwhile.
template <class V>
class Warmer {
 public:
  /// The cache must outlive the warmer. Throws ConfigError for options that make no sense.
  explicit Warmer(Cache<V>& cache, WarmerOptions options = {}) : cache_(cache), options_(std::move(options)) {
    upkeep::check(options_);
  }

  /// Adds a key. The loader has a form that Cache::get_or_load takes. Throws ConfigError for wrong options.
  template <class LoaderFn>
  void add(std::string key, LoaderFn&& loader, WarmOptions options = {}) {
    add_keys({std::move(key)}, std::forward<LoaderFn>(loader), std::move(options));
  }

  /// Adds keys with one loader, which must take the key and be safe to call from several threads.
  template <class LoaderFn>
  void add_keys(std::vector<std::string> keys, LoaderFn&& loader, WarmOptions options = {}) {
    add_tasks(std::move(keys), cascade::make_loader<V>(std::forward<LoaderFn>(loader)), std::move(options));
  }

  /// Adds keys without a loader: they are copied from lower tiers into the levels above.
  void add_keys(std::vector<std::string> keys) { add_tasks(std::move(keys), nullptr, {}); }

  [[nodiscard]] std::size_t size() const noexcept { return tasks_.size(); }

  /// Warms all keys and waits for the end. When asked to stop, it begins no more keys and waits for those
  /// under way.
  [[nodiscard]] WarmReport run(std::stop_token stop = {}) const {
    return upkeep::warm(cache_, tasks_, options_, std::move(stop));
  }

  /// Like run, without waiting. Calls `done` on any thread.
  void start(Handler<WarmReport> done, std::stop_token stop = {}) const {
    upkeep::start_warming(cache_, tasks_, options_, std::move(stop), std::move(done));
  }

 private:
  void add_tasks(std::vector<std::string> keys, std::shared_ptr<cascade::Loader> loader,
                 WarmOptions options) {
    upkeep::check(options);
    const auto shared = std::make_shared<const WarmOptions>(std::move(options));
    for (auto& key : keys) tasks_.push_back({std::move(key), loader, shared});
  }

  CacheHandle cache_;
  WarmerOptions options_;
  std::vector<upkeep::WarmTask> tasks_;
};

}  // namespace terrace
