#include <terrace/memoize.hpp>

#include "cascade/fixture.hpp"

namespace terrace {
namespace {

class MemoizeTest : public CascadeTest {
 protected:
  Cache<int> numbers_{{.scheduler = scheduler_}};
};

int twice(int x) {
  return 2 * x;
}

TEST_F(MemoizeTest, ComputesEachArgumentOnce) {
  int calls = 0;
  auto square = memoize(numbers_, "square", [&](int x) {
    ++calls;
    return x * x;
  });
  EXPECT_EQ(square(7), 49);
  EXPECT_EQ(square(7), 49);
  EXPECT_EQ(square(8), 64);
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(square.invalidate(7).value());
  EXPECT_FALSE(square.invalidate(7).value());
  EXPECT_EQ(square(7), 49);
  EXPECT_EQ(calls, 3);
}

TEST_F(MemoizeTest, ArgumentsOfDifferentTypesNeverCollide) {
  const auto of_int = memoize(numbers_, "f", [](int) { return 1; });
  const auto of_text = memoize(numbers_, "f", [](const std::string&) { return 2; });
  const auto of_bool = memoize(numbers_, "f", [](bool) { return 3; });
  const auto of_double = memoize(numbers_, "f", [](double) { return 4; });
  const auto of_two = memoize(numbers_, "f", [](int, int) { return 5; });
  const auto of_pair = memoize(numbers_, "f", [](std::pair<int, int>) { return 6; });
  EXPECT_EQ(of_int(1), 1);
  EXPECT_EQ(of_text("1"), 2);
  EXPECT_EQ(of_bool(true), 3);
  EXPECT_EQ(of_double(1.0), 4);
  EXPECT_EQ(of_two(1, 1), 5);
  EXPECT_EQ(of_pair(std::pair(1, 1)), 6);
  EXPECT_EQ(of_int(1), 1);
}

TEST_F(MemoizeTest, TextArgumentsDoNotRunIntoEachOther) {
  const auto join = memoize(numbers_, "join", [](std::string_view a, const char* b) {
    return static_cast<int>(10 * a.size() + std::string_view(b).size());
  });
  EXPECT_EQ(join("a", "bc"), 12);
  EXPECT_EQ(join("ab", "c"), 21);
  EXPECT_NE(join.key("a", "bc").value(), join.key("ab", "c").value());
}

TEST_F(MemoizeTest, NamesAreApart) {
  const auto one = memoize(numbers_, "one", [](int) { return 1; });
  const auto two = memoize(numbers_, "two", [](int) { return 2; });
  EXPECT_EQ(one(0), 1);
  EXPECT_EQ(two(0), 2);
  EXPECT_THROW((void)memoize(numbers_, "", [](int) { return 1; }), ConfigError);
}

TEST_F(MemoizeTest, TakesFunctionsStructsAndNoArguments) {
  EXPECT_EQ(memoize(numbers_, "twice", twice)(4), 8);
  EXPECT_EQ(memoize(numbers_, "pointer", &twice)(5), 10);
  struct Point {
    int x, y;
  };
  EXPECT_EQ(memoize(numbers_, "point", [](const Point& p) { return p.x + p.y; })(Point{1, 2}), 3);
  int calls = 0;
  const auto constant_one = memoize(numbers_, "constant", [&] { return ++calls; });
  EXPECT_EQ(constant_one(), 1);
  EXPECT_EQ(constant_one(), 1);
}

TEST_F(MemoizeTest, WhatTheFunctionThrowsIsThrownWithItsText) {
  const auto fails =
      memoize(numbers_, "fails", [](int) -> int { throw std::runtime_error("no such number"); });
  try {
    (void)fails(1);
    FAIL();
  } catch (const Exception& thrown) {
    EXPECT_EQ(thrown.code(), make_error_code(Errc::loader_failed));
    EXPECT_NE(std::string(thrown.what()).find("no such number"), std::string::npos);
  }
  EXPECT_EQ(fails.call(1).error(), Errc::loader_failed);
}

TEST_F(MemoizeTest, ArgumentsTooLongForAKeySaySo) {
  const auto length =
      memoize(numbers_, "length", [](const std::string& s) { return static_cast<int>(s.size()); });
  EXPECT_EQ(length.call(std::string(max_key_size, 'x')).error(), Errc::invalid_key);
}

}  // namespace
}  // namespace terrace
