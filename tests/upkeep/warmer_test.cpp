#include <atomic>
#include <deque>
#include <terrace/warmer.hpp>
#include <thread>

#include "cascade/fixture.hpp"

namespace terrace {
namespace {

using upkeep::WarmTask;

/// A loader whose calls the test answers.
struct HeldLoader final : cascade::Loader {
  struct Call {
    std::string key;
    Handler<std::vector<cascade::Loaded>> done;
  };

  [[nodiscard]] bool blocks() const noexcept override { return false; }
  void load(const cascade::LoadRequest& request, Handler<std::vector<cascade::Loaded>> done) override {
    calls.push_back({request.keys.front(), std::move(done)});
  }
  void answer() {
    Call call = std::move(calls.front());
    calls.pop_front();
    call.done({cascade::loaded<std::string>("v of " + call.key)});
  }

  std::deque<Call> calls;
};

class WarmerTest : public CascadeTest {
 protected:
  /// What was never answered owns what owns it.
  void TearDown() override {
    scheduler_->advance(25h);
    held_->calls.clear();
  }
  static std::vector<std::string> numbers(int count) {
    std::vector<std::string> keys;
    for (int i = 0; i < count; ++i) keys.push_back(std::to_string(i));
    return keys;
  }

  /// Starts a run whose loader calls the test answers.
  void start(Strings& cache, const std::vector<std::string>& keys, const WarmerOptions& options = {}) {
    std::vector<WarmTask> tasks;
    for (const auto& key : keys) tasks.push_back({key, held_, std::make_shared<const WarmOptions>()});
    upkeep::start_warming(cache, std::move(tasks), options, stop_.get_token(),
                          [this](WarmReport report) { report_ = std::move(report); });
    scheduler_->run_ready();
  }
  void answer_one() {
    held_->answer();
    scheduler_->run_ready();
  }

