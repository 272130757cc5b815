#include <algorithm>
#include <terrace/detail/load_mark.hpp>

#include "cascade/core.hpp"

namespace terrace {

void CacheOptions::check() const {
  const std::string who = "cache \"" + name + "\": ";
  const auto allowed = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
    throw ConfigError("cache name " + printable_key(name) + ": use 1 to 64 of A-Z a-z 0-9 _ . -");
  }
  const auto positive = [&](const char* option, const std::optional<Duration>& value, const char* instead) {
    if (value && *value <= Duration::zero()) throw ConfigError(who + option + " is not above 0; " + instead);
  };
  positive("ttl", ttl, "leave it out for values that do not expire");
  positive("negative_ttl", negative_ttl, "leave it out to cache no negative answers");
  positive("memory_ttl", memory_ttl, "leave it out to bound the time in memory only by ttl");
  positive("tier_timeout", tier_timeout, "give the time a tier may take, 250 ms for instance");
  positive("load_timeout", load_timeout, "give the time a loader may take, 30 s for instance");
  positive("soft_load_timeout", soft_load_timeout, "leave it out to let callers wait for the loader");
  positive("lease_time", lease_time, "give the time after which a dead loader is replaced, 3 s for instance");
  positive("retry_after", retry_after, "give the time between attempts to refresh, 1 s for instance");
  const auto within = [&](bool fine, const char* what) {
    if (!fine) throw ConfigError(who + what);
  };
  within(ttl_jitter >= 0 && ttl_jitter <= 0.5, "ttl_jitter must be between 0 and 0.5");
  within(grace >= Duration::zero(), "grace is negative; 0 is none");
  within(grace == Duration::zero() || ttl,
         "grace is set without ttl: values that never go stale need no grace");
  within(eager_refresh >= 0 && eager_refresh < 1, "eager_refresh must be at least 0 (never) and below 1");
  within(max_staleness >= std::chrono::milliseconds(10) && max_staleness <= std::chrono::hours(1),
         "max_staleness must be between 10 ms and 1 h");
  within(lease_time >= std::chrono::milliseconds(10),
         "lease_time is below 10 ms: no loader would keep its lease");
  within(max_concurrent_loads > 0, "max_concurrent_loads is 0: nothing could ever be loaded");
  within(write_mode == WriteMode::back || (write_back.path.empty() && !writer),
         "write_back.path and writer are for write_mode WriteMode::back");
  if (write_mode == WriteMode::back) write_back.check();
  within(!soft_load_timeout || *soft_load_timeout < load_timeout,
         "soft_load_timeout is not below load_timeout");

  if (max_value_bytes == 0) throw ConfigError(who + "max_value_bytes is 0: no value could be stored");
}

namespace cascade {
namespace {

/// What close() gives the journal to empty itself; what is left then is flushed by the next process.
constexpr Duration drain_limit = std::chrono::seconds(2);

class EngineOverCore final : public Engine {
 public:
  explicit EngineOverCore(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  /// What the parent of a fork made stays as it is: threads that are not here may be in the midst of it.
  ~EngineOverCore() override { keep_if_away(HomeProcess(core_->home), core_); }

  void read(std::vector<std::string> keys, std::shared_ptr<Loader> loader, const ReadOptions& options,
            Handler<std::vector<Answer>> done) override {
    read(std::move(keys), std::move(loader), options, false, std::move(done));
  }
  void refresh(std::string key, std::shared_ptr<Loader> loader, const ReadOptions& options) override {
    if (!core_->home.here() || core_->flights.in_flight(key) || core_->cooling.get(key)) return;
    ++core_->counters.refreshes;
    read({std::move(key)}, std::move(loader), options, true, [](const std::vector<Answer>&) {});
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
  void invalidate(Selection what, const InvalidateOptions& options,
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
      if (core->write_back == nullptr) return call->settle(0, {});
      core->write_back->flush([call](Result<void> flushed) { call->settle(0, std::move(flushed)); });
    });
  }
  void explain(std::string key, Handler<Result<Explanation>> done) override {
    start_explain(core_, std::move(key), std::move(done));
  }
  [[nodiscard]] CacheStats stats() const override;

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
  /// Waits: a process that ends now would leave its name behind, and keep the next journal out.
  void leave_namespace() {
    const auto left = std::make_shared<Latch>();
    core_->journal_owner->release([left](const Result<bool>&) { left->open(); });
    if (core_->scheduler->on_io_thread()) return;
    core_->scheduler->wait(*left, after(core_->now(), drain_limit));
  }
  void read(std::vector<std::string> keys, std::shared_ptr<Loader> loader, const ReadOptions& options,
            bool ahead, Handler<std::vector<Answer>> done);

