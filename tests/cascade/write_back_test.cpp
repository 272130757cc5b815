/// WriteBack on virtual time: coalescing, order, retries, dead letters, bounds, flush and close.

#include "cascade/write_back.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <terrace/runtime.hpp>
#include <terrace/testing.hpp>
#include <thread>

#include "support/child_process.hpp"

namespace terrace::cascade {
namespace {

using namespace std::chrono_literals;
using testing::FakeScheduler;

/// A target in memory: takes what it is told to take, and answers when it is told to.
struct Target {
  std::vector<std::vector<Change>> batches;
  std::map<std::string, Change> held;
  std::function<Result<void>(const Change&)> verdict = [](const Change&) { return Result<void>(); };
  bool as_a_whole = false;  // one refusal refuses the batch
  bool silent = false;      // keeps the handlers
  std::vector<UniqueFunction<void()>> kept;

  void take(std::vector<Change> changes, Handler<std::vector<Result<void>>> done) {
    batches.push_back(changes);
    std::vector<Result<void>> outcomes;
    for (const Change& change : changes) outcomes.push_back(verdict(change));
    const auto refused =
        std::find_if(outcomes.begin(), outcomes.end(), [](auto& outcome) { return !outcome; });
    if (as_a_whole && refused != outcomes.end()) outcomes.assign(changes.size(), Result<void>(*refused));
    for (std::size_t i = 0; i < changes.size(); ++i)
      if (outcomes[i]) held[changes[i].key] = changes[i];
    auto answer = [outcomes = std::move(outcomes), done = std::move(done)]() mutable {
      done(std::move(outcomes));
    };
    if (silent) {
      kept.emplace_back(std::move(answer));
    } else {
      answer();
    }
  }
  void speak() {
    for (auto& answer : std::exchange(kept, {})) answer();
  }
  [[nodiscard]] std::string value(const std::string& key) const {
    const auto found = held.find(key);
    return found == held.end() ? "none" : found->second.erased ? "erased" : found->second.stored;
  }
};

class WriteBackTest : public ::testing::Test {
 protected:
  void open(WriteBackOptions options = {}) {
    options.path = folder.file("journal");
    cache = std::make_unique<WriteBack>(
        options, scheduler,
        [this](std::vector<Change> changes, Handler<std::vector<Result<void>>> done) {
          target.take(std::move(changes), std::move(done));
        },
        WriteBack::Parts{.run = [this](Task task) { scheduler->post_blocking(std::move(task)); },
                         .segment_bytes = std::uint64_t{1} << 20});
  }
  void reopen(WriteBackOptions options = {}) {
    cache.reset();
    open(options);
  }

  /// The answer of a put that is run to its acknowledgement.
  Result<void> put(Change change) {
    Result<void> answer = Error(Errc::timed_out, "unanswered");
    cache->put(std::move(change), [&](Result<void> outcome) { answer = std::move(outcome); });
    scheduler->run_ready();
    return answer;
  }
  Result<void> put(const std::string& key, const std::string& value) {
    return put({.key = key, .stored = value});
  }

