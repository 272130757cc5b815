#pragma once
/// Warmer<V>: fills a cache before its users ask, so that they do not meet it empty after a start or a move.
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

/// How far a run is. The sum of all but `total` and `elapsed` grows to `total`.
struct WarmProgress {
  std::uint64_t total = 0;
  std::uint64_t warmed = 0;   ///< loaded
  std::uint64_t present = 0;  ///< memory or a tier had them: they are in the levels above now
  std::uint64_t absent = 0;   ///< known not to exist; or in no level, for keys without a loader
  std::uint64_t failed = 0;   ///< every attempt failed
  std::uint64_t skipped = 0;  ///< not begun when the run was stopped
  Duration elapsed{};

  [[nodiscard]] std::uint64_t ended() const noexcept { return warmed + present + absent + failed + skipped; }
};

struct WarmFailure {
  std::string key;
  unsigned attempts = 0;
  Error error;  ///< of the last attempt
};

struct WarmReport : WarmProgress {
  std::vector<WarmFailure> failures;  ///< the first WarmerOptions::max_failures of them
};

struct WarmerOptions {
  /// Keys under way at once, at most. Loads that users wait for go first: the warmer leaves a loader slot
  /// (CacheOptions::max_concurrent_loads) free, gives up one for each such load, and begins nothing but its
  /// last one while some wait for their turn.
  std::size_t concurrency = 64;
  /// Of a key whose load fails, at most; at least 1.
  unsigned attempts = 3;
  /// Between two attempts anything up to this, doubled with every attempt, up to 10 s (full jitter).
  Duration backoff = std::chrono::milliseconds(100);
  /// For a key, all attempts together.
  Duration task_timeout = std::chrono::seconds(30);
  /// Failures that the report tells of one by one; the others are counted.
  std::size_t max_failures = 1000;
  /// Called from the threads that do the work, never two at once, at most every `progress_interval`, and when
  /// all is done. Must be short. One that throws is not called again.
  std::function<void(const WarmProgress&)> progress = {};
  Duration progress_interval = std::chrono::milliseconds(100);
};

/// What is kept with a value that is loaded.
struct WarmOptions {
  std::optional<Duration> ttl = {};  ///< more than zero; none: the loader's or the cache's
  std::vector<std::string> tags = {};
};

namespace upkeep {

struct WarmTask {
  std::string key;
  std::shared_ptr<cascade::Loader> loader;  ///< null: the levels only
  std::shared_ptr<const WarmOptions> options;
};

/// Throws ConfigError for options that make no sense.
void check(const WarmerOptions& options);
void check(const WarmOptions& options);

/// Warms the keys; `done` is called once, when what was loaded has arrived in the tiers.
void start_warming(CacheHandle cache, std::vector<WarmTask> tasks, WarmerOptions options,
                   std::stop_token stop, Handler<WarmReport> done);

/// The same, and waits. On the I/O thread: every key is reported as failed, with Errc::would_deadlock.
WarmReport warm(const CacheHandle& cache, std::vector<WarmTask> tasks, WarmerOptions options,
                std::stop_token stop);

}  // namespace upkeep

/// Not thread safe; runs are, each with the tasks there were when it began. What is in memory or in a tier is
/// not loaded again: invalidate it first where that is wanted. Loads go the way of Cache::get_or_load: one
/// for a key among all processes, void when the key is invalidated meanwhile.
template <class V>
class Warmer {
 public:
  /// The cache must outlive the warmer. Throws ConfigError for options that make no sense.
  explicit Warmer(Cache<V>& cache, WarmerOptions options = {}) : cache_(cache), options_(std::move(options)) {
    upkeep::check(options_);
  }

  /// Adds a key. The loader is one that Cache::get_or_load would take. Throws ConfigError.
  template <class LoaderFn>
  void add(std::string key, LoaderFn&& loader, WarmOptions options = {}) {
    add_keys({std::move(key)}, std::forward<LoaderFn>(loader), std::move(options));
  }

  /// Adds keys with one loader, which must take the key and be safe to call from several threads.
  template <class LoaderFn>
  void add_keys(std::vector<std::string> keys, LoaderFn&& loader, WarmOptions options = {}) {
    add_tasks(std::move(keys), cascade::make_loader<V>(std::forward<LoaderFn>(loader)), std::move(options));
  }

  /// Adds keys to be brought up from the lower tiers into those above, without a loader.
  void add_keys(std::vector<std::string> keys) { add_tasks(std::move(keys), nullptr, {}); }

  [[nodiscard]] std::size_t size() const noexcept { return tasks_.size(); }

  /// Warms all keys and waits for it. When asked to stop it begins no more, and waits for what is under way.
  [[nodiscard]] WarmReport run(std::stop_token stop = {}) const {
    return upkeep::warm(cache_, tasks_, options_, std::move(stop));
  }

  /// As run, without waiting; `done` is called on any thread.
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
