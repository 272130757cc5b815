/// How long a bulk delete over a large memory level holds other work up: for each probe the longest single
/// call, over a cache of memory alone and over a cache with a tier that answers on the I/O thread, as a server
/// does. Without a bulk delete the same probes show what the machine itself costs.
/// Usage: bench_bulk_delete [--quick]

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <terrace/cache.hpp>
#include <terrace/runtime.hpp>
#include <terrace/testing.hpp>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Strings = terrace::Cache<std::string>;
using namespace std::chrono_literals;

double ms(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

/// Calls its function again and again on a thread of its own, and keeps the longest time of one call.
class Probe {
 public:
  explicit Probe(std::function<void()> call)
      : thread_([this, call = std::move(call)] {
          while (!ended_) {
            const auto begin = Clock::now();
            call();
            const auto took = (Clock::now() - begin).count();
            if (took > longest_) longest_ = took;
            std::this_thread::sleep_for(20us);
          }
        }) {}
  ~Probe() {
    ended_ = true;
    thread_.join();
  }
  /// Since the last call of it.
  Clock::duration longest() { return Clock::duration(longest_.exchange(0)); }

 private:
  std::atomic<bool> ended_{false};
  std::atomic<Clock::rep> longest_{0};
  std::thread thread_;
};

std::string key_of(std::size_t i) {
  return "page:" + std::to_string(i);
}

void fill(Strings& cache, std::size_t entries) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < entries; ++i) keys.push_back(key_of(i));
  for (std::size_t from = 0; from < entries; from += 10'000) {
    std::vector<std::pair<std::string, std::string>> some;
    for (std::size_t i = from; i < std::min(from + 10'000, entries); ++i) some.emplace_back(keys[i], "value");
    cache.set_many(std::move(some));
  }
}

double median(std::vector<double> of) {
  std::sort(of.begin(), of.end());
  return of[of.size() / 2];
}

void measure(const char* name, Strings& cache, terrace::Scheduler& scheduler, std::size_t entries,
             int rounds) {
  const auto nothing = [] { std::this_thread::sleep_for(200ms); };
  struct Work {
    const char* name;
    std::function<void()> run;
    bool empties;
  };
  const std::vector<Work> works = {
      {"nothing", nothing, false},
      {"prefix, no key matches", [&] { cache.invalidate_prefix("cart:").value(); }, false},
      {"glob, no key matches", [&] { cache.invalidate_glob("cart:*[0-9]").value(); }, false},
      {"prefix, every key matches", [&] { cache.invalidate_prefix("page:").value(); }, true},
      {"clear", [&] { cache.clear().value(); }, true},
  };
  fill(cache, entries);
  for (const Work& work : works) {
    std::array<std::vector<double>, 4> longest;
    for (int round = 0; round < rounds; ++round) {
      {
        int n = 0;
        Probe hit([&] { static_cast<void>(cache.get("page:7")); });
        Probe write([&] { cache.set("probe:" + std::to_string(++n % 100), "value").value(); });
        Probe io([&] {
          terrace::Latch latch;
          scheduler.post([&] { latch.open(); });
          latch.wait_until(terrace::no_deadline);
        });
        std::this_thread::sleep_for(5ms);
        static_cast<void>(hit.longest(), write.longest(), io.longest());
        const auto begin = Clock::now();
        work.run();
        longest[3].push_back(ms(Clock::now() - begin));
        std::this_thread::sleep_for(50ms);  // a call that was held up ends
        longest[0].push_back(ms(hit.longest()));
        longest[1].push_back(ms(write.longest()));
        longest[2].push_back(ms(io.longest()));
      }
      if (work.empties) fill(cache, entries);
    }
    std::printf("%-12s %-26s  hit %7.2f  write %7.2f  I/O %7.2f  the bulk delete %7.1f\n", name, work.name,
                median(longest[0]), median(longest[1]), median(longest[2]), median(longest[3]));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  const std::size_t entries = quick ? 20'000 : 1'000'000;
  const int rounds = quick ? 1 : 5;
  const auto runtime = terrace::Runtime::common();
  std::printf("%zu entries; the longest call in ms, median of %d\n", entries, rounds);
  Strings alone({.name = "alone", .max_entries = entries * 2, .scheduler = runtime}, {});
  measure("memory alone", alone, *runtime, entries, rounds);
  alone.clear().value();
  // The tier is empty, so the bulk delete of memory is what takes time.
  const auto tier =
      std::make_shared<terrace::testing::FaultyTier>(std::make_shared<terrace::testing::NullTier>(), runtime);
  tier->plan([](std::string_view operation, std::string_view) {
    using terrace::testing::Fault;
    return operation.starts_with("erase_") ? Fault{.kind = Fault::Kind::delay, .delay = 1ms} : Fault{};
  });
  Strings over({.name = "over", .max_entries = entries * 2, .scheduler = runtime}, {tier});
  measure("over a tier", over, *runtime, entries, rounds);
  return 0;
}
