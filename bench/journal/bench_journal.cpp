// What write-back costs and saves: acknowledged puts per second, what one fdatasync takes here, and hot keys
// written back against the same keys written through, in turns in one run.
// bench_journal [--quick] [FOLDER]: the folder for journals and SQLite files; by default a temporary one.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <terrace/redis.hpp>
#include <terrace/sqlite.hpp>
#include <thread>

#include "cascade/write_back.hpp"
#include "support/redis_server.hpp"
#include "support/tcp_proxy.hpp"

namespace {

using namespace terrace;
using namespace std::chrono_literals;
using cascade::Change;
using cascade::WriteBack;
using Seconds = std::chrono::duration<double>;

constexpr std::uint32_t hot_keys = 16;
const std::string value(100, 'v');

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

TimePoint deadline() {
  return after(system_clock().now(), 30s);
}

/// Waits for what an operation answers; a fault ends the program.
template <class T, class Begin>
void blocking(Begin begin) {
  const auto latch = std::make_shared<Latch>();
  const auto outcome = std::make_shared<Result<T>>();
  begin([latch, outcome](Result<T> answer) {
    *outcome = std::move(answer);
    latch->open();
  });
  Runtime::common()->wait(*latch, no_deadline);
  if (!*outcome) throw std::runtime_error(outcome->error().message());
}

/// Calls per second of that many threads, each calling with its own keys in turn.
double rate(unsigned threads, Duration time, const std::function<void(const std::string&)>& call) {
  std::atomic<bool> go{false}, stop{false};
  std::atomic<std::uint64_t> total{0};
  std::vector<std::jthread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      go.wait(false);
      std::uint64_t count = 0;
      for (unsigned i = t; !stop; ++i, ++count) call("key:" + std::to_string(i % hot_keys));
      total += count;
    });
  }
  const TimePoint begin = system_clock().now();
  go = true;
  go.notify_all();
  std::this_thread::sleep_for(time);
  stop = true;
  workers.clear();
  return static_cast<double>(total) / Seconds(system_clock().now() - begin).count();
}

/// Puts per second of one caller that has 256 of them under way.
double asynchronous_rate(WriteBack& back, Duration time) {
  constexpr int depth = 256;
  const auto slots = std::make_shared<std::atomic<int>>(depth);
  std::uint64_t count = 0;
  const TimePoint begin = system_clock().now();
  for (; count % 64 != 0 || system_clock().now() < begin + time; ++count) {
    while (*slots == 0) slots->wait(0);
    --*slots;
    back.put({.key = "key:" + std::to_string(count % hot_keys), .stored = value},
             [slots](const Result<void>& outcome) {
               if (!outcome) std::abort();
               ++*slots;
               slots->notify_one();
             });
  }
  for (int now = *slots; now != depth; now = *slots) slots->wait(now);
  return static_cast<double>(count) / Seconds(system_clock().now() - begin).count();
}

/// A SQLite file or a Redis, and write-back over another of the same kind.
class Contest {
 public:
  Contest(std::shared_ptr<Tier> through, std::shared_ptr<Tier> below, WriteBackOptions options)
      : through_(std::move(through)),
        below_(std::move(below)),
        back_(std::move(options), Runtime::common(),
              [this](std::vector<Change> changes, Handler<std::vector<Result<void>>> done) {
                std::vector<TierWrite> writes;
                for (const Change& change : changes)
                  writes.push_back({change.key, change.stored, {}, change.version});
                below_->set_many(writes, deadline(), std::move(done));
              }) {}
  ~Contest() { back_.close(10s); }

  void write_through(const std::string& key) {
    blocking<void>([&](auto done) { through_->set(key, value, {}, deadline(), std::move(done)); });
  }
  void write_back(const std::string& key) {
    blocking<void>([&](auto done) { back_.put({.key = key, .stored = value}, std::move(done)); });
  }
  [[nodiscard]] WriteBackStats stats() const { return back_.stats(); }

 private:
  std::shared_ptr<Tier> through_, below_;
  WriteBack back_;
};

