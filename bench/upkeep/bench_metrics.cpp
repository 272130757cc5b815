/// What metrics cost: a hit in memory while they are scraped every 100 ms and while they are not, in turns
/// within one run; and the text of 50 caches of 4 levels each. Usage: bench_metrics [--quick]

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <ctime>
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
  std::size_t lookups = 1'000'000;  ///< of a turn: about as long as 100 ms
  int rounds = 101;
  int texts = 51;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

/// What this thread has had of a processor, in ns: what else runs on the machine does not count, spinning for
/// a lock does.
double processor_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Takes the text every 100 ms while it is on. The thread is there either way.
class Scraper {
 public:
  explicit Scraper(const terrace::Metrics& metrics)
      : thread_([this, &metrics](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!woken_.wait_for(lock, stop, 100ms, [&] { return stop.stop_requested(); })) {
            if (on) scrapes_ += metrics.text().empty() ? 0 : 1;
          }
        }) {}
  /// How often it did.
  int stop() {
    thread_.request_stop();
    thread_.join();
    return scrapes_;
  }

  std::atomic<bool> on{false};

 private:
  std::mutex mutex_;
  std::condition_variable_any woken_;
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
    const double start = processor_time();
    for (std::size_t i = 0; i < plan.lookups; ++i) sum += *cache.get(keys[i % keys.size()]);
    return (processor_time() - start) / static_cast<double>(plan.lookups);
  };
  (void)ns_each();
  std::vector<double> off;
  std::vector<double> on;
  std::vector<double> ratios;
  Scraper scraper(metrics);
  for (int round = 0; round < plan.rounds; ++round) {
    // Who is first changes, so that what slows down or warms up meanwhile evens out.
    for (const bool scraped : {round % 2 == 0, round % 2 != 0}) {
      scraper.on = scraped;
      (scraped ? on : off).push_back(ns_each());
    }
    ratios.push_back(on.back() / off.back());
  }
  std::printf("hit: metrics off %5.1f ns, on %5.1f ns, ratio %.3f (%d scrapes)  (%llu)\n", median(off),
              median(on), median(ratios), scraper.stop(), static_cast<unsigned long long>(sum % 10));
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
