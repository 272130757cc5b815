#include "conformance/tier_conformance.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <terrace/testing.hpp>
#include <thread>

#include "base/tier_check.hpp"
#include "conformance/subjects.hpp"

namespace terrace::conformance {
namespace {

using namespace std::chrono_literals;

class TierConformance : public ::testing::TestWithParam<Subject> {
 protected:
  void TearDown() override { tier_->close(); }

  /// What a get must find after a set.
  [[nodiscard]] Found stored(std::string value) const {
    return GetParam().keeps ? Found(std::move(value)) : Found();
  }

  void wait_until_over(const std::string& key) {
    const TimePoint limit = Caller::in_time();
    while (call_.get(key).value() && system_clock().now() < limit) std::this_thread::yield();
  }

  /// Copies on several nodes end each in its own time, counted from when the write reached it. So where the
  /// one that was read is over, another may last a moment longer: `check`, given a fresh key each time, need
  /// not hold every time.
  template <class Check>
  static bool holds_of_expired_keys(Check check) {
    for (int attempt = 0; attempt < (GetParam().several ? 20 : 1); ++attempt) {
      if (check("short" + std::to_string(attempt))) return true;
    }
    return false;
  }

  Fixture fixture_ = GetParam().make();
  std::shared_ptr<Tier> tier_ = fixture_.tier;
  Caller call_{*tier_};
};

TEST_P(TierConformance, AnUnknownKeyIsAMissAndNoError) {
  EXPECT_EQ(call_.get("unknown").value(), Found());
}

TEST_P(TierConformance, ItsScopeIsStatedAndStays) {
  EXPECT_EQ(tier_->scope(), GetParam().scope);
  if (tier_->shared() != nullptr) {
    EXPECT_EQ(tier_->scope(), Scope::fleet) << "leases and a watch are the fleet's";
  }
  tier_->close();
  EXPECT_EQ(tier_->scope(), GetParam().scope);
}

TEST_P(TierConformance, WhatIsSetIsFoundAndReplacedAndErased) {
  call_.set("key", "one").value();
  EXPECT_EQ(call_.get("key").value(), stored("one"));
  call_.set("key", "two").value();
  EXPECT_EQ(call_.get("key").value(), stored("two"));
  EXPECT_EQ(call_.erase("key").value(), GetParam().keeps);
  EXPECT_EQ(call_.get("key").value(), Found());
  EXPECT_FALSE(call_.erase("key").value());
}

/// Bytes that cannot be compressed.
std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST_P(TierConformance, KeysAndValuesAreAnyBytes) {
  const std::vector<std::string> all = {std::string("\0", 1),
                                        "a\r\nb",
                                        "*?[x]\\",
                                        std::string("a\0b", 3),
                                        "a",
                                        "\xff\xfe",
                                        std::string(max_key_size, 'k'),
                                        noise(max_key_size, 1),
                                        noise(max_key_size, 2)};
  for (const auto& key : all) call_.set(key, "value of " + key).value();
  for (const auto& key : all)
    EXPECT_EQ(call_.get(key).value(), stored("value of " + key)) << printable_key(key);
}

TEST_P(TierConformance, AnEmptyValueIsAHit) {
  call_.set("empty", "").value();
  EXPECT_EQ(call_.get("empty").value(), stored(""));
}

TEST_P(TierConformance, ALargeValueComesBackWhole) {
  std::string large(3U << 20U, 'x');
  for (std::size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>(i);
  call_.set("large", large).value();
  EXPECT_TRUE(call_.get("large").value() == stored(large));
}

TEST_P(TierConformance, KeysOutsideTheLimitsAreRefusedByEveryOperation) {
  if (!GetParam().keeps) return;  // refuses nothing
  for (const std::string& key : {std::string(), std::string(max_key_size + 1, 'k')}) {
    EXPECT_EQ(call_.get(key).error(), Errc::invalid_key);
    EXPECT_EQ(call_.set(key, "v").error(), Errc::invalid_key);
    EXPECT_EQ(call_.erase(key).error(), Errc::invalid_key);
    const auto mixed = call_.get_many({"fine", key});
    EXPECT_TRUE(mixed[0].has_value());
    EXPECT_EQ(mixed[1].error(), Errc::invalid_key);
  }
}

TEST_P(TierConformance, ALifeThatIsOverIsAMiss) {
  call_.set("short", "v", 20ms).value();
  call_.set("long", "v", 1h).value();
  const TimePoint limit = Caller::in_time();
  while (call_.get("short").value() && system_clock().now() < limit) std::this_thread::yield();
  EXPECT_EQ(call_.get("short").value(), Found());
  EXPECT_EQ(call_.get("long").value(), stored("v"));
}

TEST_P(TierConformance, WhatIsOverIsNotThereToErase) {
  EXPECT_TRUE(holds_of_expired_keys([&](const std::string& key) {
    call_.set(key, "v", 20ms).value();
    wait_until_over(key);
    return !call_.erase(key).value();
  }));
}

TEST_P(TierConformance, ALifeIsNeverRoundedDownToNothing) {
  EXPECT_TRUE(call_.set("blink", "v", 1ns).has_value());
}

TEST_P(TierConformance, SettingWithoutALifeClearsTheOldOne) {
  call_.set("key", "v", 20ms).value();
  call_.set("key", "w").value();
  call_.set("witness", "v", 20ms).value();
  while (call_.get("witness").value()) std::this_thread::yield();
  EXPECT_EQ(call_.get("key").value(), stored("w"));
}

TEST_P(TierConformance, ALifeOfZeroOrLessIsRefused) {
  if (!GetParam().keeps) return;
  call_.set("key", "old").value();
  EXPECT_EQ(call_.set("key", "v", 0ns).error(), Errc::invalid_argument);
  EXPECT_EQ(call_.set("key", "v", -1s).error(), Errc::invalid_argument);
  EXPECT_EQ(call_.get("key").value(), Found("old"));
}

TEST_P(TierConformance, ADeadlineThatHasPassedIsTimedOut) {
  if (!GetParam().keeps) return;
  const TimePoint past = system_clock().now() - 1s;
  EXPECT_EQ(call_.get("key", past).error(), Errc::timed_out);
  EXPECT_EQ(call_.set("key", "v", {}, past).error(), Errc::timed_out);
  EXPECT_EQ(call_.erase("key", past).error(), Errc::timed_out);
  EXPECT_EQ(call_.get_many({"a", "b"}, past)[1].error(), Errc::timed_out);
}

/// Every tier uses the same check, so the text is the same. A tier may put its name before it.
TEST_P(TierConformance, TheSameFaultHasTheSameWordsInEveryTier) {
  if (!GetParam().keeps) return;
  const auto is = [](const Error& told, const std::optional<Error>& expected) {
    EXPECT_EQ(told.code, expected->code) << told.message();
    EXPECT_TRUE(told.context.ends_with(expected->context)) << told.message();
  };
  for (const std::string& key : {std::string(), std::string(max_key_size + 1, 'k')}) {
    is(call_.get(key).error(), bad_key(key));
    is(call_.set(key, "v").error(), bad_key(key));
    is(call_.erase(key).error(), bad_key(key));
    is(call_.get_many({"fine", key})[1].error(), bad_key(key));
    is(call_.set_many({{"fine", "v"}, {key, "v"}})[1].error(), bad_key(key));
    is(call_.erase_many({"fine", key})[1].error(), bad_key(key));
  }
  for (const Duration ttl : {Duration(0), Duration(-1)}) {
    is(call_.set("key", "v", ttl).error(), bad_ttl(ttl));
    is(call_.set_many({{"fine", "v"}, {"key", "v", ttl}})[1].error(), bad_ttl(ttl));
  }
  const TimePoint past = system_clock().now() - 1s;
  const auto too_late = late(past, system_clock().now());
  is(call_.get("key", past).error(), too_late);
  is(call_.set("key", "v", {}, past).error(), too_late);
  is(call_.erase("key", past).error(), too_late);
  is(call_.get_many({"a", "b"}, past)[1].error(), too_late);
  is(call_.set_many({{"a", "v"}, {"b", "v"}}, past)[1].error(), too_late);
  is(call_.erase_many({"a", "b"}, past)[1].error(), too_late);
}

TEST_P(TierConformance, BulkOperationsAnswerInTheOrderOfTheKeys) {
  std::vector<std::string> keys;
  std::vector<std::string> values;
  for (int i = 0; i < 1000; ++i) {
    keys.push_back("bulk:" + std::to_string(i));
    values.push_back("value " + std::to_string(i));
  }
  std::vector<TierWrite> writes;
  for (std::size_t i = 0; i < keys.size(); i += 2) writes.push_back({keys[i], values[i], 1h});
  for (const auto& outcome : call_.set_many(writes)) EXPECT_TRUE(outcome.has_value());
  const auto found = call_.get_many({keys.begin(), keys.end()});
  ASSERT_EQ(found.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(found[i].value(), i % 2 == 0 ? stored(values[i]) : Found()) << i;
  }
  const auto erased = call_.erase_many({keys[0], keys[1], keys[2], keys[0]});
  ASSERT_EQ(erased.size(), 4U);
  EXPECT_EQ(erased[0].value(), GetParam().keeps);
  EXPECT_FALSE(erased[1].value());
  EXPECT_EQ(erased[2].value(), GetParam().keeps);
  EXPECT_FALSE(erased[3].value()) << "a key that occurs twice is erased once";
}

TEST_P(TierConformance, BulkOperationsTakeNoKeysAndRepeatedKeys) {
  EXPECT_TRUE(call_.get_many({}).empty());
  EXPECT_TRUE(call_.set_many({}).empty());
  EXPECT_TRUE(call_.erase_many({}).empty());
  call_.set("a", "1").value();
  const auto found = call_.get_many({"a", "b", "a"});
  EXPECT_EQ(found[0].value(), stored("1"));
  EXPECT_EQ(found[1].value(), Found());
  EXPECT_EQ(found[2].value(), stored("1"));
  call_.set_many({{"twice", "first", {}}, {"twice", "second", {}}});
  EXPECT_EQ(call_.get("twice").value(), stored("second")) << "the later one wins";
}

TEST_P(TierConformance, BulkOperationsRefuseOneKeyAndDoTheOthers) {
  if (!GetParam().keeps) return;
  const auto set = call_.set_many({{"good", "1", {}}, {"", "2", {}}, {"bad", "3", 0ns}, {"fine", "4", 1h}});
  EXPECT_TRUE(set[0].has_value());
  EXPECT_EQ(set[1].error(), Errc::invalid_key);
  EXPECT_EQ(set[2].error(), Errc::invalid_argument);
  EXPECT_TRUE(set[3].has_value());
  EXPECT_EQ(call_.get("good").value(), Found("1"));
  EXPECT_EQ(call_.get("bad").value(), Found());
  EXPECT_EQ(call_.get("fine").value(), Found("4"));
}

TEST_P(TierConformance, ErasePrefixTakesThePrefixLiterally) {
  for (const auto* key : {"a*1", "a*2", "ab1", "a", "b*1"}) call_.set(key, "v").value();
  EXPECT_EQ(call_.erase_prefix("a*").value(), GetParam().keeps ? 2U : 0U);
  EXPECT_EQ(call_.get("a*1").value(), Found());
  EXPECT_EQ(call_.get("ab1").value(), stored("v"));
  EXPECT_EQ(call_.get("a").value(), stored("v"));
  EXPECT_EQ(call_.erase_prefix("none").value(), 0U);
}

TEST_P(TierConformance, ErasePrefixOfNothingErasesEverything) {
  std::vector<std::string> keys;
  for (int i = 0; i < 3000; ++i) keys.push_back(std::to_string(i));
  keys.push_back("\xff\xff\xff");
  std::vector<TierWrite> writes;
  for (const auto& key : keys) writes.push_back({key, "v", {}});
  call_.set_many(writes);
  const std::uint64_t erased = call_.erase_prefix("").value();
  const std::uint64_t held = GetParam().keeps ? keys.size() : 0;
  EXPECT_LE(erased, held);
  EXPECT_TRUE(erased == held || !GetParam().counts) << erased;
  for (const auto& found : call_.get_many({keys.begin(), keys.end()})) EXPECT_EQ(found.value(), Found());
}

TEST_P(TierConformance, ErasePrefixOfTheHighestByteEndsWhereItShould) {
  for (const auto* key : {"\xfe", "\xff", "\xff\xff", "\xff\x01"}) call_.set(key, "v").value();
  EXPECT_EQ(call_.erase_prefix("\xff").value(), GetParam().keeps ? 3U : 0U);
  EXPECT_EQ(call_.get("\xfe").value(), stored("v"));
}

TEST_P(TierConformance, ManyThreadsEachFindTheirOwn) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string key = std::to_string(t) + ":" + std::to_string(i % 10);
        const std::string value = key + "=" + std::to_string(i);
        if (!call_.set(key, value)) ++wrong;
        const auto found = call_.get(key);
        if (!found || *found != stored(value)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(TierConformance, CountsEveryKeyAskedForOnce) {
  if (!GetParam().keeps) return;
  call_.set("a", "1").value();
  (void)call_.get("a");
  (void)call_.get("b");
  (void)call_.get_many({"a", "b", ""});
  const TierStats stats = tier_->stats();
  EXPECT_EQ(stats.hits, 2U);
  EXPECT_EQ(stats.misses, 2U);
  EXPECT_EQ(stats.errors, 1U);
  EXPECT_EQ(stats.writes, 1U);
}

TEST_P(TierConformance, CountsTheKeysThatItErasedAndTheWritesThatFailed) {
  if (!GetParam().keeps) return;
  (void)call_.set_many({{"a", "1"}, {"b", "2"}, {"", "3"}});
  (void)call_.erase("a");
  (void)call_.erase_many({"b", "not there", ""});
  const TierStats stats = tier_->stats();
  EXPECT_EQ(stats.writes, 2U);
  EXPECT_EQ(stats.erases, 2U) << "a key that is not there is not erased";
  EXPECT_EQ(stats.write_errors, 2U);
}

TEST_P(TierConformance, AfterCloseEverythingIsShutDown) {
  if (!GetParam().keeps) return;
  tier_->close();
  tier_->close();
  EXPECT_EQ(call_.get("a").error(), Errc::shutdown);
  EXPECT_EQ(call_.set("a", "v").error(), Errc::shutdown);
  EXPECT_EQ(call_.erase("a").error(), Errc::shutdown);
  EXPECT_EQ(call_.get_many({"a", "b"})[1].error(), Errc::shutdown);
  EXPECT_EQ(call_.set_many({{"a", "v", {}}, {"b", "v", {}}})[1].error(), Errc::shutdown);
  EXPECT_EQ(call_.erase_many({"a", "b"})[1].error(), Errc::shutdown);
  EXPECT_EQ(call_.erase_prefix("a").error(), Errc::shutdown);
}

TEST_P(TierConformance, ATierLetGoWithOperationsPendingAnswersThem) {
  std::atomic<int> answered{0};
  for (int i = 0; i < 100; ++i) {
    tier_->get("key", Caller::in_time(), [&](const Result<Found>&) { ++answered; });
  }
  tier_->close();
  EXPECT_EQ(answered, 100);
}

TEST_P(TierConformance, SaysWhetherItIsShared) {
  EXPECT_EQ(tier_->shared() != nullptr, GetParam().shared);
}

/// Versions of up to 2^62: what a double would take for the same must not be.
constexpr std::uint64_t great = (std::uint64_t{1} << 61) + 1;

TEST_P(TierConformance, F44_AWriteWithALowerVersionIsTooLate) {
  const auto write = [&](std::string_view value, std::uint64_t version) {
    EXPECT_TRUE(call_.set_many({{"k", value, {}, version}})[0].has_value());
    return call_.get("k").value();
  };
  EXPECT_EQ(write("nine", 9), stored("nine"));
  EXPECT_EQ(write("nine again", 9), stored("nine"));
  EXPECT_EQ(write("eight", 8), stored("nine"));
  EXPECT_EQ(write("ten", 10), stored("ten")) << "numbers, not digits, are compared";
  EXPECT_EQ(write("great", great), stored("great"));
  EXPECT_EQ(write("lower by one", great - 1), stored("great"));
  EXPECT_EQ(write("higher by one", great + 1), stored("higher by one"));
  EXPECT_EQ(write("highest", std::uint64_t{1} << 62), stored("highest"));
}

TEST_P(TierConformance, F44_TheVersionLivesAndDiesWithTheValue) {
  const auto low = [&](std::string_view key) {
    EXPECT_TRUE(call_.set_many({{key, "low", {}, 1}})[0].has_value());
    return call_.get(key).value();
  };
  const auto high = [&](std::string_view key, std::optional<Duration> ttl = {}) {
    EXPECT_TRUE(call_.set_many({{key, "high", ttl, 100}})[0].has_value());
  };
  high("erased");
  (void)call_.erase("erased").value();
  EXPECT_EQ(low("erased"), stored("low"));
  high("swept");
  (void)call_.erase_prefix("swe").value();
  EXPECT_EQ(low("swept"), stored("low"));
  high("set");
  call_.set("set", "plain").value();
  EXPECT_EQ(low("set"), stored("low")) << "a plain value has none";
  EXPECT_TRUE(holds_of_expired_keys([&](const std::string& key) {
    high(key, 20ms);
    wait_until_over(key);
    return low(key) == stored("low");
  }));
}

TEST_P(TierConformance, F44_VersionsWithinOneBulk) {
  const auto outcomes = call_.set_many(
      {{"k", "2", {}, 2}, {"", "x", {}, 3}, {"k", "3", {}, 3}, {"k", "1", {}, 1}, {"l", "plain", 1h}});
  EXPECT_TRUE(outcomes[0] && outcomes[2] && outcomes[3] && outcomes[4]);
  EXPECT_EQ(call_.get("k").value(), stored("3"));
  EXPECT_EQ(call_.get("l").value(), stored("plain"));
}

INSTANTIATE_TEST_SUITE_P(Every, TierConformance, ::testing::ValuesIn(subjects(TERRACE_SEVERAL)),
                         [](const auto& subject) { return subject.param.name; });

}  // namespace
}  // namespace terrace::conformance