  std::shared_ptr<Core> core_;
  mutable std::atomic<std::uint64_t> memory_hits_{0};  // the most that stats() has told
};

void EngineOverCore::read(std::vector<std::string> keys, std::shared_ptr<Loader> loader,
                          const ReadOptions& options, bool ahead, Handler<std::vector<Answer>> done) {
  if (keys.empty()) return done({});
  const auto call = core_->begin_call<Answer>(keys.size(), options.timeout, std::move(done));
  if (const auto refused = refuse_tags(options.tags)) call->end(*refused);
  if (!call->open()) return;
  const auto tags =
      options.tags.empty() ? nullptr : std::make_shared<const std::vector<std::string>>(options.tags);
  const bool nested = !ahead && LoadMark::here();  // nobody waits for a refresh ahead of time
  std::vector<std::pair<std::string, Waiter>> waiters;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (const auto refused = core_->refuse_key(keys[i])) {
      call->settle(i, failed<Answer>(*refused));
    } else {
      waiters.emplace_back(std::move(keys[i]), Waiter{call, i, loader, tags, nested});
    }
  }
  start_read(core_, std::move(waiters), ahead);
}

LatencyCounts counted(const Histogram& latency) {
  LatencyCounts out;
  latency.count_up_to(LatencyCounts::bounds, out.up_to);
  out.count = latency.count();  // after them, so that it is no less than the last
  out.sum = latency.sum();
  return out;
}

LevelStats level_stats(const Level& level) {
  const TierStats below = level.tier->stats();
  const ErrorCounts errors = level.errors.counts();
  return {.name = level.name,
          .hits = level.hits,
          .stale_hits = level.stale,
          .negative_hits = level.negative,
          .misses = level.misses,
          .errors = errors.total(),
          .errors_by_kind = errors,
          .unreadable = level.unreadable,
          .entries = below.entries,
          .bytes = below.bytes,
          .p50 = level.latency.quantile(0.5),
          .p99 = level.latency.quantile(0.99),
          .p999 = level.latency.quantile(0.999),
          .latency = counted(level.latency),
          .reachable = below.reachable,
          .breaker_open = below.breaker_open};
}

CacheStats EngineOverCore::stats() const {
  if (!core_->home.here()) return {.levels = {{.name = "memory"}}, .closed = true};
  const Counters& c = core_->counters;
  CacheStats out{.levels = {core_->values->stats()}};
  // Memory takes back hits that it may not serve after all, in a counter of its own that is read later: while
  // readers run, the difference may be behind what it was. Who computes rates takes that for a restart.
  LevelStats& memory = out.levels[0];
  for (std::uint64_t told = memory_hits_;;) {
    if (memory.hits <= told) {
      memory.hits = told;
      break;
    }
    if (memory_hits_.compare_exchange_weak(told, memory.hits)) break;
  }
  out.stale_served = c.stale_from_memory;
  out.levels[0].stale_hits += out.stale_served;
  for (const auto& level : core_->levels) {
    out.unrecovered += level->recovery.pending();
    out.levels.push_back(level_stats(*level));
    out.stale_served += out.levels.back().stale_hits;
  }
  out.closed = core_->closed;
  out.loads = c.loads;
  out.load_failures = c.load_failures;
  out.joined = c.joined;
  out.rejected_fills = c.rejected_fills;
  out.refreshes = c.refreshes;
  out.lease_waits = c.lease_waits;
  const auto loading = core_->load_slots.turns();
  out.loads_in_flight = loading.taken;
  out.loads_waiting = loading.waiting;
  out.invalidations_sent = c.invalidations_sent;
  out.invalidations_received = c.invalidations_received;
  const Gate& gate = core_->values->gate();
  if (gate.has_watches()) out.watching = gate.watching(core_->now());
  out.staleness = gate.staleness(core_->now());
  out.max_staleness = core_->options.max_staleness;
  if (core_->write_back) out.write_back = core_->write_back->stats();
  out.writes = c.writes;
  out.erases = c.erases;
  out.write_failures = c.write_failures;
  out.load_p50 = c.load_latency.quantile(0.5);
  out.load_p99 = c.load_latency.quantile(0.99);
  out.load_latency = counted(c.load_latency);
  return out;
}

/// Throws ConfigError.
void check_levels(const Core& core) {
  if (const auto fault = fault_of(core.level_traits(), core.options))
    throw ConfigError("cache \"" + core.options.name + "\": " + fault->what);
}

}  // namespace

void start_read(std::shared_ptr<Core> core, std::vector<std::pair<std::string, Waiter>> waiters, bool ahead) {
  std::vector<FlightPtr> walking;
  for (auto& [key, waiter] : waiters) {
    FlightPtr flight;
    std::function<void()> hurry;
    const auto [call, index] = std::pair(waiter.call, waiter.index);
    const auto joined = core->flights.join(key, std::move(waiter), flight, hurry, [&] {
      return std::make_shared<Flight>(key, core->generations.stamp(key), core->now(), core->levels.size(),
                                      ahead);
    });
    if (hurry) hurry();
    if (joined == FlightTable::Joined::too_late) call->settle(index, {});
    if (joined != FlightTable::Joined::began) continue;
    Entry written;
    if (!ahead && journalled(*core, key, &written) == Journalled::value) {
      const LookupKind kind = written.value ? LookupKind::hit : LookupKind::negative;
      hand_over(*core, flight, {.kind = kind, .entry = std::move(written)});
      continue;
    }
    if (auto recalled = core->values->recall(key)) {
      // The flight that memory's miss was waiting for may have landed just now.
      if (recalled->serves && !ahead) {
        const LookupKind kind = recalled->entry.value ? LookupKind::hit : LookupKind::negative;
        hand_over(*core, flight, {.kind = kind, .entry = std::move(recalled->entry)});
        continue;
      }
      core->propose(*flight, std::move(recalled->entry), memory_level, recalled->serves);
    }
    walking.push_back(std::move(flight));
  }
  for (const FlightPtr& flight : walking) core->flights.depart(flight);
  start_walk(core, std::move(walking));
}

std::shared_ptr<Engine> Engine::make(CacheOptions options, std::shared_ptr<Values> values,
                                     std::vector<std::shared_ptr<Tier>> tiers) {
  options.check();
  if (options.scheduler == nullptr) throw ConfigError("cache \"" + options.name + "\": no scheduler");
  auto core = std::make_shared<Core>(std::move(options), std::move(values), std::move(tiers));
  check_levels(*core);
  if (core->options.write_mode == WriteMode::back) start_write_back(core);
  start_watches(core);
  return std::make_shared<EngineOverCore>(std::move(core));
}

}  // namespace cascade
}  // namespace terrace
