// The Redis tier against raw hiredis and redis-benchmark, in turns in one run, against a server of its own.
// bench_redis [--quick]
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <terrace/redis.hpp>
#include <terrace/shared_tier.hpp>
#include <thread>

#include "support/redis_server.hpp"

#ifdef TERRACE_WITH_HIREDIS
#include <hiredis/hiredis.h>
#endif

namespace {

using namespace terrace;
using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr int keys = 1000;

std::string key_of(unsigned i) {
  return "key:" + std::to_string(i % keys);
}

[[noreturn]] void fail(const std::string& why) {
  throw std::runtime_error(why);
}

/// A blocking get, as a cache does it.
class Blocking {
 public:
  explicit Blocking(const std::string& url)
      : runtime_(Runtime::common()), tier_(make_redis_tier({.url = url}, runtime_)) {}

  void get(const std::string& key) {
    struct Call {
      Latch latch;
      Result<Found> outcome;
    };
    const auto call = std::make_shared<Call>();
    const TimePoint deadline = after(runtime_->clock().now(), 5s);
    tier_->get(key, deadline, [call](Result<Found> outcome) {
      call->outcome = std::move(outcome);
      call->latch.open();
    });
    if (!runtime_->wait(call->latch, no_deadline) || !call->outcome) fail(call->outcome.error().message());
    if (!*call->outcome) fail("a miss");
  }
  Tier& tier() { return *tier_; }

 private:
  std::shared_ptr<Runtime> runtime_;
  std::shared_ptr<Tier> tier_;
};

double percentile(std::vector<double>& values, double share) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

#ifdef TERRACE_WITH_HIREDIS
class Hiredis {
 public:
  explicit Hiredis(int port) : context_(redisConnect("127.0.0.1", port)) {
    if (context_ == nullptr || context_->err != 0) fail("hiredis cannot connect");
  }
  ~Hiredis() { redisFree(context_); }
  Hiredis(const Hiredis&) = delete;
  Hiredis& operator=(const Hiredis&) = delete;

  void get(const std::string& key) {
    auto* reply = static_cast<redisReply*>(redisCommand(context_, "GET %b", key.data(), key.size()));
    if (reply == nullptr || reply->type != REDIS_REPLY_STRING) fail("hiredis: no value");
    freeReplyObject(reply);
  }

 private:
  redisContext* context_;
};

using Get = std::function<void(const std::string&)>;

void measure(const Get& get, int count, std::vector<double>& micros) {
  for (int i = 0; i < count; ++i) {
    const std::string key = key_of(static_cast<unsigned>(i));
    const auto begin = std::chrono::steady_clock::now();
    get(key);
    micros.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
}

/// Gets per second of that many threads; `make` gives each its own way to get.
double throughput(unsigned threads, Duration time, const std::function<Get()>& make) {
  std::atomic<bool> go{false}, stop{false};
  std::atomic<std::uint64_t> total{0};
  std::vector<std::jthread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t, get = make()] {
      go.wait(false);
      std::uint64_t count = 0;
      for (unsigned i = t * 37; !stop; ++i, ++count) get(key_of(i));
      total += count;
    });
  }
  const auto begin = std::chrono::steady_clock::now();
  go = true;
  go.notify_all();
  std::this_thread::sleep_for(time);
  stop = true;
  workers.clear();
  return static_cast<double>(total) / Seconds(std::chrono::steady_clock::now() - begin).count();
}

