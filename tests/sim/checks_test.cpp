/// The checks of what simulated caches did, on histories made by hand.

#include <gtest/gtest.h>

#include "sim/load_check.hpp"
#include "sim/order_check.hpp"

namespace terrace::sim {
namespace {

using namespace std::chrono_literals;

TimePoint at(int ms) {
  return TimePoint(std::chrono::milliseconds(1000 + ms));
}

/// Of a key k with the value 1.
OrderCheck after_a_write() {
  OrderCheck check;
  check.begins_write("k", 1, at(0));
  check.wrote("k", 1, at(1));
  return check;
}

TEST(OrderCheck, ReadsDuringAWriteMaySeeEitherValue) {
  OrderCheck check = after_a_write();
  check.begins_write("k", 2, at(10));
  check.read("k", 1, at(11), at(12));
  check.read("k", 2, at(13), at(14));
  check.wrote("k", 2, at(20));
  EXPECT_EQ(check.verdict(), "");
}

TEST(OrderCheck, OnceTheNewValueIsSeenTheOldOneIsOver) {
  OrderCheck check = after_a_write();
  check.begins_write("k", 2, at(10));
  check.read("k", 2, at(11), at(12));
  check.read("k", 1, at(13), at(14));
  check.wrote("k", 2, at(20));
  EXPECT_NE(check.verdict().find("values 1 and 2"), std::string::npos) << check.verdict();
}

TEST(OrderCheck, AnAcknowledgedWriteEndsTheValueBefore) {
  OrderCheck check = after_a_write();
  check.begins_write("k", 2, at(2));
  check.wrote("k", 2, at(3));
  check.read("k", 1, at(4), at(5));
  EXPECT_NE(check.verdict(), "");
}

TEST(OrderCheck, AWriteThatFailedMayTakeEffectLaterOrNever) {
  OrderCheck check = after_a_write();
  check.begins_write("k", 2, at(2));
  check.read("k", 1, at(50), at(51));
  EXPECT_EQ(check.verdict(), "");
  check.read("k", 2, at(60), at(61));
  EXPECT_EQ(check.verdict(), "");
  check.read("k", 1, at(70), at(71));
  EXPECT_NE(check.verdict(), "");
}

TEST(OrderCheck, KeysAreOnTheirOwnAndNobodyReadsWhatWasNotWritten) {
  OrderCheck check;
  check.begins_write("k", 1, at(0));
  check.read("l", 1, at(1), at(2));
  EXPECT_NE(check.verdict().find("of l: value 1 was read and never written"), std::string::npos);
}

TEST(LoadCheck, TwoLoadsAtATimeAreFound) {
  LoadCheck check(100ms, 5ms);
  const auto first = check.begins("k", 0, at(0));
  check.begins("l", 1, at(1));
  EXPECT_EQ(check.verdict(), "");
  check.ends("k", first);
  check.begins("k", 1, at(2));
  EXPECT_EQ(check.verdict(), "");
  check.begins("k", 0, at(3));
  EXPECT_EQ(check.verdict(), "process 0 loads k while process 1 does");
}

TEST(LoadCheck, AChangePatienceOrAFaultExcusesTheSecond) {
  LoadCheck check(100ms, 5ms);
  check.begins("k", 0, at(0));
  check.changes("k", at(5));
  check.begins("k", 1, at(6));
  check.begins("k", 2, at(106));
  check.begins("k", 3, at(107), true);
  EXPECT_EQ(check.verdict(), "");
  check.changes("k", at(90));
  check.begins("k", 4, at(108));
  EXPECT_NE(check.verdict(), "");
}

}  // namespace
}  // namespace terrace::sim
