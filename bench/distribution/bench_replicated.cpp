// What replication costs: a blocking get and set on three Redis servers at each level, against one server, in
// turns in one run. bench_replicated [--quick]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <terrace/redis.hpp>
#include <terrace/replicated_tier.hpp>

#include "support/redis_server.hpp"

namespace {

using namespace terrace;
using namespace std::chrono_literals;
using Micros = std::chrono::duration<double, std::micro>;

const std::string value(64, 'v');

TimePoint in_time() {
  return after(system_clock().now(), 10s);
}

struct Contestant {
  const char* name;
  std::shared_ptr<Tier> tier;
  std::vector<double> gets = {};
  std::vector<double> sets = {};
};

/// How long one operation takes; ends the program when it fails, for its figure would mean nothing.
template <class T, class Start>
double took(Start start) {
  auto ended = std::make_shared<Latch>();
  const TimePoint begin = system_clock().now();
  start([ended](const Result<T>& outcome) {
    if (!outcome) std::abort();
    ended->open();
  });
  Runtime::common()->wait(*ended, no_deadline);
  return Micros(system_clock().now() - begin).count();
}

void measure(Contestant& contestant, int operations) {
  Tier& tier = *contestant.tier;
  for (int i = 0; i < operations; ++i) {
    const std::string key = "key " + std::to_string(i % 1000);
    contestant.sets.push_back(
        took<void>([&](auto done) { tier.set(key, value, 1h, in_time(), std::move(done)); }));
    contestant.gets.push_back(took<Found>([&](auto done) { tier.get(key, in_time(), std::move(done)); }));
  }
}

double median(std::vector<double> figures) {
  const auto middle = figures.begin() + static_cast<std::ptrdiff_t>(figures.size() / 2);
  std::nth_element(figures.begin(), middle, figures.end());
  return *middle;
}

std::shared_ptr<Tier> replicated(Consistency level, const std::vector<testing::RedisServer>& servers) {
  ReplicatedOptions options;
  options.consistency = level;
  for (const auto& server : servers) {
    options.nodes.push_back(
        {"node " + std::to_string(options.nodes.size()), make_redis_tier({.url = server.url()})});
  }
  auto tier = make_replicated_tier(std::move(options));
  const bool ready = testing::eventually([&] {
    const auto status = replicated_status(*tier).value();
    return std::all_of(status.nodes.begin(), status.nodes.end(),
                       [](const auto& node) { return node.member; });
  });
  if (!ready) std::abort();
  return tier;
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  if (!testing::RedisServer::available()) {
    std::puts("skipped: no redis-server or valkey-server in PATH");
    return 0;
  }
  const testing::RedisServer single;
  const std::vector<testing::RedisServer> servers(3);
  std::vector<Contestant> contestants = {{"one Redis", make_redis_tier({.url = single.url()})},
                                         {"replicated, weak", replicated(Consistency::weak, servers)},
                                         {"replicated, eventual", replicated(Consistency::eventual, servers)},
                                         {"replicated, strong", replicated(Consistency::strong, servers)}};
  for (int round = 0; round < (quick ? 1 : 20); ++round) {
    for (auto& contestant : contestants) measure(contestant, quick ? 200 : 1000);
  }
  const double get = median(contestants.front().gets);
  const double set = median(contestants.front().sets);
  for (const auto& contestant : contestants) {
    const double own_get = median(contestant.gets);
    const double own_set = median(contestant.sets);
    std::printf("%-21s get p50 %6.1f us (%.2f)   set p50 %6.1f us (%.2f)\n", contestant.name, own_get,
                own_get / get, own_set, own_set / set);
  }
}
