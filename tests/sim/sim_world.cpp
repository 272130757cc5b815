#include "sim/sim_world.hpp"

#include <terrace/cache.hpp>
#include <terrace/hash.hpp>
#include <terrace/testing.hpp>
#include <thread>

#include "sim/chance.hpp"
#include "sim/ledger.hpp"
#include "sim/load_check.hpp"
#include "sim/order_check.hpp"
#include "sim/sim_process.hpp"
#include "sim/values.hpp"
#include "support/storing_tier.hpp"

namespace terrace::sim {

using namespace std::chrono_literals;

namespace {

class World {
 public:
  explicit World(const Schedule& schedule)
      : schedule_(schedule),
        setup_(schedule.setup),
        random_(schedule.seed ^ 0x5DEECE66DU),
        ledger_(rules_of(schedule.setup)) {
    for (const char* place : {"redis", "another redis"}) {
      servers_.push_back(
          std::make_unique<SimServer>(events_, random_(), SimRedisOptions{.seed = random_()},
                                      [this, place, number = servers_.size()] { observe(place, number); }));
      servers_.back()->set_mute(schedule.mutant == Mutant::no_pushes);
      if (schedule.mutant == Mutant::no_leases) servers_.back()->redis().deny("evalsha");
      if (schedule.mutant == Mutant::no_identity) servers_.back()->redis().deny("info");
    }
    if (setup_.stack == Stack::redis_database || setup_.stack == Stack::database) {
      if (schedule.mutant == Mutant::no_claims) {
        database_ = std::make_shared<testing::StoringTier>(clock_);
      } else {
        database_ = std::make_shared<testing::MapTier>(clock_, Scope::fleet);
      }
    }
    for (unsigned i = 0; i < setup_.processes; ++i) {
      processes_.push_back(make_process({.schedule = schedule,
                                         .events = events_,
                                         .random = random_,
                                         .server = [this] { return &server(); },
                                         .database = database_},
                                        i));
    }
    for (unsigned i = 0; i < setup_.keys && setup_.loads; ++i) write_origin(key_of(i));
  }

  ~World() {
    // What a frozen process has missed releases what it holds.
    for (auto& process : processes_) process->host->thaw();
    events_.run_until(events_.now() + 1s);
    for (auto& process : processes_) {
      process->host->run([&] {
        process->cache.reset();
        process->levels.clear();
      });
    }
    events_.end();
  }

  Outcome run() {
    for (const Operation& operation : schedule_.operations) {
      events_.at(start_ + operation.at, processes_[operation.process]->host.get(),
                 [this, operation] { begin(operation); });
    }
    for (const Fault& fault : schedule_.faults) {
      events_.at(start_ + fault.at, nullptr, [this, fault] { strike(fault); });
    }
    const TimePoint end = start_ + 15s;
    while (outcome_.violation.empty() && events_.step(end)) {
    }
    if (outcome_.violation.empty()) settle();
    outcome_.fingerprint = events_.fingerprint();
    return outcome_;
  }

 private:
  using Process = SimProcess;

  // ---- The truth

  /// What Redis holds now.
  void observe(const std::string& place, std::size_t number) {
    if (servers_.size() <= number) return;
    std::map<std::string, std::optional<Version>> found;
    for (unsigned i = 0; i < setup_.keys; ++i) found[key_of(i)];
    for (const auto& [key, entry] : servers_[number]->redis().store().databases()[0]) {
      if (key.front() == '~') continue;
      const auto at = found.find(key.substr(key.rfind(':') + 1));
      if (at != found.end()) at->second = version_in(entry.value);
    }
    for (const auto& [key, version] : found) ledger_.holds(place, key, version, events_.now());
  }

  Version write_origin(const std::string& key) {
    origin_[key] = ++last_version_;
    ledger_.holds("origin", key, last_version_, events_.now());
    return last_version_;
  }

  // ---- Operations

