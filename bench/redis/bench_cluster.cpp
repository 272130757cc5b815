// get_many of 1,000 keys from one server, from a cluster of 3 primaries and from one of 6, in turns in one
// run; and how often the nodes read from their sockets for it. bench_cluster [--quick]
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <terrace/redis_cluster.hpp>

#include "support/redis_cluster.hpp"

namespace {

using namespace terrace;
using namespace std::chrono_literals;

constexpr std::size_t keys = 1000;

/// A tier, and the servers it asks.
struct Contestant {
  const char* name;
  std::shared_ptr<Tier> tier;
  std::vector<const testing::RedisServer*> servers;
  std::vector<double> micros = {};

  /// Reads of the busiest server, as it counts them itself; the question is one of them.
  [[nodiscard]] std::vector<long> reads() const {
    std::vector<long> counts;
    for (const auto* server : servers) {
      const std::string stats = server->cli({"INFO", "stats"});
      const std::string field = "total_reads_processed:";
      const auto at = stats.find(field);
      if (at == std::string::npos)
        throw std::runtime_error("no total_reads_processed; Redis 6.2 or newer has it");
      counts.push_back(std::stol(stats.substr(at + field.size())));
    }
    return counts;
  }
};

template <class T, class Start>
T ask(Runtime& runtime, Start start) {
  struct Call {
    Latch latch;
    T outcome;
  };
  const auto call = std::make_shared<Call>();
  start(after(runtime.clock().now(), 10s), [call](T outcome) {
    call->outcome = std::move(outcome);
    call->latch.open();
  });
  runtime.wait(call->latch, no_deadline);
  return std::move(call->outcome);
}

void get_all(Runtime& runtime, Contestant& contestant, const std::vector<std::string_view>& names,
             bool measure) {
  const TimePoint began = system_clock().now();
  const auto found = ask<std::vector<Result<Found>>>(runtime, [&](auto deadline, auto done) {
    contestant.tier->get_many(names, deadline, std::move(done));
  });
  const std::chrono::duration<double, std::micro> took = system_clock().now() - began;
  for (const auto& one : found) {
    if (!one.value()) throw std::runtime_error("a miss");
  }
  if (measure) contestant.micros.push_back(took.count());
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  if (!testing::RedisServer::available()) {
    std::puts("skipped: no redis-server or valkey-server in PATH");
    return 0;
  }
  const auto runtime = std::make_shared<Runtime>();
  const testing::RedisServer single;
  testing::RedisCluster three({.primaries = 3, .replicas = 0}), six({.primaries = 6, .replicas = 0});
  std::vector<Contestant> contestants;
  contestants.push_back({"one server", make_redis_tier({.url = single.url()}, runtime), {&single}});
  for (auto* cluster : {&three, &six}) {
    Contestant contestant{cluster == &three ? "3 primaries" : "6 primaries",
                          make_cluster_tier(parse_cluster_url(cluster->url()), runtime),
                          {}};
    for (std::size_t i = 0; i < cluster->size(); ++i) contestant.servers.push_back(&cluster->node(i));
    contestants.push_back(std::move(contestant));
  }

  std::vector<std::string> names;
  for (std::size_t i = 0; i < keys; ++i) names.push_back("key:" + std::to_string(i));
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string value(64, 'v');
  for (auto& contestant : contestants) {
    std::vector<TierWrite> writes;
    for (const auto& name : names) writes.push_back({name, value});
    for (const auto& stored : ask<std::vector<Result<void>>>(*runtime, [&](auto deadline, auto done) {
           contestant.tier->set_many(writes, deadline, std::move(done));
         })) {
      stored.value();
    }
    get_all(*runtime, contestant, views, false);
  }
  const int rounds = quick ? 20 : 1000;
  for (int round = 0; round < rounds; ++round) {
    for (auto& contestant : contestants) get_all(*runtime, contestant, views, true);
  }
  const double base = median(contestants[0].micros);
  for (auto& contestant : contestants) {
    std::printf("get_many of %zu keys, %-11s: median %6.0f us, ratio %.2f\n", keys, contestant.name,
                median(contestant.micros), median(contestant.micros) / base);
  }
  for (auto& contestant : contestants) {
    const int calls = quick ? 20 : 200;
    const auto before = contestant.reads();
    for (int i = 0; i < calls; ++i) get_all(*runtime, contestant, views, false);
    const auto after = contestant.reads();
    double most = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      most = std::max(most, static_cast<double>(after[i] - before[i] - 1) / calls);
    }
    std::printf("reads by the busiest node for one get_many, %-11s: %.2f\n", contestant.name, most);
  }
}
