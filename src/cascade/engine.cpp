#include <algorithm>

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
  positive("memory_ttl", memory_ttl, "leave it out to bound the life in memory by ttl alone");
  positive("tier_timeout", tier_timeout, "give the time a tier may take, 250 ms for instance");
  positive("load_timeout", load_timeout, "give the time a loader may take, 30 s for instance");
  if (!(ttl_jitter >= 0 && ttl_jitter <= 0.5))
    throw ConfigError(who + "ttl_jitter must be between 0 and 0.5");
  if (max_value_bytes == 0) throw ConfigError(who + "max_value_bytes is 0: no value could be stored");
}

namespace cascade {
namespace {

class EngineOverCore final : public Engine {
 public:
  explicit EngineOverCore(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  void read(std::vector<std::string> keys, std::shared_ptr<Loader> loader, const ReadOptions& options,
            Handler<std::vector<Answer>> done) override;

  void write(std::vector<Write> writes, const WriteOptions& options,
             Handler<std::vector<Result<void>>> done) override {
    if (writes.empty()) return done({});
    start_write(core_, std::move(writes), options, std::move(done));
  }
  void erase(std::vector<std::string> keys, const WriteOptions& options,
             Handler<std::vector<Result<bool>>> done) override {
    if (keys.empty()) return done({});
    start_erase(core_, std::move(keys), options, std::move(done));
  }
  void clear(const WriteOptions& options, Handler<Result<void>> done) override {
    start_clear(core_, options, std::move(done));
  }
  void flush(const WriteOptions& options, Handler<Result<void>> done) override {
    const auto call = core_->begin_call<Result<void>>(
        1, options.timeout,
        [done = std::move(done)](std::vector<Result<void>> one) mutable { done(std::move(one.front())); });
    core_->fills->when_all_ended([call] { call->settle(0, {}); });
  }
  void explain(std::string key, Handler<Result<Explanation>> done) override {
    start_explain(core_, std::move(key), std::move(done));
  }
  [[nodiscard]] CacheStats stats() const override;

  void close() override {
    if (core_->closed.exchange(true)) return;
    core_->invalidate_all();
    core_->calls->end_all(Error(Errc::shutdown, "cache " + core_->options.name + " is closed"));
  }

  [[nodiscard]] std::string_view level_name(std::size_t level) const noexcept override {
    return core_->level_names[level];
  }
  [[nodiscard]] Scheduler& scheduler() const noexcept override { return *core_->scheduler; }

 private:
  std::shared_ptr<Core> core_;
};

void EngineOverCore::read(std::vector<std::string> keys, std::shared_ptr<Loader> loader,
                          const ReadOptions& options, Handler<std::vector<Answer>> done) {
  if (keys.empty()) return done({});
  const auto call = core_->begin_call<Answer>(keys.size(), options.timeout, std::move(done));
  if (!call->open()) return;
  std::vector<FlightPtr> walking;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (const auto refused = core_->refuse_key(keys[i])) {
      call->settle(i, failed<Answer>(*refused));
      continue;
    }
    FlightPtr flight;
    const auto joined =
        core_->flights.join(keys[i], {call, i, loader}, core_->generations, core_->levels.size(), flight);
    if (joined == FlightTable::Joined::too_late) call->settle(i, {});
    if (joined != FlightTable::Joined::began) continue;
    // The flight that memory's miss was waiting for may have landed just now.
    if (auto entry = core_->values->recall(keys[i])) {
      land(*core_, flight,
           {.kind = entry->value ? LookupKind::hit : LookupKind::negative, .entry = std::move(*entry)});
    } else {
      walking.push_back(std::move(flight));
    }
  }
  start_walk(core_, std::move(walking));
}

CacheStats EngineOverCore::stats() const {
  const Counters& c = core_->counters;
  CacheStats out{.levels = {core_->values->stats()}};
  for (const auto& level : core_->levels) {
    const TierStats below = level->tier->stats();
    out.levels.push_back({.name = level->name,
                          .hits = level->hits,
                          .misses = level->misses,
                          .errors = level->errors,
                          .unreadable = level->unreadable,
                          .entries = below.entries.value_or(0),
                          .bytes = below.bytes.value_or(0),
                          .p50 = level->latency.quantile(0.5),
                          .p99 = level->latency.quantile(0.99),
                          .p999 = level->latency.quantile(0.999)});
  }
  out.loads = c.loads;
  out.load_failures = c.load_failures;
  out.joined = c.joined;
  out.rejected_fills = c.rejected_fills;
  out.writes = c.writes;
  out.erases = c.erases;
  out.write_failures = c.write_failures;
  out.load_p50 = c.load_latency.quantile(0.5);
  out.load_p99 = c.load_latency.quantile(0.99);
  return out;
}

}  // namespace

std::shared_ptr<Engine> Engine::make(CacheOptions options, std::shared_ptr<Values> values,
                                     std::vector<std::shared_ptr<Tier>> tiers) {
  options.check();
  if (options.scheduler == nullptr) throw ConfigError("cache \"" + options.name + "\": no scheduler");
  return std::make_shared<EngineOverCore>(
      std::make_shared<Core>(std::move(options), std::move(values), std::move(tiers)));
}

}  // namespace cascade
}  // namespace terrace
