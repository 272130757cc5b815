// bench_memory [--quick]: what a hit of MemoryCache costs, beside a bare unsynchronised hash map on the same
// keys. The contestants take turns within one run, because a machine's speed drifts; medians, and ratios to
// the bare map.

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <latch>
#include <memory/contestants.hpp>
#include <string_view>
#include <thread>

namespace terrace::bench {
namespace {

struct Plan {
  std::size_t stream;
  int rounds;
  std::vector<std::size_t> sizes;
};

/// Nanoseconds per look-up and thread, each thread with its own part of the stream.
double measure(const Contestant& contestant, std::size_t stream, int threads) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> ns(static_cast<std::size_t>(threads));
  std::latch start(threads);
  const auto part = [&](std::size_t t) {
    const std::size_t length = stream / static_cast<std::size_t>(threads);
    start.arrive_and_wait();
    const auto began = Clock::now();
    if (contestant.run(t * length, (t + 1) * length) != length) std::puts("NOT ALL WERE HITS");
    ns[t] =
        std::chrono::duration<double, std::nano>(Clock::now() - began).count() / static_cast<double>(length);
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(part, static_cast<std::size_t>(t));
    part(0);
  }
  double sum = 0;
  for (const double each : ns) sum += each;
  return sum / threads;
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
      one[i].push_back(measure(all[i], stream.size(), 1));
      two[i].push_back(measure(all[i], stream.size(), 2));
    }
  }
  std::printf("\n%.*s -> u64, %zu entries, zipf 0.99, all hits; median of %d\n",
              static_cast<int>(keys.size()), keys.data(), entries, plan.rounds);
  std::printf("%-34s %9s %7s %11s %9s %11s\n", "", "ns/hit", "ratio", "2 threads", "slow-down", "overhead B");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double single = median(one[i]);
    const double dual = median(two[i]);
    std::printf("%-34s %9.1f %7.2f %11.1f %9.2f %11.1f\n", all[i].name.c_str(), single,
                single / median(one[0]), dual, dual / single, all[i].overhead);
  }
}

}  // namespace
}  // namespace terrace::bench

int main(int argc, char** argv) {
  using namespace terrace::bench;
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  const Plan plan = quick ? Plan{20'000, 3, {1'000}} : Plan{4'000'000, 9, {10'000, 1'000'000}};
  for (const std::size_t entries : plan.sizes) {
    compete<std::uint64_t>(plan, entries, "u64");
    compete<std::string>(plan, entries, "14-byte string");
  }
}
