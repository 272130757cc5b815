/// What a Cache<V> costs above the MemoryCache in it: a hit of each on the same keys, in turns within one
/// run; and a miss that ends in a tier, blocking. Hits by the thread's processor time, so that other work on
/// the machine costs no more than what it takes of the caches. Usage: bench_cascade [--quick]

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <terrace/cache.hpp>
#include <terrace/testing.hpp>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Plan {
  std::size_t entries = 10'000;
  std::size_t lookups = 1'000'000;
  int rounds = 21;
};

/// Keys drawn by Zipf's law with exponent 0.99 (inverse transform over the cumulated weights).
std::vector<std::string> zipf_keys(const Plan& plan) {
  std::vector<double> cumulated(plan.entries);
  double sum = 0;
  for (std::size_t i = 0; i < plan.entries; ++i)
    cumulated[i] = sum += 1 / std::pow(static_cast<double>(i + 1), 0.99);
  std::mt19937_64 random(42);
  std::uniform_real_distribution<double> share(0, sum);
  std::vector<std::string> keys(plan.lookups);
  for (auto& key : keys) {
    const auto at = std::lower_bound(cumulated.begin(), cumulated.end(), share(random));
    key = "key:" + std::to_string(at - cumulated.begin());
  }
  return keys;
}

/// Nanoseconds of this thread's processor time for one of `count` calls.
template <class Work>
double busy_ns_each(std::size_t count, Work work) {
  const auto busy_ns = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
  };
  const double start = busy_ns();
  work();
  return (busy_ns() - start) / static_cast<double>(count);
}

/// Nanoseconds for one of `count` calls.
template <class Work>
double ns_each(std::size_t count, Work work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / static_cast<double>(count);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

void hits(const Plan& plan, bool with_ttl) {
  using namespace std::chrono_literals;
  const auto keys = zipf_keys(plan);
  terrace::MemoryOptions<std::string, std::uint64_t> options;
  options.max_entries = 2 * plan.entries;
  terrace::CacheOptions cache_options{.max_entries = 2 * plan.entries};
  if (with_ttl) options.ttl = cache_options.ttl = 1h;
  terrace::MemoryCache<std::string, std::uint64_t> memory(options);
  terrace::Cache<std::uint64_t> cache(cache_options, {std::make_shared<terrace::testing::NullTier>()});
  for (std::size_t i = 0; i < plan.entries; ++i) {
    memory.set("key:" + std::to_string(i), i);
    cache.set("key:" + std::to_string(i), i).value();
  }
  std::vector<double> below;
  std::vector<double> above;
  std::vector<double> ratios;
  std::uint64_t sum = 0;
  for (int round = 0; round < plan.rounds; ++round) {
    below.push_back(busy_ns_each(keys.size(), [&] {
      for (const auto& key : keys) sum += *memory.get(key);
    }));
    above.push_back(busy_ns_each(keys.size(), [&] {
      for (const auto& key : keys) sum += *cache.get(key);
    }));
    ratios.push_back(above.back() / below.back());
  }
  std::printf("hit, %7zu entries%s: MemoryCache %6.1f ns, Cache<V> %6.1f ns, ratio %.2f  (%llu)\n",
              plan.entries, with_ttl ? " with a TTL" : "           ", median(below), median(above),
              median(ratios), static_cast<unsigned long long>(sum % 10));
}

/// The walk without I/O: a tier in this process that answers inside the call.
void walk(const Plan& plan) {
  terrace::Cache<std::uint64_t> cache({.max_entries = 1}, {std::make_shared<terrace::testing::MapTier>()});
  const std::size_t keys = 1000;
  for (std::size_t i = 0; i < keys; ++i) cache.set(std::to_string(i), i).value();
  std::vector<double> times;
  for (int round = 0; round < plan.rounds; ++round) {
    times.push_back(ns_each(keys, [&] {
      for (std::size_t i = 0; i < keys; ++i) (void)cache.get(std::to_string(i));
    }));
  }
  std::printf("walk to a tier in this process and back, blocking: %.0f ns\n", median(times));
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  if (argc > 1 && std::strcmp(argv[1], "--quick") == 0)
    plan = {.entries = 1000, .lookups = 10'000, .rounds = 3};
  const Plan large{
      .entries = 100 * plan.entries, .lookups = plan.lookups, .rounds = std::min(plan.rounds, 9)};
  for (const bool with_ttl : {false, true}) {
    hits(plan, with_ttl);
    hits(large, with_ttl);
  }
  walk(plan);
}
