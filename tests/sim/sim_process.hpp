#pragma once
/// SimProcess: one process of the simulated world, with a cache over its own ways to the shared stores.

#include <functional>
#include <memory>
#include <random>
#include <terrace/cache.hpp>
#include <terrace/testing.hpp>
#include <vector>

#include "redis/single_tier.hpp"
#include "sim/schedule.hpp"
#include "sim/sim_database.hpp"
#include "sim/sim_network.hpp"

namespace terrace::sim {

using Strings = Cache<std::string>;

/// Of every cache.
inline constexpr Duration load_timeout = std::chrono::seconds(5);

struct SimProcess {
  std::shared_ptr<SimHost> host;
  std::shared_ptr<SimNetwork> network = nullptr;
  std::shared_ptr<SimDatabase> database = nullptr;  ///< its way to the shared one; null: there is none
  std::vector<std::shared_ptr<Tier>> levels = {};
  std::unique_ptr<Strings> cache = nullptr;
  bool dead = false;  ///< kill -9
};

/// What all processes have in common.
struct SimPlace {
  const Schedule& schedule;
  Events& events;
  std::mt19937_64& random;
  std::function<SimServer*()> server;  ///< behind the address of Redis now
  std::shared_ptr<Tier> database;      ///< null: there is none
};

inline std::unique_ptr<SimProcess> make_process(const SimPlace& place, unsigned number) {
  const Setup& setup = place.schedule.setup;
  const Mutant mutant = place.schedule.mutant;
  auto process = std::make_unique<SimProcess>();
  process->host = std::make_shared<SimHost>(place.events, "process " + std::to_string(number));
  process->network =
      std::make_shared<SimNetwork>(place.events, *process->host, place.random(), setup.delay,
                                   [server = place.server](const std::string&) { return server(); });
  if (number == 0) process->host->sim_clock().skew(setup.skew);
  process->host->run([&] {
    auto& levels = process->levels;
    if (setup.stack != Stack::database) {
      levels.push_back(
          redis::make_single_tier({.url = "redis://10.0.0.1:6379"}, process->host, process->network));
    }
    if (setup.stack == Stack::redis_private) {
      const Scope scope = mutant == Mutant::private_as_fleet ? Scope::fleet : Scope::machine;
      levels.push_back(std::make_shared<testing::MapTier>(process->host->clock(), scope));
    }
    if (place.database) {
      process->database = std::make_shared<SimDatabase>(place.database, place.events, process->host,
                                                        place.random(), setup.delay);
      levels.push_back(process->database);
    }
    CacheOptions options{
        .name = "c", .ttl = setup.ttl, .grace = setup.grace, .consistency = setup.consistency};
    if (mutant == Mutant::weak_as_eventual) options.consistency = Consistency::weak;
    options.max_staleness = setup.bound;
    options.lease_time = setup.lease_time;
    options.load_timeout = load_timeout;
    options.scheduler = process->host;
    process->cache = std::make_unique<Strings>(std::move(options), levels);
  });
  return process;
}

}  // namespace terrace::sim
