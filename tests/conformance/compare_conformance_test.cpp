/// Tier::compare_and_set_many, on every tier that has it.

#include <gtest/gtest.h>

#include <terrace/testing.hpp>
#include <thread>

#include "base/tier_check.hpp"
#include "conformance/ask.hpp"
#include "conformance/subjects.hpp"

namespace terrace::conformance {
namespace {

using namespace std::chrono_literals;
using Outcomes = std::vector<Result<bool>>;

class CompareConformance : public ::testing::TestWithParam<Subject> {
 protected:
  void TearDown() override { tier_->close(); }

  Outcomes swap_many(std::vector<TierSwap> writes, TimePoint deadline = Caller::in_time()) {
    return ask<Outcomes>(
        [&](auto done) { tier_->compare_and_set_many(std::move(writes), deadline, std::move(done)); });
  }
  Result<bool> swap(std::string_view key, std::optional<BytesView> expected, BytesView value,
                    std::optional<Duration> ttl = {}, TimePoint deadline = Caller::in_time()) {
    return swap_many({{key, expected, value, ttl}}, deadline).front();
  }

  Fixture fixture_ = GetParam().make();
  std::shared_ptr<Tier> tier_ = fixture_.tier;
  Caller call_{*tier_};
};

/// Those that have no compare-and-set say so; the others pass the rest.
TEST_P(CompareConformance, WithoutItEveryKeyIsRefused) {
  if (tier_->has_compare_and_set()) return;
  for (const auto& outcome : swap_many({{"a", std::nullopt, "v"}, {"b", "x", "v"}}))
    EXPECT_EQ(outcome.error(), Errc::invalid_argument) << outcome.error().message();
  EXPECT_EQ(call_.get("a").value(), Found());
}

class Comparing : public CompareConformance {};

TEST_P(Comparing, WhatIsExpectedIsReplacedAndNothingElse) {
  EXPECT_FALSE(swap("k", "old", "new").value()) << "there is nothing";
  EXPECT_EQ(call_.get("k").value(), Found());
  EXPECT_TRUE(swap("k", std::nullopt, "one").value());
  EXPECT_FALSE(swap("k", std::nullopt, "two").value()) << "there is something";
  EXPECT_FALSE(swap("k", "on", "two").value());
  EXPECT_FALSE(swap("k", "one ", "two").value());
  EXPECT_FALSE(swap("k", "", "two").value());
  EXPECT_EQ(call_.get("k").value(), Found("one"));
  EXPECT_TRUE(swap("k", "one", "two").value());
  EXPECT_EQ(call_.get("k").value(), Found("two"));
  call_.erase("k").value();
  EXPECT_FALSE(swap("k", "two", "three").value()) << "it was erased";
  EXPECT_EQ(call_.get("k").value(), Found());
}

TEST_P(Comparing, KeysAndValuesAreAnyBytes) {
  for (const std::string& key :
       {std::string("\0", 1), std::string(max_key_size, 'k'), std::string("a\r\n")}) {
    const std::string value("\0\xff\r\n", 4);
    EXPECT_TRUE(swap(key, std::nullopt, value).value());
    EXPECT_FALSE(swap(key, std::string_view(value).substr(0, 1), "w").value());
    EXPECT_TRUE(swap(key, value, "").value());
    EXPECT_EQ(call_.get(key).value(), Found("")) << "an empty value is a value";
    EXPECT_FALSE(swap(key, std::nullopt, "w").value());
    EXPECT_TRUE(swap(key, "", "w").value());
    EXPECT_EQ(call_.get(key).value(), Found("w"));
  }
  const std::string large(1 << 20, 'x');
  EXPECT_TRUE(swap("large", std::nullopt, large).value());
  EXPECT_TRUE(swap("large", large, "small").value());
  EXPECT_EQ(call_.get("large").value(), Found("small"));
}

TEST_P(Comparing, AnExpiredValueIsNone) {
  EXPECT_TRUE(swap("short", std::nullopt, "v", 20ms).value());
  const TimePoint limit = Caller::in_time();
  while (call_.get("short").value() && system_clock().now() < limit) std::this_thread::yield();
  EXPECT_FALSE(swap("short", "v", "w").value());
  EXPECT_TRUE(swap("short", std::nullopt, "w").value()) << "without a ttl";
  EXPECT_TRUE(swap("short", "w", "x", 1h).value());
  EXPECT_EQ(call_.get("short").value(), Found("x"));
  EXPECT_TRUE(swap("short", "x", "y", 20ms).value()) << "the ttl is replaced, too";
  while (call_.get("short").value() && system_clock().now() < limit) std::this_thread::yield();
  EXPECT_EQ(call_.get("short").value(), Found());
}

TEST_P(Comparing, WhatSetWouldRefuseIsRefusedInTheSameWords) {
  call_.set("k", "old").value();
  const auto is = [](const Error& told, const std::optional<Error>& expected) {
    EXPECT_EQ(told.code, expected->code) << told.message();
    EXPECT_TRUE(told.context.ends_with(expected->context)) << told.message();
  };
  for (const std::string& key : {std::string(), std::string(max_key_size + 1, 'k')})
    is(swap(key, std::nullopt, "v").error(), bad_key(key));
  for (const Duration ttl : {Duration(0), Duration(-1)}) is(swap("k", "old", "v", ttl).error(), bad_ttl(ttl));
  const TimePoint past = system_clock().now() - 1s;
  is(swap("k", "old", "v", {}, past).error(), late(past, system_clock().now()));
  EXPECT_EQ(call_.get("k").value(), Found("old"));
  tier_->close();
  EXPECT_EQ(swap("k", "old", "v").error(), Errc::shutdown);
}

TEST_P(Comparing, ABulkAnswersInItsOrderAndARepeatedKeyMeetsTheFirst) {
  call_.set("b", "held").value();
  const auto told = swap_many({{"c", std::nullopt, "1"},
                               {"b", std::nullopt, "1"},
                               {"", std::nullopt, "1"},
                               {"a", std::nullopt, "1"},
                               {"b", "held", "2"},
                               {"c", "1", "2"}});
  EXPECT_TRUE(told[0].value());
  EXPECT_FALSE(told[1].value());
  EXPECT_EQ(told[2].error(), Errc::invalid_key);
  EXPECT_TRUE(told[3].value());
  EXPECT_TRUE(told[4].value());
  EXPECT_TRUE(told[5].value());
  EXPECT_EQ(call_.get("c").value(), Found("2"));
  EXPECT_TRUE(swap_many({}).empty());
  std::vector<std::string> keys;
  std::vector<TierSwap> many;
  for (int i = 0; i < 3000; ++i) keys.push_back("bulk" + std::to_string(i));
  for (const std::string& key : keys) many.push_back({key, std::nullopt, key});
  for (const auto& stored : swap_many(many)) ASSERT_TRUE(stored.value());
  for (const auto& stored : swap_many(many)) ASSERT_FALSE(stored.value());
}

/// Every increment is kept, in groups of keys in any order: of writers at once exactly one wins each time.
TEST_P(Comparing, OfManyWritersAtOnceOneWins) {
  const std::vector<std::string> keys{"x", "y"};
  for (const std::string& key : keys) call_.set(key, "0").value();
  constexpr int threads = 4, rounds = 30;
  std::atomic<int> errors{0};
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t) {
    writers.emplace_back([&, t] {
      const Caller caller(*tier_);
      for (int i = 0; i < rounds; ++i) {
        const std::string& key = keys[static_cast<std::size_t>(i + t) % keys.size()];
        while (true) {
          const std::string now = *caller.get(key).value();
          const Result<bool> stored = swap(key, now, std::to_string(std::stoi(now) + 1));
          if (!stored) ++errors;
          if (stored && *stored) break;
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(std::stoi(*call_.get("x").value()) + std::stoi(*call_.get("y").value()), threads * rounds);
  EXPECT_EQ(errors, 0);
}

TEST_P(Comparing, CountsWhatItStored) {
  const TierStats before = tier_->stats();
  swap("k", std::nullopt, "v").value();
  swap("k", std::nullopt, "w").value();
  EXPECT_EQ(tier_->stats().writes - before.writes, 1U);
  EXPECT_EQ(tier_->stats().write_errors, before.write_errors);
}

std::vector<Subject> comparing() {
  auto all = subjects();
  std::erase_if(all, [](const Subject& subject) { return !subject.compares; });
  return all;
}

std::string name_of(const ::testing::TestParamInfo<Subject>& subject) {
  return subject.param.name;
}

TEST(Subjects, SayWhetherTheyCompare) {
  for (const Subject& subject : subjects()) {
    const Fixture fixture = subject.make();
    EXPECT_EQ(fixture.tier->has_compare_and_set(), subject.compares || !subject.keeps) << subject.name;
    fixture.tier->close();
  }
}

INSTANTIATE_TEST_SUITE_P(Every, CompareConformance, ::testing::ValuesIn(subjects()), name_of);
INSTANTIATE_TEST_SUITE_P(Every, Comparing, ::testing::ValuesIn(comparing()), name_of);

}  // namespace
}  // namespace terrace::conformance