  class OriginLoader final : public cascade::Loader {
   public:
    OriginLoader(World& world, unsigned process)
        : world_(world), process_(process), host_(*world.processes_[process]->host) {}
    [[nodiscard]] bool blocks() const noexcept override { return false; }
    /// The origin answers with what it holds at some time in between.
    void load(const cascade::LoadRequest& request, Handler<std::vector<cascade::Loaded>> done) override {
      World& world = world_;
      world.outcome_.loads += request.keys.size();
      std::vector<std::size_t> loads;
      for (const auto& key : request.keys) {
        const bool excused =
            !world.schedule_.faults.empty() || world.changing_[key] > 0 || world.has_waited(process_, key);
        loads.push_back(world.loads_.begins(key, process_, world.events_.now(), excused));
      }
      const Duration there = world.some_time(), back = world.some_time();
      world.events_.soon(there, nullptr,
                         [&world, &host = host_, back, keys = request.keys, loads = std::move(loads),
                          done = std::move(done)]() mutable {
                           std::vector<cascade::Loaded> values;
                           for (const auto& key : keys)
                             values.push_back(cascade::loaded<std::string>(value_of(world.origin_[key])));
                           auto answer = [&world, keys, loads = std::move(loads), done = std::move(done),
                                          values = std::move(values)]() mutable {
                             for (std::size_t i = 0; i < keys.size(); ++i)
                               world.loads_.ends(keys[i], loads[i]);
                             done(std::move(values));
                           };
                           world.events_.soon(back, &host, std::move(answer));
                         });
    }

   private:
    World& world_;
    const unsigned process_;
    SimHost& host_;
  };

  /// A read of the process has waited for the key as long as a process waits for a lease.
  [[nodiscard]] bool has_waited(unsigned process, const std::string& key) const {
    return std::any_of(calls_.begin(), calls_.end(), [&](const auto& call) {
      const auto& [operation, began] = call.second;
      return operation.process == process && key_of(operation.key) == key &&
             events_.now() - began >= load_timeout;
    });
  }

  Duration some_time() {
    return Duration(std::uniform_int_distribution<Duration::rep>(0, setup_.load_time.count() / 2)(random_));
  }

  void begin(const Operation& operation) {
    Process& process = *processes_[operation.process];
    if (process.dead) return;
    switch (operation.does) {
      case Does::read:
        return read(process, operation);
      case Does::write:
        return setup_.loads ? erase(process, operation) : set(process, operation);
      case Does::erase:
        return erase(process, operation);
      case Does::clear:
      case Does::erase_prefix:
      case Does::invalidate_tag:
        return sweep(process, operation);
    }
  }

  [[nodiscard]] std::vector<std::string> tags() const {
    return setup_.tags ? std::vector<std::string>{"t"} : std::vector<std::string>{};
  }

  /// Runs when the call has ended.
  std::size_t pending(const Operation& operation) {
    calls_.emplace(++last_call_, std::pair{operation, events_.now()});
    return last_call_;
  }

  void read(Process& process, const Operation& operation) {
    const auto call = pending(operation);
    Ledger::Read read{operation.process, key_of(operation.key), 0, events_.now()};
    auto loader = setup_.loads ? std::make_shared<OriginLoader>(*this, operation.process) : nullptr;
    detail::CacheAccess::start_lookup_many(
        *process.cache, {read.key}, std::move(loader), {.tags = tags()},
        [this, call, read](std::vector<Lookup<std::string>> found) mutable {
          calls_.erase(call);
          if (!found.front().value) return;
          read.version = version_in(*found.front().value).value_or(0);
          read.level = found.front().level;
          read.stale = found.front().kind == LookupKind::stale;
          read.ended = events_.now();
          ++outcome_.answers;
          if (read.level == "memory") ++outcome_.from_memory;
          if (auto why = ledger_.judge(read); !why.empty()) violate(std::move(why));
          if (!read.stale) order_.read(read.key, read.version, read.began, read.ended);
        });
  }

  std::size_t begin_write(const Operation& operation, std::vector<std::string> keys,
                          std::optional<Version> version) {
    ++outcome_.writes;
    Ledger::Write write{.process = operation.process, .version = version, .began = events_.now()};
    for (auto& key : keys) {
      ++changing_[key];
      loads_.changes(key, events_.now());
      if (version) order_.begins_write(key, *version, events_.now());
      write.keys.emplace(key, origin_[key]);
    }
    return ledger_.began(std::move(write));
  }
  template <class T>
  auto ends(std::size_t call, std::size_t write) {
    return [this, call, write](const T& outcome) {
      calls_.erase(call);
      bool fine = false;
      if constexpr (requires { outcome.front(); }) {
        fine = outcome.front().has_value();
      } else {
        fine = outcome.has_value();
      }
      for (const auto& [key, newest] : ledger_.write(write).keys) {
        --changing_[key];
        loads_.changes(key, events_.now());
        if (fine && ledger_.write(write).version)
          order_.wrote(key, *ledger_.write(write).version, events_.now());
      }
      if (!fine) return;
      ++outcome_.acknowledged;
      ledger_.acknowledged(write, events_.now());
    };
  }