  std::shared_ptr<HeldLoader> held_ = std::make_shared<HeldLoader>();
  std::stop_source stop_;
  std::optional<WarmReport> report_;
};

TEST_F(WarmerTest, EveryKeyIsLoadedIntoEveryLevelWithItsLifeAndTags) {
  auto cache = make({.ttl = 1h, .ttl_jitter = 0});
  Warmer<std::string> warmer(cache);
  warmer.add("one", constant("1"), {.ttl = 10min, .tags = {"t"}});
  warmer.add_keys({"a", "b"}, [](std::string_view key) { return "v of " + std::string(key); });
  const WarmReport report = warmer.run();
  EXPECT_EQ(report.warmed, 3U);
  EXPECT_EQ(report.ended(), report.total);
  EXPECT_TRUE(report.failures.empty());
  EXPECT_EQ(cache.lookup("one").remaining, 10min);
  EXPECT_EQ(cache.lookup("a").remaining, 1h);
  EXPECT_EQ(cache.get("b"), "v of b");
  EXPECT_TRUE(in_map(upper_map_, "one") && in_map(lower_map_, "b"));
  cache.invalidate_tag("t").value();
  EXPECT_EQ(cache.get("one"), std::nullopt);
}

TEST_F(WarmerTest, WhatIsThereIsNotLoadedAgainButBroughtUp) {
  make_other().set("k", "old").value();
  upper_map_->erase("default:k", no_deadline, [](const Result<bool>&) {});
  auto cache = make();
  Warmer<std::string> warmer(cache);
  int loads = 0;
  warmer.add("k", [&] { return ++loads, std::string("new"); });
  EXPECT_EQ(warmer.run().present, 1U);
  EXPECT_EQ(loads, 0);
  EXPECT_EQ(cache.lookup("k").level, "memory");
  EXPECT_TRUE(in_map(upper_map_, "k"));
  EXPECT_EQ(warmer.run().present, 1U) << "a warmer may run again";
}

TEST_F(WarmerTest, KeysWithoutALoaderComeFromTheTiersAlone) {
  make_other().set("there", "v").value();
  auto cache = make();
  Warmer<std::string> warmer(cache);
  warmer.add_keys({"there", "nowhere"});
  const auto report = warmer.run();
  EXPECT_EQ(report.present, 1U);
  EXPECT_EQ(report.absent, 1U);
  EXPECT_EQ(cache.lookup("there").level, "memory");
}

TEST_F(WarmerTest, NoMoreThanSoManyAtATime) {
  auto cache = make();
  start(cache, numbers(10), {.concurrency = 3});
  EXPECT_EQ(held_->calls.size(), 3U);
  answer_one();
  EXPECT_EQ(held_->calls.size(), 3U);
  while (!held_->calls.empty()) answer_one();
  EXPECT_EQ(report_.value().warmed, 10U);
}

TEST_F(WarmerTest, LoadsOfUsersGoFirst) {
  auto cache = make({.ttl_jitter = 0, .max_concurrent_loads = 4});
  const auto users = std::make_shared<HeldLoader>();
  start(cache, numbers(20));
  EXPECT_EQ(held_->calls.size(), 3U) << "one slot is left free";
  start_read(cache, "u1", users, {});
  start_read(cache, "u2", users, {});
  scheduler_->run_ready();
  EXPECT_EQ(users->calls.size(), 1U);
  answer_one();
  EXPECT_EQ(users->calls.size(), 2U) << "who waits gets the first slot that is left";
  EXPECT_EQ(held_->calls.size(), 2U);
  answer_one();
  EXPECT_EQ(held_->calls.size(), 1U) << "two loads of users, and the slot that stays free";
  users->answer();
  users->answer();
  answer_one();
  EXPECT_EQ(held_->calls.size(), 3U);
  while (!held_->calls.empty()) answer_one();
  EXPECT_EQ(report_.value().warmed, 20U);
}

TEST_F(WarmerTest, AFailedLoadIsTriedAgainAfterAWhile) {
  auto cache = make();
  Warmer<std::string> warmer(cache, {.attempts = 3, .backoff = 100ms});
  int tries = 0;
  warmer.add("k", [&]() -> std::string {
    if (++tries < 3) throw std::runtime_error("not yet");
    return "v";
  });
  const TimePoint begun = scheduler_->clock().now();
  const auto report = warmer.run();
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(report.warmed, 1U);
  EXPECT_LE(scheduler_->clock().now() - begun, 300ms);
}

TEST_F(WarmerTest, EachFailureIsReportedWithItsReason) {
  auto cache = make();
  Warmer<std::string> warmer(cache, {.attempts = 2, .max_failures = 2});
  int tries = 0;
  warmer.add_keys({"bad", "worse", "worst"}, [&](std::string_view key) -> std::string {
    ++tries;
    throw std::runtime_error("no " + std::string(key));
  });
  warmer.add("", constant("v"));
  warmer.add("good", constant("v"));
  const auto report = warmer.run();
  EXPECT_EQ(report.warmed, 1U);
  EXPECT_EQ(report.failed, 4U);
  EXPECT_EQ(tries, 6);
  ASSERT_EQ(report.failures.size(), 2U);
  for (const auto& failure : report.failures) {
    if (failure.key.empty()) {
      EXPECT_EQ(failure.error, Errc::invalid_key);
      EXPECT_EQ(failure.attempts, 1U) << "no attempt would end otherwise";
    } else {
      EXPECT_EQ(failure.error.context, "no " + failure.key);
      EXPECT_EQ(failure.attempts, 2U);
    }
  }
}

TEST_F(WarmerTest, AKeyThatHangsFailsAtItsDeadlineAndTheOthersGoOn) {
  auto cache = make({.ttl_jitter = 0, .load_timeout = 1h});
  start(cache, {"hangs", "a", "b"}, {.concurrency = 2, .task_timeout = 5s});
  std::rotate(held_->calls.begin(), held_->calls.begin() + 1, held_->calls.end());
  answer_one();
  std::rotate(held_->calls.begin(), held_->calls.begin() + 1, held_->calls.end());
  answer_one();
  EXPECT_FALSE(report_);
  scheduler_->advance(5s);
  ASSERT_TRUE(report_);
  EXPECT_EQ(report_->warmed, 2U);
  ASSERT_EQ(report_->failures.size(), 1U);
  EXPECT_EQ(report_->failures[0].key, "hangs");
  EXPECT_EQ(report_->failures[0].error, Errc::timed_out);
}

TEST_F(WarmerTest, AskedToStopItBeginsNoMore) {
  auto cache = make();
  start(cache, numbers(10), {.concurrency = 2});
  stop_.request_stop();
  EXPECT_FALSE(report_) << "what is under way is waited for";
  answer_one();
  answer_one();
  EXPECT_EQ(report_.value().warmed, 2U);
  EXPECT_EQ(report_->skipped, 8U);
}

TEST_F(WarmerTest, AStopEndsTheWaitForAnotherAttempt) {
  auto cache = make();
  std::vector<WarmTask> tasks = {
      {"k", cascade::make_loader<std::string>([]() -> std::string { throw std::runtime_error("down"); }),
       std::make_shared<const WarmOptions>()}};
  const std::weak_ptr<cascade::Loader> loader = tasks.front().loader;
  upkeep::start_warming(cache, std::exchange(tasks, {}),
                        {.attempts = 1000, .backoff = 1h, .task_timeout = 24h}, stop_.get_token(),
                        [this](WarmReport report) { report_ = std::move(report); });
  scheduler_->run_ready();
  EXPECT_FALSE(loader.expired());
  stop_.request_stop();
  scheduler_->advance(10s);
  EXPECT_EQ(report_.value().skipped, 1U);
  EXPECT_TRUE(loader.expired()) << "no timer keeps the run and its cache";
}

TEST_F(WarmerTest, ProgressIsToldNowAndThenAndAtTheEnd) {
  auto cache = make();
  std::vector<std::uint64_t> told;
  start(cache, numbers(6), {.concurrency = 1, .progress = [&](const WarmProgress& p) {
                              EXPECT_EQ(p.total, 6U);
                              told.push_back(p.ended());
                            }});
  for (int i = 0; i < 6; ++i) {
    scheduler_->advance(50ms);
    answer_one();
  }
  EXPECT_EQ(told, (std::vector<std::uint64_t>{2, 4, 6, 6}));
}

TEST_F(WarmerTest, ProgressThatThrowsIsNotToldAgain) {
  auto cache = make();
  int calls = 0;
  Warmer<std::string> warmer(cache, {.progress =
                                         [&](const WarmProgress&) {
                                           ++calls;
                                           throw std::runtime_error("no terminal");
                                         },
                                     .progress_interval = 0s});
  warmer.add_keys(numbers(5), constant("v"));
  EXPECT_EQ(warmer.run().warmed, 5U);
  EXPECT_EQ(calls, 1);
}

TEST_F(WarmerTest, KeysInMemoryByTheThousandTakeNoStack) {
  auto cache = make({.max_entries = 100'000, .ttl_jitter = 0});
  Warmer<std::string> warmer(cache);
  warmer.add_keys(numbers(50'000), constant("v"));
  EXPECT_EQ(warmer.run().warmed, 50'000U);
  EXPECT_EQ(warmer.run().present, 50'000U);
}

TEST_F(WarmerTest, NoKeysAndAClosedCacheEndAtOnce) {
  auto cache = make();
  EXPECT_EQ(Warmer<std::string>(cache).run().total, 0U);
  Warmer<std::string> warmer(cache);
  warmer.add("k", constant("v"));
  cache.close();
  const auto report = warmer.run();
  EXPECT_EQ(report.failed, 1U);
  EXPECT_EQ(report.failures[0].error, Errc::shutdown);
}

TEST_F(WarmerTest, OptionsThatMakeNoSenseAreRefused) {
  auto cache = make();
  const auto refused = [&](const WarmerOptions& options) {
    EXPECT_THROW((Warmer<std::string>(cache, options)), ConfigError);
  };
  refused({.concurrency = 0});
  refused({.attempts = 0});
  refused({.backoff = 0s});
  refused({.task_timeout = 0s});
  Warmer<std::string> warmer(cache);
  EXPECT_THROW(warmer.add("k", constant("v"), {.ttl = 0s}), ConfigError);
}

TEST(WarmerThreads, LoadersRunSideBySideAndEveryKeyEndsOnce) {
  Cache<std::string> cache({.ttl_jitter = 0});
  std::atomic<int> now = 0, most = 0, loads = 0;
  Warmer<std::string> warmer(cache, {.concurrency = 16});
  std::vector<std::string> keys;
  for (int i = 0; i < 2000; ++i) keys.push_back(std::to_string(i));
  warmer.add_keys(keys, [&](std::string_view key) {
    const int running = ++now;
    int seen = most;
    while (running > seen && !most.compare_exchange_weak(seen, running)) {
    }
    ++loads;
    std::this_thread::yield();
    --now;
    return std::string(key);
  });
  const auto report = warmer.run();
  EXPECT_EQ(report.warmed, 2000U);
  EXPECT_EQ(loads, 2000);
  EXPECT_GT(most, 1);
  EXPECT_LE(most, 16);
}

}  // namespace
}  // namespace terrace
