#include "base/assert.hpp"

#include <gtest/gtest.h>

namespace terrace {
namespace {

void expect_more_than(int number, int least) {
  TERRACE_ASSERT(number > least);
}

TEST(Assert, EndsTheProgramWithItsText) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  expect_more_than(2, 1);
  EXPECT_DEATH(expect_more_than(1, 1),
               "^assert_test.cpp:[0-9]+: expect_more_than: the assertion number > least does not hold\n$");
}

TEST(Assert, EvaluatesItsConditionOnce) {
  int evaluated = 0;
  TERRACE_ASSERT(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

}  // namespace
}  // namespace terrace
