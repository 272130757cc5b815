#include <terrace/warmer.hpp>

#include "upkeep/warm_run.hpp"

namespace terrace::upkeep {

void check(const WarmerOptions& options) {
  const auto within = [](bool fine, const char* what) {
    if (!fine) throw ConfigError(std::string("warmer: ") + what);
  };
  within(options.concurrency > 0, "concurrency is 0: no key would ever be warmed");
  within(options.attempts > 0, "attempts is 0: no key would ever be warmed");
  within(options.backoff > Duration::zero(), "backoff is not above 0; 100 ms for instance");
  within(options.task_timeout > Duration::zero(), "task_timeout is not above 0; 30 s for instance");
  within(options.progress_interval >= Duration::zero(), "progress_interval is negative");
}

void check(const WarmOptions& options) {
  if (options.ttl && *options.ttl <= Duration::zero()) {
    throw ConfigError("warmer: ttl is not above 0; leave it out for the cache's own");
  }
}

void start_warming(CacheHandle cache, std::vector<WarmTask> tasks, WarmerOptions options,
                   std::stop_token stop, Handler<WarmReport> done) {
  check(options);
  std::make_shared<WarmRun>(std::move(cache), std::move(tasks), std::move(options), std::move(stop),
                            std::move(done))
      ->start();
}

WarmReport warm(const CacheHandle& cache, std::vector<WarmTask> tasks, WarmerOptions options,
                std::stop_token stop) {
  if (cache.scheduler().on_io_thread()) {
    WarmReport refused;
    refused.total = refused.failed = tasks.size();
    const Error why(Errc::would_deadlock, "a blocking call on the I/O thread; use Warmer::start there");
    for (auto& task : tasks) refused.failures.push_back({std::move(task.key), 0, why});
    return refused;
  }
  struct State {
    Latch latch;
    WarmReport report;
  };
  const auto state = std::make_shared<State>();
  start_warming(cache, std::move(tasks), std::move(options), std::move(stop), [state](WarmReport report) {
    state->report = std::move(report);
    state->latch.open();
  });
  cache.scheduler().wait(state->latch, no_deadline);
  return std::move(state->report);
}

}  // namespace terrace::upkeep
