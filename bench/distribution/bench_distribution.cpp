// bench_distribution [--quick]: what the hash ring costs: to make it, and to look up a key's owner, in the
// order in which keys come and so with the ring's memory as cold as the machine's caches leave it. And what a
// sharded tier over maps costs beside one bare map with the same keys, while nothing changes and while the
// list does; in turns within one run. Medians of the thread's processor time.

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <terrace/hash_ring.hpp>
#include <terrace/sharded_tier.hpp>
#include <terrace/testing.hpp>
#include <vector>

namespace terrace::bench {
namespace {

double thread_time_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <class Run>
double median_ns(int rounds, std::size_t repeats, Run run) {
  std::vector<double> ns;
  for (int round = 0; round < rounds; ++round) {
    const double began = thread_time_ns();
    run();
    ns.push_back((thread_time_ns() - began) / static_cast<double>(repeats));
  }
  return median(ns);
}

std::vector<std::string> random_keys(std::size_t count) {
  std::mt19937_64 random(1);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back("user:" + std::to_string(random() % 1'000'000'000));
  return keys;
}

void run_ring(bool quick) {
  const auto keys = random_keys(quick ? 1000 : 1'000'000);
  const int rounds = quick ? 1 : 11;
  std::printf("%-22s %12s %12s\n", "hash ring", "to make", "ns/look-up");
  for (const std::size_t count : {3U, 100U}) {
    std::vector<HashRing::Node> nodes;
    for (std::size_t i = 0; i < count; ++i) nodes.push_back({"node" + std::to_string(i)});
    const double make = median_ns(rounds, 1, [&] { HashRing ring(nodes); });
    const HashRing ring(nodes);
    std::size_t sum = 0;
    const double look_up = median_ns(rounds, keys.size(), [&] {
      for (const auto& key : keys) sum += ring.owner(key);
    });
    if (sum == 0) std::puts("EVERY KEY ON ONE NODE");
    std::printf("%-22s %9.2f ms %12.1f\n", (std::to_string(count) + " nodes").c_str(), make / 1e6, look_up);
  }
}

struct Contestant {
  const char* name;
  Tier* tier;
  std::vector<double> one_ns = {};   // a key of get
  std::vector<double> many_ns = {};  // a key of get_many with 100
};

double ns_of_gets(Tier& tier, const std::vector<std::string>& keys) {
  std::size_t hits = 0;
  const double began = thread_time_ns();
  for (const auto& key : keys) {
    tier.get(key, no_deadline, [&](const Result<Found>& found) { hits += *found ? 1 : 0; });
  }
  const double took = thread_time_ns() - began;
  if (hits != keys.size()) std::puts("NOT ALL WERE HITS");
  return took / static_cast<double>(keys.size());
}

double ns_of_get_manys(Tier& tier, const std::vector<std::string>& keys) {
  constexpr std::size_t bulk = 100;
  std::size_t hits = 0;
  const double began = thread_time_ns();
  for (std::size_t i = 0; i < keys.size(); i += bulk) {
    tier.get_many({keys.begin() + std::ptrdiff_t(i), keys.begin() + std::ptrdiff_t(i + bulk)}, no_deadline,
                  [&](const std::vector<Result<Found>>& found) {
                    for (const auto& one : found) hits += *one ? 1 : 0;
                  });
  }
  const double took = thread_time_ns() - began;
  if (hits != keys.size()) std::puts("NOT ALL WERE HITS");
  return took / static_cast<double>(keys.size());
}

std::vector<Shard> maps(std::size_t count) {
  std::vector<Shard> shards;
  for (std::size_t i = 0; i < count; ++i) {
    shards.push_back({"shard" + std::to_string(i), std::make_shared<testing::MapTier>()});
  }
  return shards;
}

void run_sharded(bool quick) {
  const auto keys = random_keys(quick ? 1000 : 10'000);
  const auto scheduler = std::make_shared<testing::FakeScheduler>();
  testing::MapTier bare;
  auto shards = maps(11);
  const auto one = make_sharded_tier({.shards = maps(1)}, scheduler);
  const auto ten = make_sharded_tier({.shards = maps(10)}, scheduler);
  const auto changing = make_sharded_tier({.shards = {shards.begin(), shards.end() - 1}}, scheduler);
  std::vector<Contestant> all = {{"bare map", &bare},
                                 {"sharded, 1 map", one.get()},
                                 {"sharded, 10 maps", ten.get()},
                                 {"sharded, 10 + 1 maps, changing", changing.get()}};
  for (const Contestant& contestant : all) {
    for (const auto& key : keys) {
      contestant.tier->set(key, "a value of some 32 bytes, as it is", {}, no_deadline, [](const auto&) {});
    }
  }
  changing->change_shards(shards);  // and there it stays: its time stands still
  const int rounds = quick ? 1 : 51;
  for (int round = 0; round < rounds; ++round) {
    for (Contestant& contestant : all) {
      contestant.one_ns.push_back(ns_of_gets(*contestant.tier, keys));
      contestant.many_ns.push_back(ns_of_get_manys(*contestant.tier, keys));
    }
  }
  std::printf("\n%-34s %8s %7s %14s %7s\n", (std::to_string(keys.size()) + " keys, all hits").c_str(),
              "ns/get", "ratio", "ns/key of 100", "ratio");
  for (const Contestant& contestant : all) {
    std::printf("%-34s %8.0f %7.2f %14.0f %7.2f\n", contestant.name, median(contestant.one_ns),
                median(contestant.one_ns) / median(all[0].one_ns), median(contestant.many_ns),
                median(contestant.many_ns) / median(all[0].many_ns));
  }
}

}  // namespace
}  // namespace terrace::bench

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  terrace::bench::run_ring(quick);
  terrace::bench::run_sharded(quick);
}
