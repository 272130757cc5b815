// The tuner finds the window that a workload wants, and another when it changes.

#include <terrace/detail/memory/tuner.hpp>

#include "memory/allocations.hpp"
#include "memory/support.hpp"

namespace terrace::memory {
namespace {

/// Reads keys as a cache of many shards would, all hashes at first sight.
void read(Tuner& tuner, std::uint64_t key) {
  const std::uint64_t hash = KeyHash{}(key);
  if (tuner.samples(hash)) tuner.saw(hash);
}

/// A loop over somewhat more than fits, so that ghosts last a round.
void loop(Tuner& tuner, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    for (std::uint64_t key = 0; key < 5000; ++key) read(tuner, key);
  }
}

/// Each key is read five times within the time that half the cache takes to pass, and never again.
void bursts(Tuner& tuner, std::uint64_t keys) {
  for (std::uint64_t key = 0; key < keys; ++key) {
    for (std::uint64_t back = 0; back <= 2000; back += 500) read(tuner, 1'000'000 + key - back);
  }
}

TEST(Tuner, FollowsTheWorkload) {
  Tuner tuner(4000);
  tuner.join();
  loop(tuner, 20);
  EXPECT_LE(tuner.best().permille, 50U);
  bursts(tuner, 100'000);
  EXPECT_GE(tuner.best().permille, 400U);
  loop(tuner, 40);
  EXPECT_LE(tuner.best().permille, 50U);
}

TEST(Tuner, SamplesAnEighthOfTheKeysAtMost) {
  for (const std::uint64_t entries : {10U, 1000U, 4000U, 100'000U}) {
    const Tuner tuner(entries);
    int sampled = 0;
    for (std::uint64_t key = 0; key < 80'000; ++key) sampled += tuner.samples(KeyHash{}(key));
    EXPECT_LT(sampled, 80'000 / 8 * 1.05) << entries;
    EXPECT_GT(sampled, 0) << entries;
  }
}

TEST(Tuner, GoesOnAsItWasWithoutMemoryForShadowsOfAnotherSize) {
  Tuner tuner(4000);
  tuner.join();
  loop(tuner, 20);
  const std::size_t before = tuner.heap_bytes();
  int failures = 0;
  for (bool failed = true; failed; ++failures) {
    bool started = false;
    failed = Allocations::failing_after(failures, [&] { started = tuner.expect_per_shard(3500); });
    EXPECT_EQ(started, !failed);
    if (!failed) break;
    ASSERT_EQ(tuner.heap_bytes(), before);
    ASSERT_TRUE(tuner.samples(0));
    read(tuner, 1);
  }
  EXPECT_GE(failures, 5) << "every shadow needs memory";
  EXPECT_NE(tuner.heap_bytes(), before);
  bursts(tuner, 100'000);
  EXPECT_GE(tuner.best().permille, 400U);
}

TEST(Tuner, SamplesNothingBeforeItKnowsTheSize) {
  Tuner tuner(0);
  tuner.join();
  for (std::uint64_t key = 0; key < 1000; ++key) EXPECT_FALSE(tuner.samples(KeyHash{}(key)));
  tuner.expect_per_shard(4000);
  EXPECT_TRUE(tuner.samples(0));
}

}  // namespace
}  // namespace terrace::memory