  testing::TempDir folder;
  std::shared_ptr<FakeScheduler> scheduler = std::make_shared<FakeScheduler>();
  Target target;
  std::unique_ptr<WriteBack> cache;
};

TEST_F(WriteBackTest, WritesAreAcknowledgedAtOnceAndFlushedSoon) {
  open();
  EXPECT_TRUE(put("a", "1"));
  EXPECT_TRUE(target.batches.empty());
  EXPECT_EQ(cache->pending("a")->stored, "1");
  EXPECT_EQ(cache->stats().pending, 1U);
  scheduler->advance(50ms);
  EXPECT_EQ(cache->stats().lag, 50ms);
  EXPECT_EQ(cache->pending("b"), std::nullopt);
  scheduler->advance(50ms);
  EXPECT_EQ(target.value("a"), "1");
  EXPECT_EQ(cache->pending("a"), std::nullopt);
  EXPECT_EQ(cache->stats().lag, 0ms);
  EXPECT_EQ(cache->stats().flushed, 1U);
}

TEST_F(WriteBackTest, AHotKeyIsFlushedOnce) {
  open();
  for (int i = 1; i <= 10; ++i) EXPECT_TRUE(put("hot", std::to_string(i)));
  EXPECT_EQ(cache->pending("hot")->stored, "10");
  scheduler->advance(100ms);
  ASSERT_EQ(target.batches.size(), 1U);
  EXPECT_EQ(target.batches[0].size(), 1U);
  EXPECT_EQ(target.value("hot"), "10");
  EXPECT_EQ(cache->stats().coalesced, 9U);
  EXPECT_EQ(cache->stats().acknowledged, 10U);
}

TEST_F(WriteBackTest, FullBatchesDoNotWait) {
  open({.max_batch = 3});
  for (const char* key : {"a", "b", "c", "d"}) EXPECT_TRUE(put(key, "1"));
  ASSERT_EQ(target.batches.size(), 1U);
  EXPECT_EQ(target.batches[0].size(), 3U);
}

TEST_F(WriteBackTest, AKeyIsNotInTwoBatchesAtOnce) {
  open();
  target.silent = true;
  EXPECT_TRUE(put("a", "1"));
  scheduler->advance(100ms);
  ASSERT_EQ(target.batches.size(), 1U);
  EXPECT_TRUE(put("a", "2"));
  EXPECT_TRUE(put("a", "3"));
  scheduler->advance(1s);
  EXPECT_EQ(target.batches.size(), 1U);
  EXPECT_EQ(cache->pending("a")->stored, "3");
  target.speak();
  scheduler->advance(100ms);
  ASSERT_EQ(target.batches.size(), 2U);
  EXPECT_EQ(target.batches[1][0].stored, "3");
  EXPECT_GT(target.batches[1][0].version, target.batches[0][0].version);
  target.speak();
  EXPECT_EQ(cache->pending("a"), std::nullopt);
}

TEST_F(WriteBackTest, WhatIsLeftIsFlushedFirstAfterARestart) {
  open();
  const WallTime expires(2'000'000'000'000ms);
  EXPECT_TRUE(put("a", "1"));
  EXPECT_TRUE(put("b", "1"));
  EXPECT_TRUE(put({.key = "a", .stored = "2", .expires = expires}));
  EXPECT_TRUE(put({.key = "b", .erased = true}));
  const std::uint64_t version = cache->pending("b")->version;
  reopen();
  EXPECT_EQ(cache->stats().recovered, 2U);  // the others were needless
  EXPECT_EQ(cache->pending("a")->stored, "2");
  EXPECT_TRUE(cache->pending("b")->erased);
  EXPECT_EQ(cache->pending("b")->version, version);
  EXPECT_TRUE(put("c", "1"));
  EXPECT_EQ(target.value("a"), "2");
  EXPECT_EQ(target.held["a"].expires, expires);
  EXPECT_EQ(target.value("b"), "erased");
  EXPECT_EQ(target.value("c"), "none");
  scheduler->advance(100ms);
  EXPECT_GT(target.held["c"].version, version);
  reopen();
  EXPECT_EQ(cache->stats().recovered, 0U);
}

TEST_F(WriteBackTest, ATargetThatIsAwayIsWaitedFor) {
  open({.max_attempts = 1});
  target.verdict = [](const Change&) -> Result<void> { return Error(Errc::unavailable, "away"); };
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(put("key" + std::to_string(i), "1"));
  scheduler->advance(1h);
  const std::size_t asked = target.batches.size();
  EXPECT_GT(asked, 360U);   // at least every 10 s …
  EXPECT_LT(asked, 1200U);  // … half of that on average
  EXPECT_EQ(cache->stats().dead_letters, 0U);
  EXPECT_EQ(cache->stats().pending, 20U);
  EXPECT_GE(cache->stats().lag, 1h);
  target.verdict = [](const Change&) { return Result<void>(); };
  scheduler->advance(10s);
  EXPECT_EQ(cache->stats().pending, 0U);
  EXPECT_EQ(target.held.size(), 20U);
}

TEST_F(WriteBackTest, WhatFailsDoesNotHoldUpTheRest) {
  open({.max_batch = 2});
  target.verdict = [](const Change& change) -> Result<void> {
    if (change.key == "away") return Error(Errc::timed_out, "");
    return {};
  };
  EXPECT_TRUE(put("away", "1"));
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(put("key" + std::to_string(i), "1"));
  scheduler->advance(101ms);
  EXPECT_EQ(target.held.size(), 9U);
  EXPECT_TRUE(put("away", "2"));  // replaces what waits
  target.verdict = [](const Change&) { return Result<void>(); };
  scheduler->advance(10s);
  EXPECT_EQ(target.value("away"), "2");
}

TEST_F(WriteBackTest, F45_APoisonRecordBecomesADeadLetterAndTheRestFlows) {
  for (const bool as_a_whole : {false, true}) {
    open({.sync = JournalSync::os_cache, .max_batch = 16, .max_attempts = 3});
    target = {};
    target.as_a_whole = as_a_whole;
    target.verdict = [](const Change& change) -> Result<void> {
      if (change.key == "poison") return Error(Errc::io_error, "CHECK constraint failed");
      return {};
    };
    for (int i = 0; i < 40; ++i) {
      EXPECT_TRUE(put(i == 7 ? "poison" : "key" + std::to_string(i), "1"));
    }
    for (int i = 0; i < 600; ++i) {
      EXPECT_TRUE(put("steady", std::to_string(i)));
      scheduler->advance(100ms);
    }
    EXPECT_EQ(cache->stats().dead_letters, 1U) << as_a_whole;
    EXPECT_EQ(cache->stats().pending, 0U);
    EXPECT_EQ(target.held.size(), 40U);
    reopen();
    EXPECT_EQ(cache->stats().recovered, 0U);
    EXPECT_TRUE(put("poison", "2"));  // not banned for ever
    cache.reset();
  }
}

TEST_F(WriteBackTest, ATargetThatRefusesEverythingMakesNoDeadLetters) {
  open({.max_batch = 4, .max_attempts = 2});
  target.verdict = [](const Change&) -> Result<void> { return Error(Errc::io_error, "disk full"); };
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(put("key" + std::to_string(i), "1"));
  scheduler->advance(10min);
  EXPECT_EQ(cache->stats().dead_letters, 0U);
  EXPECT_EQ(cache->stats().pending, 10U);
  target.verdict = [](const Change&) { return Result<void>(); };
  scheduler->advance(1min);
  EXPECT_EQ(cache->stats().pending, 0U);
}

TEST_F(WriteBackTest, AChangeThatIsToBlameBecomesADeadLetterAlone) {
  open({.max_attempts = 2});
  target.verdict = [](const Change&) -> Result<void> { return Error(Errc::value_too_large, "1 KiB"); };
  EXPECT_TRUE(put("a", "1"));
  Result<void> flushed;
  cache->flush([&](Result<void> outcome) { flushed = std::move(outcome); });
  scheduler->advance(1min);
  EXPECT_EQ(cache->stats().dead_letters, 1U);
  EXPECT_EQ(flushed.error(), Errc::partial_write);
}

TEST_F(WriteBackTest, TheLagIsBounded) {
  open({.max_pending = 3, .max_pending_bytes = 100});
  target.verdict = [](const Change&) -> Result<void> { return Error(Errc::unavailable, "away"); };
  EXPECT_TRUE(put("a", "1"));
  EXPECT_EQ(put("b", std::string(98, 'x')).error(), Errc::overloaded);
  EXPECT_EQ(put("b", std::string(100, 'x')).error(), Errc::value_too_large);
  EXPECT_TRUE(put("b", std::string(90, 'x')));
  EXPECT_EQ(cache->stats().pending_bytes, 93U);
  EXPECT_TRUE(put("b", "1"));
  EXPECT_TRUE(put("c", "1"));
  const auto refused = put("d", "1");
  EXPECT_EQ(refused.error(), Errc::overloaded);
  EXPECT_NE(refused.error().context.find("max_pending (3)"), std::string::npos) << refused.error().context;
  target.verdict = [](const Change&) { return Result<void>(); };
  scheduler->advance(10s);
  EXPECT_TRUE(put("d", "1"));
}

TEST_F(WriteBackTest, TheFilesAreBounded) {
  open({.sync = JournalSync::os_cache, .max_journal_bytes = std::uint64_t{32} << 20});
  target.verdict = [](const Change& change) -> Result<void> {
    if (change.key == "stuck") return Error(Errc::unavailable, "away");
    return {};
  };
  EXPECT_TRUE(put("stuck", "1"));
  Result<void> last;
  int taken = 0;
  while ((last = put("hot", std::string(1 << 20, 'v')))) {
    ASSERT_LT(++taken, 40);
    scheduler->advance(100ms);
  }
  EXPECT_GT(taken, 30);
  EXPECT_EQ(cache->stats().pending, 1U);
  EXPECT_EQ(last.error(), Errc::overloaded);
  EXPECT_NE(last.error().context.find("max_journal_bytes"), std::string::npos);
  target.verdict = [](const Change&) { return Result<void>(); };
  scheduler->advance(10s);
  EXPECT_LT(cache->stats().journal_bytes, 2U << 20);
  EXPECT_TRUE(put("hot", "1"));
}

/// A hot key while the target is away: nothing grows but the files, and those not for ever.
TEST_F(WriteBackTest, WhatIsNeedlessIsRemovedAlsoWhileTheTargetIsAway) {
  open({.sync = JournalSync::os_cache});
  target.verdict = [](const Change&) -> Result<void> { return Error(Errc::unavailable, "away"); };
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(put("hot", std::string(4096, 'v')));
  EXPECT_EQ(cache->stats().pending, 1U);
  EXPECT_LT(cache->stats().journal_bytes, 8U << 20);
}

TEST_F(WriteBackTest, PutsUnderWayCountForTheBounds) {
  open({.max_pending = 2});
  int refused = 0;
  for (int i = 0; i < 5; ++i)
    cache->put({.key = "key" + std::to_string(i)}, [&](Result<void> outcome) { refused += outcome ? 0 : 1; });
  scheduler->run_ready();
  EXPECT_EQ(refused, 3);
}

TEST_F(WriteBackTest, KeysMustBePossible) {
  open();
  EXPECT_EQ(put("", "1").error(), Errc::invalid_key);
  EXPECT_EQ(put(std::string(max_key_size + 1, 'k'), "1").error(), Errc::invalid_key);
  EXPECT_TRUE(put(std::string(max_key_size, '\0'), "1"));
}

TEST_F(WriteBackTest, FlushWaitsForEverythingPutBefore) {
  open();
  target.silent = true;
  int flushed = 0;
  const auto flush = [&] {
    cache->flush([&](const Result<void>& outcome) { flushed += outcome.has_value() ? 1 : 0; });
  };
  flush();
  EXPECT_EQ(flushed, 1);  // nothing to do
  cache->put({.key = "a", .stored = "1"}, [](auto) {});
  flush();  // the put is not even in the journal
  scheduler->run_ready();
  EXPECT_EQ(flushed, 1);
  ASSERT_EQ(target.batches.size(), 1U);  // without waiting for the interval
  EXPECT_TRUE(put("a", "2"));
  flush();
  EXPECT_TRUE(put("a", "3"));
  target.speak();
  EXPECT_EQ(flushed, 2);
  scheduler->run_ready();
  EXPECT_TRUE(put("b", "1"));
  target.speak();
  EXPECT_EQ(target.value("a"), "3");
  EXPECT_EQ(flushed, 3);  // b came after
}

TEST_F(WriteBackTest, F48_CloseDrainsWithinItsLimitAndTheJournalKeepsTheRest) {
  open();
  EXPECT_TRUE(put("a", "1"));
  cache->close(1s);
  EXPECT_EQ(target.value("a"), "1");
  EXPECT_EQ(put("b", "1").error(), Errc::shutdown);

  open();
  target.verdict = [](const Change&) -> Result<void> { return Error(Errc::unavailable, "away"); };
  EXPECT_TRUE(put("b", "1"));
  Result<void> flushed, acknowledged = Error(Errc::timed_out);
  cache->flush([&](Result<void> outcome) { flushed = std::move(outcome); });
  cache->put({.key = "c", .stored = "1"}, [&](Result<void> outcome) { acknowledged = std::move(outcome); });
  const TimePoint before = scheduler->clock().now();
  cache->close(2s);
  EXPECT_EQ(scheduler->clock().now() - before, 2s);
  EXPECT_EQ(flushed.error(), Errc::shutdown);
  EXPECT_TRUE(acknowledged);
  EXPECT_EQ(scheduler->pending_timers(), 0U);

  target.verdict = [](const Change&) { return Result<void>(); };
  open();
  scheduler->run_ready();
  EXPECT_EQ(target.value("b"), "1");
  EXPECT_EQ(target.value("c"), "1");
}

TEST_F(WriteBackTest, F48_AnAnswerThatComesAfterTheCloseIsHarmless) {
  open();
  target.silent = true;
  EXPECT_TRUE(put("a", "1"));
  scheduler->advance(100ms);
  cache->close(0s);
  cache.reset();
  target.speak();
  open();
  scheduler->run_ready();
  ASSERT_EQ(target.batches.size(), 2U);  // flushed once more, with the version it had
  EXPECT_EQ(target.batches[0], target.batches[1]);
  target.speak();
}

/// Real threads: writers, readers, a runtime, a target that fails now and then.
TEST(WriteBackThreads, EveryKeyEndsWithItsLastWrite) {
  constexpr int writers = 4, keys_each = 5, writes = 400;
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const testing::TempDir folder;
  const auto runtime = std::make_shared<Runtime>();
  std::mt19937_64 random(seed);        // the I/O thread's
  std::map<std::string, Change> held;  // too
  WriteBack cache({.path = folder.file("journal"), .flush_interval = 1ms, .max_batch = 7}, runtime,
                  [&](std::vector<Change> changes, Handler<std::vector<Result<void>>> done) {
                    std::vector<Result<void>> outcomes;
                    for (Change& change : changes) {
                      if (random() % 8 == 0) {
                        outcomes.emplace_back(Error(Errc::unavailable, ""));
                        continue;
                      }
                      Change& old = held[change.key];
                      EXPECT_LT(old.version, change.version);
                      old = std::move(change);
                      outcomes.emplace_back();
                    }
                    done(std::move(outcomes));
                  });
  std::atomic<int> acknowledged{0};
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w) {
    threads.emplace_back([&, w] {
      for (int i = 0; i < writes; ++i) {
        const std::string key = std::to_string(w) + "-" + std::to_string(i % keys_each);
        cache.put({.key = key, .stored = std::to_string(i)},
                  [&](const Result<void>& outcome) { acknowledged += outcome ? 1 : 0; });
        if (const auto change = cache.pending(key)) {
          EXPECT_LE(std::stoi(change->stored), i);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto flushed = std::make_shared<Latch>();
  cache.flush([flushed](const Result<void>& outcome) {
    EXPECT_TRUE(outcome);
    flushed->open();
  });
  ASSERT_TRUE(runtime->wait(*flushed, runtime->clock().now() + 60s));
  EXPECT_EQ(acknowledged, writers * writes);
  EXPECT_EQ(cache.stats().pending, 0U);
  cache.close(1s);
  ASSERT_EQ(held.size(), writers * keys_each);
  for (const auto& [key, change] : held)
    EXPECT_EQ(change.stored, std::to_string(writes - keys_each + std::stoi(key.substr(key.find('-') + 1))));
}

TEST_F(WriteBackTest, OptionsAreChecked) {
  const auto refusal = [](WriteBackOptions options) -> std::string {
    try {
      options.check();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(refusal({.path = "x"}), "none");
  EXPECT_NE(refusal({}).find("path is empty"), std::string::npos);
  EXPECT_NE(refusal({.path = "x", .flush_interval = 0s}).find("flush_interval"), std::string::npos);
  EXPECT_NE(refusal({.path = "x", .max_batch = 0}).find("max_batch"), std::string::npos);
  EXPECT_NE(refusal({.path = "x", .max_pending = 0}).find("max_pending "), std::string::npos);
  EXPECT_NE(refusal({.path = "x", .max_pending_bytes = 0}).find("max_pending_bytes"), std::string::npos);
  EXPECT_NE(refusal({.path = "x", .max_journal_bytes = 1}).find("max_journal_bytes"), std::string::npos);
  EXPECT_NE(refusal({.path = "x", .max_attempts = 0}).find("max_attempts"), std::string::npos);
  EXPECT_THROW(WriteBack({}, scheduler, [](auto, auto) {}), ConfigError);
}

}  // namespace
}  // namespace terrace::cascade