  void set(Process& process, const Operation& operation) {
    const std::string key = key_of(operation.key);
    const auto version = ++last_version_;
    const auto call = pending(operation);
    const auto write = begin_write(operation, {key}, version);
    std::vector<cascade::Write> writes;
    writes.push_back({key, std::make_shared<const std::string>(value_of(version))});
    engine(process).write(std::move(writes), {.tags = tags()}, ends<std::vector<Result<void>>>(call, write));
  }

  void erase(Process& process, const Operation& operation) {
    const std::string key = key_of(operation.key);
    if (setup_.loads) write_origin(key);
    const auto call = pending(operation);
    const auto write = begin_write(operation, {key}, std::nullopt);
    engine(process).erase({key}, {}, ends<std::vector<Result<bool>>>(call, write));
  }

  void sweep(Process& process, const Operation& operation) {
    std::vector<std::string> keys;
    for (unsigned i = 0; i < setup_.keys; ++i) {
      keys.push_back(key_of(i));
      if (setup_.loads) write_origin(keys.back());
    }
    const auto call = pending(operation);
    const auto write = begin_write(operation, std::move(keys), std::nullopt);
    if (operation.does == Does::invalidate_tag) {
      return engine(process).invalidate({.kind = Invalidation::Kind::tag, .text = "t"}, {},
                                        ends<Result<std::uint64_t>>(call, write));
    }
    if (operation.does == Does::clear) return engine(process).clear({}, ends<Result<void>>(call, write));
    engine(process).invalidate({.kind = Invalidation::Kind::prefix, .text = "k"}, {},
                               ends<Result<std::uint64_t>>(call, write));
  }

  /// The promise of STRONG over Redis. Redis must be one server.
  [[nodiscard]] bool in_order() const {
    return setup_.consistency == Consistency::strong && setup_.stack == Stack::redis && !setup_.loads &&
           !moved_;
  }
  [[nodiscard]] bool watches() const {
    return setup_.consistency == Consistency::eventual && schedule_.mutant != Mutant::weak_as_eventual;
  }

  static cascade::Engine& engine(Process& process) { return detail::CacheAccess::engine(*process.cache); }

  // ---- Faults

  SimServer& server() { return *servers_[moved_ ? 1 : 0]; }
  void later(Duration lasts, Task task) { events_.soon(lasts, nullptr, std::move(task)); }

  void strike(const Fault& fault) {
    Process* const process = processes_[fault.process].get();
    SimServer& server = this->server();
    SimRedis& redis = server.redis();
    switch (fault.harm) {
      case Harm::cut:
        return process->network->cut(fault.number < 4 ? std::optional<std::size_t>(fault.number)
                                                      : std::nullopt);
      case Harm::half_open:
        return process->network->half_open(fault.number);
      case Harm::stall:
        process->network->set_stalled(true);
        if (process->database) process->database->lose_replies(fault.lasts);
        return later(fault.lasts, [process] { process->network->set_stalled(false); });
      case Harm::slow:
        process->network->set_slow(fault.lasts / 10);
        return later(2s, [process] { process->network->set_slow({}); });
      case Harm::freeze_process:
        process->host->freeze();
        return later(fault.lasts, [process] {
          if (!process->dead) process->host->thaw();
        });
      case Harm::kill_process:
        process->dead = true;
        process->host->freeze();
        std::erase_if(calls_, [&](const auto& call) { return call.second.first.process == fault.process; });
        return process->network->cut(std::nullopt);
      case Harm::freeze_server:
        redis.freeze();
        return later(fault.lasts, [&server] {
          server.redis().thaw();
          server.wake();
        });
      case Harm::restart_empty:
        redis.kill();
        server.wake();
        return later(fault.lasts, [&server] {
          if (!server.redis().is_up()) server.redis().start();
          server.wake();
        });
      case Harm::flush:
        redis.flush();
        break;
      case Harm::evict:
        for (const auto& [key, entry] : Database(redis.store().databases()[0])) {
          if (key.ends_with(":" + key_of(fault.number % setup_.keys))) redis.evict(key);
        }
        break;
      case Harm::kill_clients:
        redis.close_connections();
        break;
      case Harm::forget_scripts:
        redis.forget_scripts();
        break;
      case Harm::full_memory:
        redis.set_full(true);
        return later(fault.lasts, [&redis] { redis.set_full(false); });
      case Harm::cannot_save:
        redis.set_cannot_save(true);
        return later(fault.lasts, [&redis] { redis.set_cannot_save(false); });
      case Harm::loading:
        redis.set_loading(true);
        return later(fault.lasts, [&redis] { redis.set_loading(false); });
      case Harm::deny: {
        constexpr std::array commands = {"evalsha",         "get",  "set",  "unlink", "ping",
                                         "client|tracking", "scan", "hello"};
        redis.deny(commands[fault.number % commands.size()]);
        return later(fault.lasts, [this, &redis] {
          redis.allow_all();
          if (schedule_.mutant == Mutant::no_identity) redis.deny("info");
        });
      }
      case Harm::jump_clock: {
        const auto by = std::chrono::floor<std::chrono::milliseconds>(fault.lasts);
        redis.clock().skew(fault.number % 2 == 0 ? by : -by);
        break;
      }
      case Harm::move_address:
        if (std::exchange(moved_, true)) return;
        for (const auto& each : processes_) each->network->cut_data();
        return;
    }
    server.changed();
  }

