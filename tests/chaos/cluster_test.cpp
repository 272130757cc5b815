/// A cluster whose slots move and whose primaries go away, under load by several threads.

#include <gtest/gtest.h>

#include <future>
#include <terrace/redis_cluster.hpp>
#include <thread>

#include "chaos/processes.hpp"
#include "redis/slots.hpp"
#include "support/redis_cluster.hpp"

namespace terrace::chaos {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::RedisCluster;

TimePoint now() {
  return system_clock().now();
}

/// Threads that write rising numbers under keys of their own, and threads that read them all. Each number is
/// written once, so a read tells what it may be: not less than what was acknowledged before the read began,
/// not more than what was sent before it ended, and of this very key.
class Load {
 public:
  static constexpr std::size_t writers = 3, readers = 2, keys_each = 8;
  static constexpr Duration limit = 2s;
  static constexpr Duration grace = 100ms;

  explicit Load(Tier& tier) : tier_(tier) {
    for (std::size_t i = 0; i < numbers_.size(); ++i) keys_.push_back("counter " + std::to_string(i));
    for (std::size_t i = 0; i < writers; ++i) threads_.emplace_back([this, i] { write(i); });
    for (std::size_t i = 0; i < readers; ++i) threads_.emplace_back([this, i] { read(i); });
  }
  ~Load() { stop(); }

