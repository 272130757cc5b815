// What versions cost: VersionedTier on one key against the plain operations, in turns in one run, against a
// server of its own. bench_versioned [--quick]
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <terrace/redis.hpp>
#include <terrace/versioned_tier.hpp>

#include "support/redis_server.hpp"

namespace {

using namespace terrace;
using namespace std::chrono_literals;
using Micros = std::chrono::duration<double, std::micro>;

/// An asynchronous operation on the i-th key; calls the task when it has ended.
using Operation = std::function<void(unsigned i, Task ended)>;

constexpr unsigned keys = 1000;
const std::string value(64, 'v');
std::vector<std::string> names;

const std::string& key_of(unsigned i) {
  return names[i % keys];
}

TimePoint in_time() {
  return after(system_clock().now(), 10s);
}

/// Ends the program when the operation failed: its figure would mean nothing.
template <class Outcome>
auto checked(Task ended) {
  return [ended = std::move(ended)](const Outcome& outcome) mutable {
    if constexpr (requires { outcome.front(); }) {
      if (!outcome.front()) std::abort();
    } else if (!outcome) {
      std::abort();
    }
    ended();
  };
}

struct Contest {
  const char* what;
  Operation plain;
  Operation versioned;
};

std::vector<Contest> contests(Tier& tier) {
  static std::atomic<std::uint64_t> counter{0};
  const auto next = [] { return Version{.counter = ++counter, .writer = 1}; };
  return {
      {"read",
       [&](unsigned i, Task ended) {
         tier.get(key_of(i), in_time(), checked<Result<Found>>(std::move(ended)));
       },
       [&](unsigned i, Task ended) {
         tier.versioned()->read_many({key_of(i)}, in_time(),
                                     checked<std::vector<Result<Reading>>>(std::move(ended)));
       }},
      {"write",
       [&](unsigned i, Task ended) {
         // Keys of its own: a plain set would end the copies that are read.
         tier.set("plain:" + key_of(i), value, 1h, in_time(), checked<Result<void>>(std::move(ended)));
       },
       [&, next](unsigned i, Task ended) {
         tier.versioned()->write_many({{key_of(i), next(), value, 1h}}, 10min, in_time(),
                                      checked<std::vector<Result<Written>>>(std::move(ended)));
       }},
  };
}

double median(std::vector<double> figures) {
  const auto middle = figures.begin() + static_cast<std::ptrdiff_t>(figures.size() / 2);
  std::nth_element(figures.begin(), middle, figures.end());
  return *middle;
}

/// How long each of `count` operations takes when they come one after the other.
void one_by_one(const Operation& operation, unsigned count, std::vector<double>& micros) {
  for (unsigned i = 0; i < count; ++i) {
    auto ended = std::make_shared<Latch>();
    const TimePoint begin = system_clock().now();
    operation(i, [ended] { ended->open(); });
    Runtime::common()->wait(*ended, no_deadline);
    micros.push_back(Micros(system_clock().now() - begin).count());
  }
}

/// Keeps 64 operations under way until `count` have ended; how many end in a second.
double rate(const Operation& operation, int count) {
  std::atomic<int> left{count}, pending{64};
  std::function<void()> next = [&] {
    const int i = left--;
    if (i > 0) return operation(static_cast<unsigned>(i), [&next] { next(); });
    --pending;
    pending.notify_all();
  };
  const TimePoint begin = system_clock().now();
  for (int i = 0; i < 64; ++i) next();
  for (int now = pending; now > 0; now = pending) pending.wait(now);
  return count / (Micros(system_clock().now() - begin).count() / 1e6);
}

void run(const Contest& contest, bool quick) {
  std::vector<double> plain_us, versioned_us, plain_rate, versioned_rate;
  for (int round = 0; round < (quick ? 2 : 20); ++round) {
    one_by_one(contest.plain, 1000, plain_us);
    one_by_one(contest.versioned, 1000, versioned_us);
  }
  for (int round = 0; round < (quick ? 1 : 7); ++round) {
    plain_rate.push_back(rate(contest.plain, quick ? 5'000 : 100'000));
    versioned_rate.push_back(rate(contest.versioned, quick ? 5'000 : 100'000));
  }
  const double a = median(plain_us), b = median(versioned_us);
  std::printf("%-5s one by one: plain p50 %6.1f us   with a version p50 %6.1f us   ratio %.2f\n",
              contest.what, a, b, b / a);
  const double c = median(plain_rate), d = median(versioned_rate);
  std::printf("%-5s 64 under way: plain %8.0f /s   with a version %8.0f /s   ratio %.2f\n", contest.what, c,
              d, d / c);
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  if (!testing::RedisServer::available()) {
    std::puts("skipped: no redis-server or valkey-server in PATH");
    return 0;
  }
  const testing::RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  for (unsigned i = 0; i < keys; ++i) names.push_back("key:" + std::to_string(i));
  const auto all = contests(*tier);
  std::vector<double> warm_up;
  one_by_one(all[1].versioned, keys, warm_up);
  for (const auto& contest : all) run(contest, quick);
}
