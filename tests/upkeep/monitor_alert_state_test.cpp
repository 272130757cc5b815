#include <gtest/gtest.h>

#include "upkeep/alert_state.hpp"

namespace terrace::upkeep {
namespace {

using namespace std::chrono_literals;
using Kind = AlertNotice::Kind;
using Outcome = AlertState::Outcome;

/// Judged each second: q: quiet, h: holds, b: broken. What is told at each: F R(epeated) r(ecovered) B M.
std::string story(const std::string& outcomes, AlertState::Terms terms = {}) {
  AlertState state;
  std::string told;
  TimePoint now{1000s};
  for (const char c : outcomes) {
    const Outcome outcome = c == 'h' ? Outcome::holds : c == 'b' ? Outcome::broken : Outcome::quiet;
    std::string here;
    for (const Kind kind : state.judge(terms, outcome, now)) here += "FRrBM"[static_cast<int>(kind)];
    told += here.empty() ? "." : here.size() == 1 ? here : "(" + here + ")";
    now += 1s;
  }
  return told;
}

TEST(MonitorAlertState, TellsOnceWhenItFiresAndOnceWhenItRecovers) {
  EXPECT_EQ(story("qqhhhhqqhq"), "..F...r.Fr");
}

TEST(MonitorAlertState, FiresOnlyWhenItHasHeldLongEnough) {
  const AlertState::Terms terms{.lasting = 3s};
  EXPECT_EQ(story("hhhq", terms), "....");
  EXPECT_EQ(story("hhhhhq", terms), "...F.r");
  EXPECT_EQ(story("hhqhhhqhhhh", terms), "..........F") << "a gap begins it anew";
}

TEST(MonitorAlertState, RepeatsWhileItFires) {
  EXPECT_EQ(story("hhhhhhhqhh", {.repeat = 3s}), "F..R..RrF.");
  EXPECT_EQ(story("hhhhhh", {.lasting = 2s, .repeat = 2s}), "..F.R.");
}

TEST(MonitorAlertState, ABrokenRuleIsToldOnceUntilItWorksAgain) {
  EXPECT_EQ(story("qbbbqbbh"), ".B..MB.(MF)");
  EXPECT_EQ(story("bbbb"), "B...");
}

TEST(MonitorAlertState, WhatFiresGoesOnToFireWhileItsRuleIsBroken) {
  EXPECT_EQ(story("hbbh"), "FB.M") << "no second notice for one trouble";
  EXPECT_EQ(story("hbbq"), "FB.(Mr)");
  EXPECT_EQ(story("hbbbbh", {.repeat = 2s}), "FB...(MR)");
}

TEST(MonitorAlertState, WhatIsPendingBeginsAnewAfterABreak) {
  EXPECT_EQ(story("hhbhhh", {.lasting = 2s}), "..BM.F");
}

}  // namespace
}  // namespace terrace::upkeep
