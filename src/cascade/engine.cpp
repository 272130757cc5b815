/// Engine: the calls of a cache, each handed to its part; construction and close().

#include <terrace/detail/cascade/engine.hpp>

#include "cascade/atomic.hpp"
#include "cascade/core.hpp"
#include "cascade/explain.hpp"
#include "cascade/reading.hpp"
#include "cascade/stats.hpp"
#include "cascade/watch.hpp"
#include "cascade/write_back_tiers.hpp"
#include "cascade/writing.hpp"

namespace terrace::cascade {
namespace {

// Here and in CacheOptions::check() the former name is read, and nowhere else.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void take_former_name(CacheOptions& options) {
  if (options.keys) options.key_ring = std::exchange(options.keys, nullptr);
}
#pragma GCC diagnostic pop

/// How long close() lets the journal flush. The next process flushes the rest.
constexpr Duration drain_limit = std::chrono::seconds(2);

class EngineOverCore final : public Engine {
 public:
  explicit EngineOverCore(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  /// In the child of a fork the core is left as it is: threads of the parent may have been changing it.
  ~EngineOverCore() override { keep_if_away(HomeProcess(core_->home), core_); }

  void read(std::vector<std::string> keys, std::shared_ptr<Loader> loader, const ReadOptions& options,
            Handler<std::vector<Answer>> done) override {
    start_read(core_, std::move(keys), std::move(loader), options, false, std::move(done));
  }
  void refresh(std::string key, std::shared_ptr<Loader> loader, const ReadOptions& options) override {
    if (!core_->home.here() || core_->flights.in_flight(key) || core_->refresh_pauses.of(key)) return;
    core_->counters.add(&CacheStats::refreshes);
    start_read(core_, {std::move(key)}, std::move(loader), options, true, [](const std::vector<Answer>&) {});
  }

  void write(std::vector<Write> writes, const WriteOptions& options,
             Handler<std::vector<Result<void>>> done) override {
    if (writes.empty()) return done({});
    start_write(core_, std::move(writes), options, std::move(done));
  }
  void erase(std::vector<std::string> keys, const WriteOptions& options,
             Handler<std::vector<Result<bool>>> done) override {
    if (keys.empty()) return done({});
    start_erase(core_, std::move(keys), options.timeout, std::move(done));
  }
  void current(std::string key, std::optional<Duration> timeout, bool may_guess,
               Handler<Result<Current>> done) override {
    start_current(core_, std::move(key), timeout, may_guess, std::move(done));
  }
  void compare_and_set(AtomicChange change, std::optional<Duration> timeout,
                       Handler<Result<bool>> done) override {
    start_compare_and_set(core_, std::move(change), timeout, std::move(done));
  }
  void invalidate(Invalidation what, const InvalidateOptions& options,
                  Handler<Result<std::uint64_t>> done) override {
    start_invalidate(core_, std::move(what), options, std::move(done));
  }
  void define_group(std::string name, std::vector<std::string> keys) override {
    if (core_->home.here()) core_->groups.define(std::move(name), std::move(keys));
  }
  void clear(const WriteOptions& options, Handler<Result<void>> done) override {
    start_clear(core_, options, std::move(done));
  }
  void flush(const WriteOptions& options, Handler<Result<void>> done) override {
    const auto call = core_->begin_call<Result<void>>(
        1, options.timeout,
        [done = std::move(done)](std::vector<Result<void>> one) mutable { done(std::move(one.front())); });
    if (!call->open()) return;
    core_->fills->when_all_ended([call, core = core_] {
      if (core->write_back == nullptr) return call->set_outcome(0, {});
      core->write_back->flush([call](Result<void> flushed) { call->set_outcome(0, std::move(flushed)); });
    });
  }
  void explain(std::string key, Handler<Result<Explanation>> done) override {
    start_explain(core_, std::move(key), std::move(done));
  }
  [[nodiscard]] CacheStats stats() const override {
    if (!core_->home.here()) return {.levels = {{.name = "memory"}}, .closed = true};
    return collect_stats(*core_);
  }

  void close() override {
    if (!core_->home.here() || core_->closed.exchange(true)) return;
    core_->watches.clear();
    core_->closing.request_stop();
    if (core_->write_back)
      core_->write_back->close(core_->scheduler->on_io_thread() ? Duration::zero() : drain_limit);
    if (core_->journal_owner && core_->write_back->stats().pending == 0) leave_namespace();
    core_->invalidate_all();
    core_->calls->end_all(Error(Errc::shutdown, "cache " + core_->options.name + " is closed"));
    core_->lease_waiters.wake_all();
  }

  [[nodiscard]] std::string_view level_name(std::size_t level) const noexcept override {
    return core_->level_names[level];
  }
  [[nodiscard]] Scheduler& scheduler() const noexcept override { return *core_->scheduler; }
  [[nodiscard]] LoadTurns load_turns() const override { return core_->load_slots.turns(); }
  [[nodiscard]] std::string_view name() const noexcept override { return core_->options.name; }

 private:
  /// Waits: if the process ended now, the name would stay, and the next journal would be refused.
  void leave_namespace() {
    const auto left = std::make_shared<Latch>();
    core_->journal_owner->release([left](const Result<bool>&) { left->open(); });
    if (core_->scheduler->on_io_thread()) return;
    core_->scheduler->wait(*left, after(core_->now(), drain_limit));
  }

  std::shared_ptr<Core> core_;
};

/// Throws ConfigError.
void check_levels(const Core& core) {
  if (const auto fault = fault_of(core.level_traits(), core.options))
    throw ConfigError("cache \"" + core.options.name + "\": " + fault->what);
}

}  // namespace

std::shared_ptr<Engine> Engine::make(CacheOptions options, std::shared_ptr<Values> values,
                                     std::vector<std::shared_ptr<Tier>> tiers) {
  options.check();
  if (options.scheduler == nullptr) throw ConfigError("cache \"" + options.name + "\": no scheduler");
  take_former_name(options);
  auto core = std::make_shared<Core>(std::move(options), std::move(values), std::move(tiers));
  check_levels(*core);
  if (core->options.write_mode == WriteMode::back) start_write_back(core);
  start_watches(core);
  return std::make_shared<EngineOverCore>(std::move(core));
}

}  // namespace terrace::cascade