  // ---- The end

  /// All faults are over. Every call ends, and nothing is left behind.
  void settle() {
    events_.run_until(events_.now() + 45s);
    if (!calls_.empty()) {
      const auto& [operation, since] = calls_.begin()->second;
      return violate("a call of process " + std::to_string(operation.process) + " for k" +
                     std::to_string(operation.key) + " has not ended");
    }
    const bool leases = setup_.stack != Stack::database && !setup_.tags;
    if (const auto& why = loads_.verdict(); leases && !why.empty()) return violate(why);
    if (in_order()) {
      if (auto why = order_.verdict(); !why.empty()) return violate(std::move(why));
    }
    for (const auto& process : processes_) {
      if (process->dead) continue;
      constexpr std::size_t most_timers = 24;
      const std::size_t timers = events_.waiting(process->host.get());
      if (timers > most_timers)
        violate(process->host->name() + " has " + std::to_string(timers) + " timers at rest");
      const CacheStats stats = process->cache->stats();
      if (stats.loads_in_flight + stats.loads_waiting > 0)
        violate(process->host->name() + " still loads at rest");
      if (stats.unrecovered > 0) violate(process->host->name() + " has keys that never recovered");
      if (setup_.stack == Stack::database) continue;
      const RedisStatus redis = *redis_status(*process->levels.front());
      if (!redis.connected)
        violate(process->host->name() + " has no connection at rest: " + redis.last_error);
      if (watches() && !redis.watching)
        violate(process->host->name() + " has no watch at rest: " + redis.last_watch_error);
    }
  }

  void violate(std::string why) {
    if (!outcome_.violation.empty()) return;
    const double at = std::chrono::duration<double, std::milli>(events_.now() - start_).count();
    outcome_.violation = "at " + std::to_string(at) + " ms: " + std::move(why);
  }

  const Schedule& schedule_;
  const Setup& setup_;
  Events events_;
  SimClock clock_{events_};
  std::mt19937_64 random_;
  Ledger ledger_;
  OrderCheck order_;
  LoadCheck loads_{setup_.lease_time, setup_.delay * 20};
  std::map<std::string, int> changing_;  // writes of the key under way
  const TimePoint start_ = events_.now() + 50ms;
  std::vector<std::unique_ptr<SimServer>> servers_;
  bool moved_ = false;  // the address leads to the second
  std::shared_ptr<Tier> database_;
  std::map<std::string, Version> origin_;
  Version last_version_ = 0;
  std::map<std::size_t, std::pair<Operation, TimePoint>> calls_;
  std::size_t last_call_ = 0;
  std::vector<std::unique_ptr<Process>> processes_;
  Outcome outcome_;
};

/// Leaves out parts of the list, first large ones, as long as it still breaks a promise.
template <class Part>
void shrink_list(Schedule& schedule, std::vector<Part> Schedule::*list, unsigned& runs) {
  for (std::size_t size = (schedule.*list).size(); size > 0; size /= 2) {
    for (std::size_t from = 0; from < (schedule.*list).size() && runs > 0;) {
      Schedule smaller = schedule;
      auto& parts = smaller.*list;
      const auto first = parts.begin() + static_cast<std::ptrdiff_t>(from);
      parts.erase(first, first + static_cast<std::ptrdiff_t>(std::min(size, parts.size() - from)));
      --runs;
      if (run(smaller).violation.empty()) {
        from += size;
      } else {
        schedule = std::move(smaller);
      }
    }
  }
}

}  // namespace

Outcome run(const Schedule& schedule) {
  Outcome outcome;
  std::thread([&] {
    static_cast<void>(detail::process_seeds());  // drawn once, and not from this seed
    const FixedChance chance(schedule.seed);
    outcome = World(schedule).run();
  }).join();
  return outcome;
}

Schedule shrink(Schedule schedule, unsigned runs) {
  shrink_list(schedule, &Schedule::faults, runs);
  shrink_list(schedule, &Schedule::operations, runs);
  return schedule;
}

}  // namespace terrace::sim
