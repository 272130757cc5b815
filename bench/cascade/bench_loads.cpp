/// Loads under stress: loads that need other loads, loaders that hang, a failing loader in twenty processes,
/// and a budget for the origin. Usage: bench_loads [--quick]. The convoy needs redis-server in the PATH.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <terrace/cache.hpp>
#include <terrace/redis.hpp>
#include <terrace/runtime.hpp>
#include <thread>
#include <vector>

#include "chaos/processes.hpp"
#include "support/redis_server.hpp"

namespace {

using namespace terrace;
using namespace std::chrono_literals;

double ms(Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

Duration percentile(std::vector<Duration> times, double share) {
  std::sort(times.begin(), times.end());
  return times[std::min(times.size() - 1,
                        static_cast<std::size_t>(share * static_cast<double>(times.size())))];
}

void work(Duration time) {
  std::this_thread::sleep_for(time);
}

/// Reads all keys at once with the loader; returns how long it took until all were answered.
Duration read_all(Cache<std::string>& cache, const std::vector<std::string>& keys,
                  const std::shared_ptr<cascade::Loader>& loader, std::atomic<unsigned>& right) {
  std::atomic<std::size_t> left{keys.size()};
  const auto all = std::make_shared<Latch>();
  const TimePoint began = system_clock().now();
  for (const std::string& key : keys) {
    detail::CacheAccess::engine(cache).read({key}, loader, {},
                                            [&, all](const std::vector<cascade::Answer>& answers) {
                                              if (answers.front().kind == LookupKind::hit) ++right;
                                              if (--left == 0) all->open();
                                            });
  }
  detail::CacheAccess::engine(cache).scheduler().wait(*all, no_deadline);
  return system_clock().now() - began;
}

std::vector<std::string> numbered(const std::string& name, unsigned count) {
  std::vector<std::string> keys;
  for (unsigned i = 0; i < count; ++i) keys.push_back(name + std::to_string(i));
  return keys;
}

/// The work of a parent and of those that it needs takes 30 ms, and 64 run at a time. The same work without
/// nesting is the time to compare with.
void nested() {
  constexpr unsigned parents = 1000;
  std::atomic<unsigned> right{0};
  Cache<std::string> flat({.name = "flat"});
  const auto alone = cascade::make_loader<std::string>([] {
    work(30ms);
    return std::string("v");
  });
  const Duration own = read_all(flat, numbered("p", parents), alone, right);
  right = 0;
  Cache<std::string> deep({.name = "deep"});
  const auto loader = cascade::make_loader<std::string>([&](std::string_view key) {
    const std::string id(key);
    work(10ms);
    return deep
        .get_or_load("c" + id,
                     [&] {
                       work(10ms);
                       return deep
                           .get_or_load("g" + id,
                                        [] {
                                          work(10ms);
                                          return std::string("v");
                                        })
                           .value();
                     })
        .value();
  });
  const Duration took = read_all(deep, numbered("p", parents), loader, right);
  std::printf("1,000 parents, 3 deep: %u right, %.0f ms; the same work without nesting %.0f ms; ratio %.2f\n",
              right.load(), ms(took), ms(own), ms(took) / ms(own));
}

/// The latency of loads of B, in turns: while A is idle, and while 64 loaders of A hang.
void bulkhead() {
  const auto runtime = std::make_shared<Runtime>();
  std::vector<Duration> idle;
  std::vector<Duration> beside;
  Cache<std::string> b({.name = "b", .scheduler = runtime});
  unsigned next = 0;
  const auto measure = [&](std::vector<Duration>& times) {
    for (int i = 0; i < 2000; ++i) {
      const TimePoint began = system_clock().now();
      b.get_or_load("k" + std::to_string(next++), [] { return std::string("v"); }).value();
      times.push_back(system_clock().now() - began);
    }
  };
  for (int turn = 0; turn < 5; ++turn) {
    measure(idle);
    std::atomic<bool> go_on{false};
    std::atomic<unsigned> hang{0};
    std::vector<std::thread> callers;
    Cache<std::string> a({.name = "a", .scheduler = runtime});
    for (int i = 0; i < 64; ++i) {
      callers.emplace_back([&, i] {
        static_cast<void>(a.get_or_load("k" + std::to_string(i), [&] {
          ++hang;
          go_on.wait(false);
          return std::string("v");
        }));
      });
    }
    while (hang < 64) std::this_thread::yield();
    measure(beside);
    go_on = true;
    go_on.notify_all();
    for (auto& caller : callers) caller.join();
  }
  const auto alone = percentile(idle, 0.99);
  const auto with = percentile(beside, 0.99);
  std::printf("p99 of a load of B: %.3f ms; while 64 loaders of A hang %.3f ms; ratio %.2f\n", ms(alone),
              ms(with), ms(with) / ms(alone));
}

std::size_t resident_kib() {
  std::ifstream status("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  status >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

/// 1,000 loaders, 64 at a time, that return only when they are asked to stop, or not at all.
void never(bool stops, unsigned loaders) {
  const auto limit = 200ms;
  std::mutex mutex;
  std::condition_variable_any changed;
  bool end = false;
  std::vector<Duration> waits;
  std::atomic<unsigned> inside{0};
  {
    Cache<std::string> cache({.name = "never", .load_timeout = limit});
    const std::size_t before = resident_kib();
    for (unsigned done = 0; done < loaders; done += 64) {
      std::atomic<unsigned> right{0};
      const auto loader =
          cascade::make_loader<std::string>([&](std::string_view, const LoadContext<std::string>& context) {
            ++inside;
            std::unique_lock lock(mutex);
            if (stops) {
              changed.wait(lock, context.stop, [&] { return end; });
            } else {
              changed.wait(lock, [&] { return end; });
            }
            --inside;
            return std::string("late");
          });
      const TimePoint began = system_clock().now();
      read_all(cache, numbered("k" + std::to_string(done) + ":", std::min(64U, loaders - done)), loader,
               right);
      cache.get_or_load("healthy" + std::to_string(done), [] { return std::string("v"); }).value();
      waits.push_back(system_clock().now() - began);
    }
    const auto stats = cache.stats();
    std::printf(
        "%u loaders that %s: a slot is free %.0f ms after load_timeout at the latest; %zu KiB more, %llu "
        "overdue\n",
        loaders, stops ? "return when asked to stop" : "never return", ms(percentile(waits, 1) - limit),
        resident_kib() - before, static_cast<unsigned long long>(stats.loads_overdue));
    {
      const std::lock_guard lock(mutex);
      end = true;
    }
    changed.notify_all();
    while (inside > 0) std::this_thread::yield();
  }
}

/// Twenty processes want one key at once; the loader throws after 0.5 s.
void convoy() {
  struct Shared {
    chaos::Barrier ready;
    std::atomic<unsigned> loads{0};
    std::atomic<unsigned> next{0};
    std::atomic<std::int64_t> took_us[20]{};
  };
  testing::RedisServer server;
  chaos::InCommon<Shared> world;
  chaos::Processes processes;
  for (unsigned i = 0; i < 20; ++i) {
    processes.start([&] {
      Cache<std::string> cache({.name = "convoy"}, {make_redis_tier({.url = server.url()})});
      cache.get("warm up the connection");
      world->ready.wait(20);
      const TimePoint began = system_clock().now();
      static_cast<void>(cache.lookup_or_load("k", [&]() -> std::string {
        ++world->loads;
        work(500ms);
        throw std::runtime_error("origin down");
      }));
      world->took_us[world->next++] =
          std::chrono::duration_cast<std::chrono::microseconds>(system_clock().now() - began).count();
    });
  }
  processes.join();
  std::vector<Duration> took;
  for (const auto& us : world->took_us) took.push_back(std::chrono::microseconds(us));
  std::printf("20 processes, a loader that throws after 500 ms: %u loads, median %.0f ms, slowest %.0f ms\n",
              world->loads.load(), ms(percentile(took, 0.5)), ms(percentile(took, 1)));
}

/// 10,000 keys were invalidated; the hundred hottest are wanted by ten readers each.
void budget(unsigned cold) {
  Cache<std::string> cache(
      {.name = "budget", .max_entries = 20'000, .load_timeout = 300s, .max_loads_per_second = 100});
  std::mutex mutex;
  std::vector<std::pair<TimePoint, std::string>> calls;
  const auto loader = cascade::make_loader<std::string>([&](std::string_view key) {
    const std::lock_guard lock(mutex);
    calls.emplace_back(system_clock().now(), key);
    return std::string("v");
  });
  auto keys = numbered("cold", cold);
  for (int reader = 0; reader < 10; ++reader) {
    const auto hot = numbered("hot", 100);
    keys.insert(keys.end(), hot.begin(), hot.end());
  }
  std::atomic<unsigned> right{0};
  const Duration took = read_all(cache, keys, loader, right);
  std::sort(calls.begin(), calls.end());
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < calls.size(); ++last) {
    while (calls[last].first - calls[first].first >= 1s) ++first;
    most = std::max(most, last - first + 1);
  }
  std::size_t last_hot = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].second.starts_with("hot")) last_hot = i + 1;
  }
  std::printf(
      "%u keys, budget 100/s: %zu loads in %.0f s, at most %zu in a second; the 100 hot keys are among "
      "the first %zu\n",
      cold + 100, calls.size(), ms(took) / 1000, most, last_hot);
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  convoy();  // forks: before any thread
  nested();
  bulkhead();
  never(true, quick ? 128 : 1000);
  never(false, quick ? 128 : 1000);
  budget(quick ? 100 : 9'900);
}