void against_hiredis(const testing::RedisServer& server, Blocking& ours, bool quick) {
  std::vector<double> ours_us, theirs_us;
  {
    Hiredis theirs(server.port());
    for (int round = 0; round < (quick ? 4 : 40); ++round) {
      measure([&](const std::string& key) { ours.get(key); }, 1000, ours_us);
      measure([&](const std::string& key) { theirs.get(key); }, 1000, theirs_us);
    }
  }
  const double a = percentile(ours_us, 0.5), b = percentile(theirs_us, 0.5);
  std::printf(
      "blocking get, 1 thread:    p50 %6.1f us   p99 %6.1f us   hiredis p50 %6.1f us   p99 %6.1f us   p50 "
      "ratio %.2f\n",
      a, percentile(ours_us, 0.99), b, percentile(theirs_us, 0.99), a / b);

  const Duration time = quick ? 100ms : 1s;
  double mine = 0, raw = 0;
  const int rounds = quick ? 1 : 3;
  for (int round = 0; round < rounds; ++round) {
    mine += throughput(64, time, [&] { return [&](const std::string& key) { ours.get(key); }; }) / rounds;
    raw += throughput(64, time,
                      [&] {
                        return [own = std::make_shared<Hiredis>(server.port())](const std::string& key) {
                          own->get(key);
                        };
                      }) /
           rounds;
  }
  std::printf(
      "blocking get, 64 threads:  %8.0f /s   hiredis, one connection per thread %8.0f /s   ratio %.2f\n",
      mine, raw, mine / raw);
}
#endif

/// An asynchronous operation on the i-th key; calls the task when it has ended.
using Operation = std::function<void(unsigned i, Task ended)>;

/// Keeps `depth` operations under way until `count` have ended.
class Stream {
 public:
  Stream(const Operation& operation, int depth, int count)
      : operation_(operation), left_(count), pending_(depth) {
    for (int i = 0; i < depth; ++i) next();
    while (pending_ > 0) pending_.wait(pending_);
  }

 private:
  void next() {
    const int i = left_--;
    if (i > 0) return operation_(static_cast<unsigned>(i), [this] { next(); });
    --pending_;
    pending_.notify_all();
  }

  const Operation& operation_;
  std::atomic<int> left_;
  std::atomic<int> pending_;
};

double async_rate(const Operation& operation, int depth, int count) {
  const auto begin = std::chrono::steady_clock::now();
  Stream(operation, depth, count);
  return count / Seconds(std::chrono::steady_clock::now() - begin).count();
}

TimePoint in_time() {
  return after(system_clock().now(), 10s);
}

Operation getting(Tier& tier) {
  return [&tier](unsigned i, Task ended) {
    tier.get(key_of(i), in_time(), [ended = std::move(ended)](const Result<Found>& outcome) mutable {
      if (!outcome || !*outcome) std::abort();
      ended();
    });
  };
}

Operation setting(Tier& tier) {
  return [&tier](unsigned i, Task ended) {
    static const std::string value(64, 'v');
    tier.set(key_of(i), value, 1h, in_time(),
             [ended = std::move(ended)](const Result<void>& outcome) mutable {
               if (!outcome) std::abort();
               ended();
             });
  };
}

/// A load of an absent key: acquire and fill.
Operation loading(Tier& tier) {
  return [&tier](unsigned i, Task ended) {
    LeaseToken token{};
    std::memcpy(token.data(), &i, sizeof i);
    const std::string key = "load:" + std::to_string(i);
    auto filled = [ended = std::move(ended)](const Result<bool>& outcome) mutable {
      if (!outcome || !*outcome) std::abort();
      ended();
    };
    tier.shared()->acquire(
        key, token, 10s, {}, in_time(),
        [&tier, key, token, filled = std::move(filled)](const Result<LeaseReply>& reply) mutable {
          if (!reply || reply->kind != LeaseReply::Kind::granted) std::abort();
          static const std::string value(64, 'v');
          tier.shared()->fill(key, token, value, 1h, in_time(), std::move(filled));
        });
  };
}

/// What `redis-benchmark` reaches with 64 requests in one pipeline, on one connection and on its usual 50.
double benchmark_rate(const testing::RedisServer& server, int count, int clients) {
  const auto program = testing::find_program({"redis-benchmark", "valkey-benchmark"});
  if (program.empty()) return 0;
  const auto text =
      testing::run_program({program, "-p", std::to_string(server.port()), "-P", "64", "-c",
                            std::to_string(clients), "-n", std::to_string(count), "--csv", "GET", "key:1"});
  const auto line = text.rfind("\"GET");
  const auto comma = line == std::string::npos ? line : text.find(",\"", line);
  return comma == std::string::npos ? 0 : std::stod(text.substr(comma + 2));
}

