/// What a node may have missed counts as missed until it has been brought up to date, not until that begins.

#include "distribution/hints.hpp"

#include <gtest/gtest.h>

namespace terrace::distribution {
namespace {

using Keys = std::vector<std::string>;

TEST(Hints, AKeyUnderRepairIsStillMissed) {
  Hints hints(10);
  hints.add("a");
  EXPECT_EQ(hints.begin_repair(5), Keys{"a"});
  EXPECT_TRUE(hints.contains("a"));
  EXPECT_EQ(hints.size(), 1U);
  EXPECT_FALSE(hints.has_fresh());
  hints.end_repair({});
  EXPECT_FALSE(hints.contains("a"));
  EXPECT_EQ(hints.size(), 0U);
}

TEST(Hints, WhatIsUnfinishedComesAfterTheRest) {
  Hints hints(10);
  hints.add("a");
  hints.begin_repair(1);
  hints.add("b");
  hints.end_repair({"a"});
  EXPECT_TRUE(hints.contains("a"));
  EXPECT_EQ(hints.begin_repair(1), Keys{"b"});
  hints.end_repair({});
  EXPECT_EQ(hints.begin_repair(1), Keys{"a"});
}

/// The repair may have read the node before the second miss.
TEST(Hints, AKeyMissedAgainDuringItsRepairIsRepairedAgain) {
  Hints hints(10);
  hints.add("a");
  hints.begin_repair(1);
  hints.add("a");
  hints.end_repair({});
  EXPECT_TRUE(hints.has_fresh());
  EXPECT_EQ(hints.begin_repair(5), Keys{"a"});
}

TEST(Hints, EverythingIsMissedUntilAComparisonHasEndedWell) {
  Hints hints(2);
  for (const auto* key : {"a", "b", "c"}) hints.add(key);
  EXPECT_TRUE(hints.overflowed());
  hints.begin_comparison();
  EXPECT_TRUE(hints.overflowed()) << "it has only begun";
  EXPECT_TRUE(hints.contains("any"));
  hints.add("d");
  hints.end_comparison(false);
  EXPECT_TRUE(hints.overflowed()) << "it failed";
  hints.begin_comparison();
  hints.add("e");
  hints.end_comparison(true);
  EXPECT_FALSE(hints.overflowed());
  EXPECT_FALSE(hints.contains("d")) << "compared";
  EXPECT_TRUE(hints.contains("e")) << "missed while it was compared";
}

TEST(Hints, AComparisonForAnotherReasonForgetsNoHint) {
  Hints hints(10);
  hints.add("a");
  hints.begin_comparison();
  EXPECT_FALSE(hints.overflowed());
  hints.end_comparison(false);
  EXPECT_FALSE(hints.overflowed());
  EXPECT_TRUE(hints.contains("a"));
}

TEST(UnderWay, AKeyIsUnderWayUntilItsLastWriteIsAnswered) {
  UnderWay writes;
  writes.begin("a");
  writes.begin("a");
  writes.begin("b");
  EXPECT_EQ(writes.size(), 3U);
  writes.end("a");
  EXPECT_TRUE(writes.contains("a"));
  writes.end("a");
  EXPECT_FALSE(writes.contains("a"));
  EXPECT_TRUE(writes.contains("b"));
  EXPECT_EQ(writes.size(), 1U);
}

}  // namespace
}  // namespace terrace::distribution