  void stop() {
    stopping_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  [[nodiscard]] const std::vector<std::string>& keys() const noexcept { return keys_; }
  [[nodiscard]] int acknowledged(std::size_t key) const { return numbers_[key].acknowledged; }

  /// Every key was written and read once more from now on.
  [[nodiscard]] bool goes_on(std::chrono::milliseconds within) const {
    std::vector<int> before;
    for (const Numbers& numbers : numbers_) before.push_back(numbers.acknowledged);
    return eventually(
        [&] {
          for (std::size_t i = 0; i < before.size(); ++i) {
            if (numbers_[i].acknowledged <= before[i]) return false;
          }
          return true;
        },
        within);
  }

  /// The number stored under a key; -1: none. Checks that it was written.
  int stored(std::size_t key) { return number(key, get(keys_[key])); }

  void report(const char* what) const {
    std::printf(
        "%s: %llu operations, %llu failed, %llu wrong values, %llu late (longest %lld ms), %llu reads of "
        "less than what was acknowledged\n",
        what, ull(operations), ull(failed), ull(wrong), ull(late),
        static_cast<long long>(longest_ns / 1'000'000), ull(behind));
    if (failed > 0) std::printf("the last failure: %s\n", last_failure.c_str());
  }

  std::atomic<std::uint64_t> operations{0}, failed{0}, wrong{0}, late{0}, behind{0};
  std::atomic<std::int64_t> longest_ns{0};
  std::string last_failure;  // read it after stop()

 private:
  struct Numbers {
    std::atomic<int> sent{0};
    std::atomic<int> acknowledged{0};
  };

  static unsigned long long ull(const std::atomic<std::uint64_t>& n) { return n; }

  template <class T, class Start>
  T ask(Start start) {
    const TimePoint began = now();
    auto promise = std::make_shared<std::promise<T>>();
    auto answer = promise->get_future();
    start(after(began, limit), [promise](T outcome) { promise->set_value(std::move(outcome)); });
    if (answer.wait_for(60s) != std::future_status::ready) {
      std::fprintf(stderr, "an operation hangs\n");
      std::abort();
    }
    const auto took = (now() - began).count();
    for (auto longest = longest_ns.load();
         took > longest && !longest_ns.compare_exchange_weak(longest, took);) {
    }
    if (Duration(took) > limit + grace) ++late;
    return answer.get();
  }
  Result<Found> get(const std::string& key) {
    return ask<Result<Found>>([&](auto deadline, auto done) { tier_.get(key, deadline, std::move(done)); });
  }

  template <class T>
  bool fine(const Result<T>& outcome) {
    ++operations;
    if (outcome) return true;
    ++failed;
    const std::lock_guard lock(mutex_);
    last_failure = outcome.error().message();
    return false;
  }

  int number(std::size_t key, const Result<Found>& found) {
    if (!fine(found)) return -1;
    if (!*found) return 0;
    const std::string& text = **found;
    const auto colon = text.rfind(':');
    if (text.substr(0, colon) != keys_[key]) return ++wrong, 0;
    return std::stoi(text.substr(colon + 1));
  }

  void write(std::size_t thread) {
    for (int round = 1; !stopping_; ++round) {
      if (round % 4 == 0) {
        write_many(thread);
        continue;
      }
      for (std::size_t i = thread * keys_each; i < (thread + 1) * keys_each; ++i) {
        const int n = ++numbers_[i].sent;
        const std::string value = keys_[i] + ":" + std::to_string(n);
        if (fine(ask<Result<void>>([&](auto deadline, auto done) {
              tier_.set(keys_[i], value, {}, deadline, std::move(done));
            }))) {
          numbers_[i].acknowledged = n;
        }
      }
    }
  }
  void write_many(std::size_t thread) {
    std::vector<std::string> values;
    std::vector<TierWrite> writes;
    const std::size_t first = thread * keys_each;
    for (std::size_t i = first; i < first + keys_each; ++i) {
      values.push_back(keys_[i] + ":" + std::to_string(++numbers_[i].sent));
    }
    for (std::size_t i = 0; i < keys_each; ++i) writes.push_back({keys_[first + i], values[i]});
    const auto outcomes = ask<std::vector<Result<void>>>(
        [&](auto deadline, auto done) { tier_.set_many(writes, deadline, std::move(done)); });
    for (std::size_t i = 0; i < keys_each; ++i) {
      if (fine(outcomes[i])) numbers_[first + i].acknowledged = numbers_[first + i].sent.load();
    }
  }

  void read(std::size_t thread) {
    for (std::size_t round = thread; !stopping_; ++round) {
      std::vector<int> floor;
      for (const Numbers& numbers : numbers_) floor.push_back(numbers.acknowledged);
      std::vector<Result<Found>> found;
      if (round % 2 == 0) {
        found = ask<std::vector<Result<Found>>>([&](auto deadline, auto done) {
          tier_.get_many({keys_.begin(), keys_.end()}, deadline, std::move(done));
        });
      } else {
        for (const auto& key : keys_) found.push_back(get(key));
      }
      for (std::size_t i = 0; i < found.size(); ++i) {
        const int n = number(i, found[i]);
        if (n > numbers_[i].sent) ++wrong;
        if (n >= 0 && n < floor[i]) ++behind;
      }
    }
  }

  Tier& tier_;
  std::vector<std::string> keys_;
  std::array<Numbers, writers * keys_each> numbers_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

class Clusters : public ::testing::Test {
 protected:
  [[nodiscard]] std::shared_ptr<Tier> make() {
    return make_cluster_tier(parse_cluster_url(cluster_.url()), std::make_shared<Runtime>());
  }
  void expect_bounded(const Tier& tier, TimePoint began) {
    const ClusterStatus status = *cluster_status(tier);
    std::printf("refreshes %llu (failed %llu), moved %llu, asked %llu, waits %llu, most hops %u\n",
                static_cast<unsigned long long>(status.refreshes),
                static_cast<unsigned long long>(status.failed_refreshes),
                static_cast<unsigned long long>(status.moved), static_cast<unsigned long long>(status.asked),
                static_cast<unsigned long long>(status.waits), status.most_hops);
    EXPECT_LE(status.most_hops, 16U);
    // One at a time, with a pause of 100 ms after each.
    EXPECT_LE(status.refreshes, static_cast<std::uint64_t>((now() - began) / 100ms) + 1);
  }

  RedisCluster cluster_;
};

TEST_F(Clusters, F20_SlotsThatMoveBackAndForthUnderLoadGiveNoWrongValue) {
  const TimePoint began = now();
  const auto tier = make();
  Load load(*tier);
  ASSERT_TRUE(load.goes_on(20s));
  const std::uint64_t rounds = scaled(2, 10);
  std::uint64_t moves = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < load.keys().size(); i += scaled(3, 1)) {
      const int slot = redis::slot_of(load.keys()[i]);
      const std::size_t from = cluster_.owner(slot);
      cluster_.move(slot, from, (from + 1 + round % 2) % 3);
      ++moves;
    }
  }
  ASSERT_TRUE(load.goes_on(20s));
  load.stop();
  std::printf("%llu moves of slots\n", static_cast<unsigned long long>(moves));
  load.report("slots moved");
  EXPECT_EQ(load.wrong, 0U);
  EXPECT_EQ(load.behind, 0U);
  EXPECT_EQ(load.late, 0U);
  EXPECT_EQ(load.failed, 0U) << load.last_failure;
  expect_bounded(*tier, began);
  EXPECT_GT(cluster_status(*tier)->moved + cluster_status(*tier)->asked, 0U);
}

TEST_F(Clusters, F21_PrimariesKilledUnderLoadAreReplaced) {
  const TimePoint began = now();
  const auto tier = make();
  Load load(*tier);
  ASSERT_TRUE(load.goes_on(20s));
  std::vector<Duration> pauses;
  for (std::uint64_t round = 0; round < scaled(1, 3); ++round) {
    const int slot = redis::slot_of(load.keys()[round]);
    std::size_t killed = cluster_.owner(slot);
    for (int twice = 0; twice < 2; ++twice) {  // then the node that took over
      static_cast<void>(cluster_.replica_of(killed));
      cluster_.kill9(killed);
      const TimePoint since = now();
      ASSERT_TRUE(load.goes_on(30s)) << "operations go on after a failover";
      pauses.push_back(now() - since);
      const std::size_t heir = cluster_.owner(slot);
      ASSERT_NE(heir, killed);
      cluster_.restart(killed);
      ASSERT_TRUE(eventually([&] { return cluster_.healthy(); }, 30s));
      killed = heir;
    }
  }
  ASSERT_TRUE(load.goes_on(20s));
  load.stop();
  for (const Duration pause : pauses) {
    std::printf("every key written again after %lld ms\n", static_cast<long long>(pause / 1ms));
  }
  load.report("primaries killed");
  EXPECT_EQ(load.wrong, 0U) << "a value that was never written";
  EXPECT_EQ(load.late, 0U);
  for (std::size_t i = 0; i < load.keys().size(); ++i) {
    EXPECT_EQ(load.stored(i), load.acknowledged(i)) << "written after the last failover";
  }
  expect_bounded(*tier, began);
}

TEST_F(Clusters, F18_APrimaryDemotedUnderLoadIsFollowed) {
  const TimePoint began = now();
  const auto tier = make();
  Load load(*tier);
  ASSERT_TRUE(load.goes_on(20s));
  const int slot = redis::slot_of(load.keys()[0]);
  for (std::uint64_t round = 0; round < scaled(2, 10); ++round) {
    cluster_.fail_over_to(cluster_.replica_of(cluster_.owner(slot)));
    ASSERT_TRUE(load.goes_on(20s));
    ASSERT_TRUE(eventually([&] { return cluster_.healthy(); }, 30s));
  }
  load.stop();
  load.report("primaries demoted");
  EXPECT_EQ(load.wrong, 0U);
  EXPECT_EQ(load.late, 0U);
  for (std::size_t i = 0; i < load.keys().size(); ++i) {
    EXPECT_EQ(load.stored(i), load.acknowledged(i)) << "nothing is lost by a failover that was asked for";
  }
  expect_bounded(*tier, began);
}

}  // namespace
}  // namespace terrace::chaos
