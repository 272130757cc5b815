// bench_memory [--quick]: what a hit of MemoryCache costs, beside a bare unsynchronised hash map on the same
// keys. The contestants take turns within one run, because a machine's speed drifts; medians, and ratios to
// the bare map. Times are the threads' processor time, so that other work on the machine costs no more than
// what it takes of the caches.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <latch>
#include <memory/contestants.hpp>
#include <numeric>
#include <string_view>
#include <thread>

namespace terrace::bench {
namespace {

struct Plan {
  std::size_t stream;
  int rounds;
  std::vector<std::size_t> sizes;
};

double thread_time_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

struct Timed {
  double ns;     // per look-up and thread
  double share;  // of the time between start and end that the threads had a processor
};

/// Each thread looks up its own part of the stream.
Timed measure(const Contestant& contestant, std::size_t stream, int threads) {
  std::vector<double> busy_ns(static_cast<std::size_t>(threads));
  std::vector<double> wall_ns(static_cast<std::size_t>(threads));
  std::latch start(threads);
  const auto part = [&](std::size_t t) {
    const std::size_t length = stream / static_cast<std::size_t>(threads);
    start.arrive_and_wait();
    const auto began = std::chrono::steady_clock::now();
    const double busy_before = thread_time_ns();
    if (contestant.run(t * length, (t + 1) * length) != length) std::puts("NOT ALL WERE HITS");
    busy_ns[t] = thread_time_ns() - busy_before;
    wall_ns[t] = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count();
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(part, static_cast<std::size_t>(t));
    part(0);
  }
  const double busy = std::accumulate(busy_ns.begin(), busy_ns.end(), 0.0);
  const double wall = std::accumulate(wall_ns.begin(), wall_ns.end(), 0.0);
  return {busy / static_cast<double>(stream), busy / wall};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <class K>
void compete(const Plan& plan, std::size_t entries, std::string_view keys) {
  const auto stream = zipf_stream(entries, plan.stream, 42);
  const auto all = contestants<K>(entries, stream);
  std::vector<std::vector<double>> one(all.size());
  std::vector<std::vector<double>> two(all.size());
  for (int round = 0; round < plan.rounds; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      one[i].push_back(measure(all[i], stream.size(), 1).ns);
      const Timed both = measure(all[i], stream.size(), 2);
      if (both.share > 0.95) two[i].push_back(both.ns);
    }
  }
  std::printf("\n%.*s -> u64, %zu entries, zipf 0.99, all hits; median of %d\n",
              static_cast<int>(keys.size()), keys.data(), entries, plan.rounds);
  std::printf("%-34s %9s %7s %11s %9s %11s\n", "", "ns/hit", "ratio", "2 threads", "slow-down", "overhead B");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double single = median(one[i]);
    std::printf("%-34s %9.1f %7.2f ", all[i].name.c_str(), single, single / median(one[0]));
    if (two[i].empty()) {
      std::printf("%11s %9s", "busy", "-");
    } else {
      std::printf("%11.1f %9.2f", median(two[i]), median(two[i]) / single);
    }
    std::printf(" %11.1f\n", all[i].overhead);
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace terrace::bench

int main(int argc, char** argv) {
  using namespace terrace::bench;
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  const Plan plan = quick ? Plan{20'000, 3, {1'000}} : Plan{1'000'000, 9, {10'000, 1'000'000}};
  for (const std::size_t entries : plan.sizes) {
    compete<std::uint64_t>(plan, entries, "u64");
    compete<std::string>(plan, entries, "14-byte string");
  }
}