void measure_fdatasync(const std::string& folder, int rounds) {
  const int file = ::open((folder + "/sync").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  std::vector<double> micros;
  for (int i = 0; i < rounds; ++i) {
    const TimePoint begin = system_clock().now();
    if (::write(file, value.data(), value.size()) < 0 || ::fdatasync(file) != 0)
      throw std::runtime_error("cannot sync");
    micros.push_back(Seconds(system_clock().now() - begin).count() * 1e6);
  }
  ::close(file);
  std::sort(micros.begin(), micros.end());
  std::printf("append of 100 bytes and fdatasync: median %.0f us, p99 %.0f us\n", micros[micros.size() / 2],
              micros[micros.size() * 99 / 100]);
}

const char* name_of(JournalSync sync) {
  return sync == JournalSync::durable ? "durable" : "os_cache";
}

void measure_puts(const std::string& folder, Duration time, int rounds) {
  for (const JournalSync sync : {JournalSync::durable, JournalSync::os_cache}) {
    WriteBack back({.path = folder + "/puts-" + name_of(sync), .sync = sync}, Runtime::common(),
                   [](std::vector<Change> changes, Handler<std::vector<Result<void>>> done) {
                     done(std::vector<Result<void>>(changes.size()));
                   });
    for (const unsigned threads : {1U, 8U, 64U}) {
      std::vector<double> rates, groups;
      for (int round = 0; round < rounds; ++round) {
        const WriteBackStats before = back.stats();
        rates.push_back(rate(threads, time, [&](const std::string& key) {
          blocking<void>([&](auto done) { back.put({.key = key, .stored = value}, std::move(done)); });
        }));
        const WriteBackStats now = back.stats();
        groups.push_back(static_cast<double>(now.acknowledged - before.acknowledged) /
                         static_cast<double>(std::max<std::uint64_t>(1, now.syncs - before.syncs)));
      }
      std::printf("acknowledged puts, %-8s, %2u threads: %8.0f /s", name_of(sync), threads, median(rates));
      if (sync == JournalSync::durable) std::printf("   %5.1f puts a sync", median(groups));
      std::printf("\n");
    }
    std::vector<double> rates;
    for (int round = 0; round < rounds; ++round) rates.push_back(asynchronous_rate(back, time));
    std::printf("acknowledged puts, %-8s, 1 thread, 256 under way: %8.0f /s\n", name_of(sync), median(rates));
    back.close(10s);
  }
}

void compare(const std::string& name, Contest& contest, Duration time, int rounds) {
  for (const unsigned threads : {1U, 8U, 64U}) {
    std::vector<double> through, back, ratios;
    for (int round = 0; round < rounds; ++round) {
      through.push_back(rate(threads, time, [&](const std::string& key) { contest.write_through(key); }));
      back.push_back(rate(threads, time, [&](const std::string& key) { contest.write_back(key); }));
      ratios.push_back(back.back() / through.back());
    }
    std::printf("%-38s %2u threads: through %8.0f /s   back %8.0f /s   ratio %.1f\n", name.c_str(), threads,
                median(through), median(back), median(ratios));
  }
  const WriteBackStats stats = contest.stats();
  std::printf("%-38s acknowledged for one flushed: %.0f\n", "",
              static_cast<double>(stats.acknowledged) /
                  static_cast<double>(std::max<std::uint64_t>(1, stats.flushed)));
}

void run(const std::string& folder, bool quick) {
  const Duration time = quick ? 20ms : 1s;
  const int rounds = quick ? 1 : 5;
  std::printf("%u hot keys, values of %zu bytes, journals and files in %s\n", hot_keys, value.size(),
              folder.c_str());
  measure_fdatasync(folder, quick ? 20 : 500);
  measure_puts(folder, time, rounds);

  for (const JournalSync sync : {JournalSync::durable, JournalSync::os_cache}) {
    const auto sqlite = [&](const char* file) {
      return make_sqlite_tier(
          {.path = folder + "/" + name_of(sync) + file, .durability = SqliteDurability::durable});
    };
    Contest contest(sqlite("-through.db"), sqlite("-back.db"),
                    {.path = folder + "/sqlite-" + name_of(sync), .sync = sync});
    compare(std::string("SQLite durable, journal ") + name_of(sync), contest, time, rounds);
  }
  if (!testing::RedisServer::available()) {
    std::puts("skipped: no redis-server or valkey-server in PATH");
    return;
  }
  const testing::RedisServer through, back;
  testing::TcpProxy far_through(through.port()), far_back(back.port());
  far_through.delay(1ms);
  far_back.delay(1ms);
  const auto redis = [](int port) {
    return make_redis_tier({.url = "redis://127.0.0.1:" + std::to_string(port)});
  };
  for (const JournalSync sync : {JournalSync::durable, JournalSync::os_cache}) {
    const std::string journal = name_of(sync);
    Contest near(redis(through.port()), redis(back.port()),
                 {.path = folder + "/near-" + journal, .sync = sync});
    compare("Redis on this machine, journal " + journal, near, time, rounds);
    Contest far(redis(far_through.port()), redis(far_back.port()),
                {.path = folder + "/far-" + journal, .sync = sync});
    compare("Redis 1 ms away, journal " + journal, far, time, rounds);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  const testing::TempDir place;
  run(argc > 1 + (quick ? 1 : 0) ? argv[argc - 1] : place.path().string(), quick);
}
