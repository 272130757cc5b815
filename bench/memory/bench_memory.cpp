// bench_memory [--quick]: what a hit of MemoryCache costs, beside a bare unsynchronised hash map on the same
// keys, and what get-or-insert costs, beside other caches. The contestants take turns within one run, because
// a machine's speed drifts; medians, and ratios to the bare map. Times are the threads' processor time, so
// that other work on the machine costs no more than what it takes of the caches.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
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
  double share;  // of the time from the first begin to the last end that all threads had a processor
};

/// Each thread looks up its own part of the stream from `from` on. They begin together: a wait that sleeps
/// would let one be done before the other wakes.
Timed measure(const Contestant& contestant, std::size_t from, std::size_t stream, std::size_t threads) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> busy_ns(threads);
  std::vector<Clock::time_point> began(threads);
  std::vector<Clock::time_point> ended(threads);
  std::atomic<std::size_t> ready = 0;
  const std::size_t length = stream / threads;
  const auto part = [&](std::size_t t) {
    ++ready;
    while (ready < threads) {
    }
    began[t] = Clock::now();
    const double busy_before = thread_time_ns();
    if (contestant.run(from + t * length, from + (t + 1) * length) != length) std::puts("NOT ALL WERE HITS");
    busy_ns[t] = thread_time_ns() - busy_before;
    ended[t] = Clock::now();
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t t = 1; t < threads; ++t) others.emplace_back(part, t);
    part(0);
  }
  const double busy = std::accumulate(busy_ns.begin(), busy_ns.end(), 0.0);
  const double span = std::chrono::duration<double, std::nano>(*std::max_element(ended.begin(), ended.end()) -
                                                               *std::min_element(began.begin(), began.end()))
                          .count();
  return {busy / static_cast<double>(stream), busy / (span * static_cast<double>(threads))};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Times {
  std::vector<double> one;
  std::vector<double> two;
  std::vector<double> slow_down;
};

/// Two threads against one on the same short part of the stream, because seldom have both a processor for
/// long on a machine that has other work.
void measure_two(const Contestant& contestant, std::size_t from, std::size_t stream, Times& times) {
  const double alone = measure(contestant, from, stream, 1).ns;
  const Timed both = measure(contestant, from, stream, 2);
  if (both.share < 0.85) return;
  times.two.push_back(both.ns);
  times.slow_down.push_back(both.ns / alone);
}

/// All of them in turns.
std::vector<Times> take_turns(const std::vector<Contestant>& all, std::size_t stream, int rounds) {
  std::vector<Times> times(all.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      times[i].one.push_back(measure(all[i], 0, stream, 1).ns);
      constexpr std::size_t parts = 8;
      for (std::size_t part = 0; part < parts; ++part) {
        measure_two(all[i], part * (stream / parts), stream / parts, times[i]);
      }
    }
  }
  return times;
}

void print(const std::vector<Contestant>& all, const std::vector<Times>& times) {
  std::printf("%-34s %9s %7s %11s %9s %11s\n", "", "ns each", "ratio", "2 threads", "slow-down",
              "overhead B");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double single = median(times[i].one);
    std::printf("%-34s %9.1f %7.2f ", all[i].name.c_str(), single, single / median(times[0].one));
    if (times[i].two.empty()) {
      std::printf("%11s %9s", "busy", "-");
    } else {
      std::printf("%11.1f %9.2f", median(times[i].two), median(times[i].slow_down));
    }
    std::printf(" %11.1f\n", all[i].overhead);
  }
  std::fflush(stdout);
}

template <class K>
void hits(const Plan& plan, std::size_t entries, std::string_view keys) {
  const auto stream = zipf_stream(entries, plan.stream, 42);
  const auto all = contestants<K>(entries, stream);
  const auto times = take_turns(all, stream.size(), plan.rounds);
  std::printf("\n%.*s -> u64, %zu entries, zipf 0.99, all hits; median of %d\n",
              static_cast<int>(keys.size()), keys.data(), entries, plan.rounds);
  print(all, times);
}

/// Once with room for all keys, once for a tenth of them.
void churn(const Plan& plan, std::size_t entries) {
  for (const std::size_t keys : {entries / 2, entries * 10}) {
    const auto stream = zipf_stream(keys, plan.stream, 43);
    const auto all = churn_contestants(entries, stream);
    const auto times = take_turns(all, stream.size(), plan.rounds);
    std::printf("\nget or insert, u64 -> u64, %zu entries, zipf 0.99 over %zu keys; median of %d\n", entries,
                keys, plan.rounds);
    print(all, times);
  }
}

}  // namespace
}  // namespace terrace::bench

int main(int argc, char** argv) {
  using namespace terrace::bench;
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  const Plan plan = quick ? Plan{20'000, 3, {1'000}} : Plan{1'000'000, 9, {10'000, 1'000'000}};
  for (const std::size_t entries : plan.sizes) {
    hits<std::uint64_t>(plan, entries, "u64");
    hits<std::string>(plan, entries, "14-byte string");
    churn(plan, entries / 10);
  }
}
