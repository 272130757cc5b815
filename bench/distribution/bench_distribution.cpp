// bench_distribution [--quick]: what the hash ring costs: to make it, and to look up a key's owner, in the
// order in which keys come and so with the ring's memory as cold as the machine's caches leave it. Medians of
// the thread's processor time.

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <string_view>
#include <terrace/hash_ring.hpp>
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

}  // namespace
}  // namespace terrace::bench

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  terrace::bench::run_ring(quick);
}
