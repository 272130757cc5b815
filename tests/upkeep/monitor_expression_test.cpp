#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "upkeep/expression.hpp"
#include "upkeep/rule.hpp"
#include "upkeep/variables.hpp"

namespace terrace::upkeep {
namespace {

using namespace std::chrono_literals;

WindowStats sample() {
  WindowStats window;
  window.cache = "users";
  window.span = 60s;
  window.requests = 1200;
  window.hits = 372;
  window.misses = 828;
  window.hit_rate = 0.31;
  window.miss_rate = 0.69;
  return window;
}

std::string refusal(AlertRule rule) {
  try {
    const Rule checked(std::move(rule));
    return "(taken)";
  } catch (const ConfigError& error) {
    return error.what();
  }
}
std::string expression_refusal(const std::string& when) {
  return refusal(AlertRule{.name = "cold", .when = when});
}

TEST(MonitorExpression, SaysWhetherItHolds) {
  const auto value = [](const std::string& text) { return Expression(text).value(sample()); };
  EXPECT_EQ(value("hit_rate < 0.5"), 1);
  EXPECT_EQ(value("hit_rate < 50%"), 1);
  EXPECT_EQ(value("hit_rate < 30%"), 0);
  EXPECT_EQ(value("hit_rate < 0.5 && requests > 100"), 1);
  EXPECT_EQ(value("hit_rate < 0.5 && requests > 5000"), 0);
  EXPECT_EQ(value("closed || misses >= 828"), 1);
  EXPECT_EQ(value("!closed"), 1);
  EXPECT_EQ(value("!(hits == 372)"), 0);
  EXPECT_EQ(value("hits != 372"), 0);
  EXPECT_EQ(value("misses / requests > 2/3"), 1);
  EXPECT_EQ(value("max(hit_rate, miss_rate) > 0.6"), 1);
  EXPECT_EQ(value("requests > 1000 ? hit_rate < 0.4 : 0"), 1);
  EXPECT_EQ(value("load_failures / loads > 10%"), 0) << "0 / 0 is more than nothing";
  EXPECT_TRUE(std::isnan(value("(hits - hits) / (loads - loads)")));
}

TEST(MonitorExpression, IsJudgedAnewForEachWindow) {
  Expression expression("hit_rate < 0.5");
  WindowStats window = sample();
  EXPECT_EQ(expression.value(window), 1);
  window.hit_rate = 0.8;
  EXPECT_EQ(expression.value(window), 0);
  Expression moved = std::move(expression);
  window.hit_rate = 0.1;
  EXPECT_EQ(moved.value(window), 1);
}

TEST(MonitorExpression, NamesTheFiguresItAsksFor) {
  EXPECT_EQ(Expression("hit_rate < 0.5 && requests > 100").figures(sample()), "requests 1200, hit_rate 0.31");
}

TEST(MonitorExpression, AMistakeIsNamedWithItsPlaceAndRemedy) {
  EXPECT_EQ(expression_refusal("hitrate < 0.5"),
            "alert rule cold: \"hitrate < 0.5\": there is no variable \"hitrate\"; did you mean hit_rate?, "
            "at character 1");
  EXPECT_EQ(
      expression_refusal("requests > 10 && mis_rate > 0.5"),
      "alert rule cold: \"requests > 10 && mis_rate > 0.5\": there is no variable \"mis_rate\"; did you mean "
      "miss_rate?, at character 18");
  EXPECT_NE(expression_refusal("colour > 1").find("there is no variable \"colour\", at character 1"),
            std::string::npos);
  EXPECT_NE(expression_refusal("hit_rate = 0.5").find("= does not compare: write ==, at character 10"),
            std::string::npos);
  EXPECT_NE(expression_refusal("hit_rate < 0.5, requests > 1").find("several results"), std::string::npos);
  EXPECT_NE(expression_refusal("1 < 2").find("no variable"), std::string::npos);
  EXPECT_NE(expression_refusal("   ").find("empty"), std::string::npos);
  EXPECT_NE(expression_refusal("(hit_rate < 0.5").find("at character"), std::string::npos);
  EXPECT_NE(expression_refusal("hit_rate <").find("at character"), std::string::npos);
  EXPECT_NE(expression_refusal("hit_rate < 0.5 and requests > 1").find("at character"), std::string::npos);
  EXPECT_NE(expression_refusal("sin() > hit_rate").find("at character"), std::string::npos);
}

TEST(MonitorExpression, AnyTextIsReadOrRefused) {
  for (const char* text :
       {"<", "!!", "%", "\"hit_rate\"", "hit_rate%%", "((((", "hit_rate ? 1", "a=b", "=", "==", "\x01", "ä",
        "1e999 * hit_rate", "hit_rate hit_rate", "_pi(hit_rate)", "hit_rate\n< 1", "min()"}) {
    const std::string outcome = expression_refusal(text);
    EXPECT_FALSE(outcome.empty()) << text;
  }
  expression_refusal(std::string(2000, '(') + "hit_rate" + std::string(2000, ')'));
}

TEST(MonitorRule, ARuleThatMakesNoSenseIsRefused) {
  const auto always = [](const WindowStats&) { return true; };
  EXPECT_NE(refusal({.name = "a b", .test = always}).find("\"a b\": use 1 to 64"), std::string::npos);
  EXPECT_NE(refusal({.name = "", .test = always}).find("use 1 to 64"), std::string::npos);
  EXPECT_NE(refusal({.name = "x"}).find("neither `when` nor `test`"), std::string::npos);
  EXPECT_NE(refusal({.name = "x", .when = "closed", .test = always}).find("both"), std::string::npos);
  EXPECT_NE(refusal({.name = "x", .test = always, .lasting = -1s}).find("lasting"), std::string::npos);
  EXPECT_NE(refusal({.name = "x", .test = always, .repeat = 0s}).find("repeat"), std::string::npos);
  EXPECT_EQ(refusal({.name = "x", .test = always}), "(taken)");
}

TEST(MonitorRule, TellsWhatItJudgedBy) {
  Rule plain({.name = "cold", .when = "hit_rate < 50%"});
  EXPECT_EQ(plain.judge(sample()).message, "hit_rate < 50% (hit_rate 0.31; over 60 s)");
  Rule worded({.name = "cold", .when = "hit_rate < 50%", .message = "too many misses"});
  EXPECT_EQ(worded.judge(sample()).message, "too many misses (hit_rate 0.31; over 60 s)");
  Rule callback({.name = "mine", .test = [](const WindowStats&) { return true; }});
  EXPECT_EQ(callback.judge(sample()).message, "mine (hit_rate 0.31, error_rate 0, requests 1200; over 60 s)");
}

TEST(MonitorRule, WhatThrowsOrYieldsNoNumberIsBroken) {
  Rule throwing(
      {.name = "x", .test = [](const WindowStats&) -> bool { throw std::runtime_error("no\ndata"); }});
  EXPECT_EQ(throwing.judge(sample()).outcome, AlertState::Outcome::broken);
  EXPECT_EQ(throwing.judge(sample()).message, "it cannot be evaluated: no data");
  Rule rude({.name = "x", .test = [](const WindowStats&) -> bool { throw 5; }});
  EXPECT_EQ(rude.judge(sample()).outcome, AlertState::Outcome::broken);
  Rule nothing({.name = "x", .when = "loads / loads"});
  EXPECT_EQ(nothing.judge(sample()).outcome, AlertState::Outcome::broken);
  EXPECT_NE(nothing.judge(sample()).message.find("gives no number (loads 0; over 60 s)"), std::string::npos);
}

TEST(MonitorVariables, AnUnboundedStalenessIsInfinite) {
  WindowStats window = sample();
  Expression stale("staleness_seconds > 5");
  EXPECT_EQ(stale.value(window), 0) << "nothing is shared";
  window.now.watching = false;
  EXPECT_EQ(stale.value(window), 1);
  window.now.watching = true;
  window.now.staleness = 1s;
  EXPECT_EQ(stale.value(window), 0);
}

TEST(MonitorVariables, EachIsDocumented) {
  std::ifstream page(TERRACE_DOCS "/alerts.md");
  ASSERT_TRUE(page.is_open());
  std::stringstream text;
  text << page.rdbuf();
  for (const std::string& name : variable_names()) {
    EXPECT_NE(text.str().find("`" + name + "`"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace terrace::upkeep
