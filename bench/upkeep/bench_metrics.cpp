/// What metrics cost: a hit in memory while they are scraped every 100 ms and while they are not, in turns
/// within one run; and the text of 50 caches of 4 levels each. Usage: bench_metrics [--quick]

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <terrace/cache.hpp>
#include <terrace/metrics.hpp>
#include <terrace/testing.hpp>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Plan {
  std::size_t entries = 10'000;
  std::size_t lookups = 10'000'000;  ///< of a turn: so long that it is scraped several times
  int rounds = 41;
  int texts = 51;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

/// Takes the text at once and then every 100 ms, as long as it lives.
class Scraper {
 public:
  explicit Scraper(const terrace::Metrics& metrics)
      : thread_([this, &metrics](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!stop.stop_requested()) {
            bytes_ += metrics.text().size();
            ++scrapes_;
            woken_.wait_for(lock, stop, 100ms, [] { return false; });
          }
        }) {}
  /// How often it did.
  int stop() {
    thread_.request_stop();
    thread_.join();
    return bytes_ > 0 ? scrapes_ : 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::size_t bytes_ = 0;
  int scrapes_ = 0;
  std::jthread thread_;
};

void hits(const Plan& plan) {
  terrace::Cache<std::uint64_t> cache(
      {.name = "hits", .max_entries = 2 * plan.entries, .ttl = 1h},
      {std::make_shared<terrace::testing::MapTier>(), std::make_shared<terrace::testing::MapTier>()});
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < plan.entries; ++i) {
    keys.push_back("key:" + std::to_string(i));
    cache.set(keys.back(), i).value();
  }
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(42));
  terrace::Metrics metrics;
  metrics.add(cache);
  std::uint64_t sum = 0;
  const auto ns_each = [&] {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < plan.lookups; ++i) sum += *cache.get(keys[i % keys.size()]);
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count() /
           static_cast<double>(plan.lookups);
  };
  (void)ns_each();
  std::vector<double> off;
  std::vector<double> on;
  std::vector<double> ratios;
  int scrapes = 0;
  for (int round = 0; round < plan.rounds; ++round) {
    // Who is first changes, so that what slows down or warms up meanwhile evens out.
    for (const bool scraped : {round % 2 == 0, round % 2 != 0}) {
      if (!scraped) {
        off.push_back(ns_each());
        continue;
      }
      Scraper scraper(metrics);
      on.push_back(ns_each());
      scrapes += scraper.stop();
    }
    ratios.push_back(on.back() / off.back());
  }
  std::printf("hit: metrics off %5.1f ns, on %5.1f ns, ratio %.3f (%d scrapes)  (%llu)\n", median(off),
              median(on), median(ratios), scrapes, static_cast<unsigned long long>(sum % 10));
}

void text(const Plan& plan, int count) {
  std::vector<std::unique_ptr<terrace::Cache<std::uint64_t>>> caches;
  terrace::Metrics metrics;
  for (int i = 0; i < count; ++i) {
    std::vector<std::shared_ptr<terrace::Tier>> tiers;
    for (int tier = 0; tier < 3; ++tier) tiers.push_back(std::make_shared<terrace::testing::MapTier>());
    caches.push_back(std::make_unique<terrace::Cache<std::uint64_t>>(
        terrace::CacheOptions{.name = "cache" + std::to_string(i)}, std::move(tiers)));
    for (std::uint64_t key = 0; key < 100; ++key) {
      (void)caches.back()->get_or_load(std::to_string(key), [key] { return key; });
      (void)caches.back()->get(std::to_string(key));
    }
    metrics.add(*caches.back());
  }
  std::vector<double> times;
  std::size_t bytes = 0;
  for (int i = 0; i < plan.texts; ++i) {
    const auto start = Clock::now();
    bytes = metrics.text().size();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::printf("text() of %d caches of 4 levels: median %.2f ms, longest %.2f ms, %zu bytes\n", count,
              median(times), *std::max_element(times.begin(), times.end()), bytes);
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  if (argc > 1 && std::strcmp(argv[1], "--quick") == 0)
    plan = {.entries = 1000, .lookups = 10'000, .rounds = 3, .texts = 3};
  hits(plan);
  text(plan, 50);
}