void asynchronous(const testing::RedisServer& server, Blocking& ours, bool quick) {
  const int count = quick ? 20'000 : 500'000;
  for (const int depth : {64, 256}) {
    const double mine = async_rate(getting(ours.tier()), depth, count);
    const double one = benchmark_rate(server, count, 1);
    std::printf(
        "asynchronous get, %3d under way: %8.0f /s   redis-benchmark -P 64 -c 1 %8.0f /s   ratio %.2f\n",
        depth, mine, one, one > 0 ? mine / one : 0.0);
  }
  for (const int depth : {64, 256}) {
    std::printf("asynchronous set, %3d under way: %8.0f /s\n", depth,
                async_rate(setting(ours.tier()), depth, count));
  }
  std::printf("redis-benchmark -P 64 -c 50: %8.0f /s\n", benchmark_rate(server, count, 50));
}

void bulk(Blocking& ours, bool quick) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < keys; ++i) names.push_back(key_of(i));
  const std::vector<std::string_view> views(names.begin(), names.end());
  const int rounds = quick ? 5 : 300;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) {
    auto latch = std::make_shared<Latch>();
    ours.tier().get_many(views, after(system_clock().now(), 10s), [latch](const auto&) { latch->open(); });
    Runtime::common()->wait(*latch, no_deadline);
  }
  std::printf("get_many of %d keys:       %8.0f us\n", keys,
              Seconds(std::chrono::steady_clock::now() - begin).count() * 1e6 / rounds);
}

/// How long after a foreign SET a watch tells of it.
class Told final : public Watcher {
 public:
  void watching(TimePoint) override { ready.open(); }
  void changed(const std::vector<std::string>&) override {
    at = system_clock().now();
    ++count;
    count.notify_all();
  }
  void changed_all() override {}
  void lease_changed(const std::vector<std::string>&) override {}
  void proven(TimePoint) override {}
  void lost() override {}

  Latch ready;
  std::atomic<TimePoint> at{TimePoint{}};
  std::atomic<int> count{0};
};

void shared(const testing::RedisServer& server, Blocking& ours, bool quick) {
  if (ours.tier().shared() == nullptr) return;
  std::printf("acquire and fill, 64 under way: %8.0f loads/s\n",
              async_rate(loading(ours.tier()), 64, quick ? 10'000 : 200'000));
  const auto told = std::make_shared<Told>();
  const auto watch = ours.tier().shared()->watch({"foreign"}, told);
  told->ready.wait_until(no_deadline);
  Blocking foreign(server.url());
  std::vector<double> micros;
  for (int i = 0; i < (quick ? 100 : 3000); ++i) {
    const int before = told->count;
    const TimePoint sent = system_clock().now();
    foreign.tier().set("foreign", "v", {}, in_time(), [](const auto&) {});
    told->count.wait(before);
    micros.push_back(std::chrono::duration<double, std::micro>(told->at.load() - sent).count());
  }
  std::printf("a foreign set is told after: p50 %.0f us, p99 %.0f us\n", percentile(micros, 0.5),
              percentile(micros, 0.99));
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  if (!testing::RedisServer::available()) {
    std::puts("skipped: no redis-server or valkey-server in PATH");
    return 0;
  }
  const testing::RedisServer server;
  Blocking ours(server.url());
  std::vector<std::string> names;
  for (unsigned i = 0; i < keys; ++i) names.push_back(key_of(i));
  const std::string value(64, 'v');
  std::vector<TierWrite> writes;
  for (const auto& name : names) writes.push_back({name, value, {}});
  auto stored = std::make_shared<Latch>();
  ours.tier().set_many(writes, after(system_clock().now(), 10s), [stored](const auto&) { stored->open(); });
  stored->wait_until(no_deadline);

#ifdef TERRACE_WITH_HIREDIS
  against_hiredis(server, ours, quick);
#else
  std::puts("skipped: hiredis is not installed (libhiredis-dev)");
#endif
  asynchronous(server, ours, quick);
  bulk(ours, quick);
  shared(server, ours, quick);
}
