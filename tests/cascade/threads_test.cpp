/// Real threads on the real runtime; the sanitizers watch.

#include <array>
#include <random>
#include <thread>

#include "cascade/fixture.hpp"
#include "cascade/gather.hpp"

namespace terrace {
namespace {

TEST(CascadeThreads, ReadersWhoMissTogetherShareOneLoad) {
  auto runtime = std::make_shared<Runtime>();
  Cache<int> cache({.scheduler = runtime}, {std::make_shared<testing::MapTier>()});
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> loads{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        const auto found = cache.get_or_load("k" + std::to_string(round), [&] { return ++loads; });
        if (!found || *found != 1) ++wrong;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(loads, 1);
    EXPECT_EQ(wrong, 0);
  }
}

/// Each key's value only grows. Once the erase after a change has returned, nobody may read what was before
/// it: a value that a late fill put back would show.
TEST(CascadeThreads, NoReaderFindsWhatWasBeforeAnErase) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  auto runtime = std::make_shared<Runtime>();
  Cache<std::int64_t> cache({.max_entries = 8, .scheduler = runtime},
                            {std::make_shared<testing::MapTier>(), std::make_shared<testing::MapTier>()});
  constexpr std::size_t keys = 16;
  std::array<std::atomic<std::int64_t>, keys> origin{};
  std::array<std::atomic<std::int64_t>, keys> announced{};
  std::atomic<bool> stop{false};
  std::atomic<int> stale{0};
  std::atomic<int> reads{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      while (!stop) {
        const auto k = random() % keys;
        const std::int64_t least = announced[k];
        const auto found = cache.get_or_load(std::to_string(k), [&origin, k] { return origin[k].load(); });
        if (!found || *found < least) ++stale;
        ++reads;
      }
    });
  }
  std::mt19937 random(seed + 100);
  for (int i = 0; i < 3000 || reads < 3000; ++i) {
    const auto k = random() % keys;
    const std::int64_t next = ++origin[k];
    cache.erase(std::to_string(k)).value();
    announced[k] = next;
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(stale, 0);
}

TEST(CascadeThreads, CloseWhileOthersReadAndWrite) {
  for (int round = 0; round < 20; ++round) {
    auto runtime = std::make_shared<Runtime>();
    Cache<std::string> cache({.scheduler = runtime}, {std::make_shared<testing::MapTier>()});
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) {
          const std::string key = std::to_string(i % 20);
          if (t == 0) {
            (void)cache.set(key, "v");
          } else {
            (void)cache.get_or_load(key, [] { return "l"; });
          }
        }
      });
    }
    cache.close();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(cache.lookup("k").error, Errc::shutdown);
  }
}

TEST(CascadeThreads, CloseMayEndACallThatIsJustBeginning) {
  using Call = cascade::Gather<Result<void>>;
  constexpr int rounds = 50'000;  // few of which meet
  auto runtime = std::make_shared<Runtime>();
  const auto calls = std::make_shared<cascade::PendingCalls>();
  std::atomic<int> ended{0};
  std::atomic<bool> stop{false};
  std::thread closing([&] {
    while (!stop) calls->end_all(Error(Errc::shutdown));
  });
  for (int i = 0; i < rounds; ++i) {
    const auto call = std::make_shared<Call>(1, [&](const std::vector<Result<void>>&) { ++ended; });
    call->begin(calls, runtime, std::chrono::hours(1));
    call->set_outcome(0, {});
  }
  stop = true;
  closing.join();
  EXPECT_EQ(ended, rounds);
}

}  // namespace
}  // namespace terrace
