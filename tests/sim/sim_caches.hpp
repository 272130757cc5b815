#pragma once
/// SimCaches: the caches of a few processes over simulated servers and a simulated network, for scenarios that
/// are written by hand. A call from the test blocks: the world goes on until it has ended.

#include <terrace/cache.hpp>

#include "redis/single_tier.hpp"
#include "sim/sim_network.hpp"

namespace terrace::sim {

class SimCaches {
 public:
  struct Process {
    std::shared_ptr<SimHost> host;
    std::shared_ptr<SimNetwork> network;
    std::unique_ptr<Cache<std::string>> cache;

    void set(const std::string& value) const { cache->set("k", value).value(); }
    /// "" for a miss.
    [[nodiscard]] std::string get() const { return cache->lookup("k").value.value_or(""); }
  };

  /// Two servers. `redis.test` leads to the first, until `answering` says otherwise.
  SimCaches() = default;
  ~SimCaches() {
    for (const auto& process : processes_) process->host->run([&process] { process->cache.reset(); });
    processes_.clear();
    events.end();
  }
  SimCaches(const SimCaches&) = delete;
  SimCaches& operator=(const SimCaches&) = delete;

  /// Makes the levels below memory; it gets the tier over Redis.
  using Levels = std::function<std::vector<std::shared_ptr<Tier>>(std::shared_ptr<Tier> redis,
                                                                  const std::shared_ptr<SimHost>& host)>;

  Process& add(CacheOptions options, const Levels& levels = {}) {
    auto process = std::make_unique<Process>();
    process->host = std::make_shared<SimHost>(events, "process " + std::to_string(processes_.size()));
    process->network =
        std::make_shared<SimNetwork>(events, *process->host, 100 + processes_.size(),
                                     std::chrono::microseconds(200), [this](const std::string& address) {
                                       if (address.starts_with("10.0.0.1")) return &first_server;
                                       return address.starts_with("10.0.0.2") ? &second_server : answering;
                                     });
    process->host->run([&] {
      RedisOptions redis{.url = "redis://redis.test:6379", .allowed_hosts = {"10.0.0.0/8"}};
      const auto tier = redis::make_single_tier(std::move(redis), process->host, process->network);
      options.name = "c";
      options.scheduler = process->host;
      process->cache = std::make_unique<Cache<std::string>>(
          std::move(options),
          levels ? levels(tier, process->host) : std::vector<std::shared_ptr<Tier>>{tier});
    });
    processes_.push_back(std::move(process));
    return *processes_.back();
  }

  void pass(Duration time) { events.run_until(events.now() + time); }

  /// How long the process still returns that value, up to a limit.
  Duration stale_for(const Process& process, const std::string& old,
                     Duration limit = std::chrono::seconds(10)) {
    const TimePoint begin = events.now();
    for (;;) {
      const Duration since = events.now() - begin;
      if (since >= limit || process.get() != old) return since;
      pass(std::chrono::milliseconds(10));
    }
  }

  Events events;
  SimServer first_server{events, 1, {.host = "10.0.0.1", .seed = 11}, [] {}};
  SimServer second_server{events, 2, {.host = "10.0.0.2", .seed = 12}, [] {}};
  SimRedis& first = first_server.redis();
  SimRedis& second = second_server.redis();
  SimServer* answering = &first_server;

 private:
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace terrace::sim
