/// Atomic operations on virtual time, over every kind of stack; docs/atomic.md has the table.

#include <gtest/gtest.h>

#include <terrace/key_ring.hpp>

#include "cascade/claims.hpp"
#include "cascade/shared_fixture.hpp"
#include "support/forwarding_tier.hpp"

namespace terrace {
namespace {

using Kind = testing::Fault::Kind;
using Numbers = Cache<std::int64_t>;

enum class Stack : std::uint8_t { memory, shared, shared_over_database, database, shared_over_private };

std::string name_of(const ::testing::TestParamInfo<Stack>& stack) {
  return std::array{"Memory", "Shared", "SharedOverDatabase", "Database", "SharedOverPrivate"}.at(
      static_cast<std::size_t>(stack.param));
}

class AtomicTest : public SharedTest, public ::testing::WithParamInterface<Stack> {
 protected:
  [[nodiscard]] std::vector<std::shared_ptr<Tier>> tiers() {
    switch (GetParam()) {
      case Stack::memory:
        return {};
      case Stack::shared:
        return {shared_};
      case Stack::shared_over_database:
        return {shared_, database_};
      case Stack::database:
        return {database_};
      case Stack::shared_over_private:
        break;
    }
    return {shared_, std::make_shared<testing::MapTier>(scheduler_->clock(), Scope::machine)};
  }
  template <class V = std::string>
  [[nodiscard]] Cache<V> cache(CacheOptions options = {}) {
    options.name = "atomic";
    options.scheduler = scheduler_;
    options.ttl_jitter = 0;
    return Cache<V>(std::move(options), tiers());
  }
  [[nodiscard]] static bool has_processes() { return GetParam() != Stack::memory; }

  std::shared_ptr<testing::MapTier> database_ = std::make_shared<testing::MapTier>(scheduler_->clock());
};

TEST_P(AtomicTest, ARevisionIsReplacedOnce) {
  Strings a = cache();
  const auto nothing = a.current("k").value();
  EXPECT_FALSE(nothing);
  EXPECT_TRUE(a.compare_and_set("k", nothing.revision, "one").value());
  EXPECT_FALSE(a.compare_and_set("k", nothing.revision, "two").value());
  EXPECT_EQ(a.get("k"), "one");
  const auto one = a.current("k").value();
  EXPECT_EQ(one.value, "one");
  EXPECT_TRUE(a.compare_and_set("k", one.revision, "two").value());
  EXPECT_FALSE(a.compare_and_set("k", one.revision, "three").value());
  EXPECT_FALSE(a.compare_and_erase("k", one.revision).value());
  EXPECT_EQ(a.get("k"), "two");
  EXPECT_TRUE(a.compare_and_erase("k", a.current("k")->revision).value());
  EXPECT_EQ(a.get("k"), std::nullopt);
  EXPECT_FALSE(a.current("k").value());
  EXPECT_EQ(a.stats().atomic_writes, 6U);
  EXPECT_EQ(a.stats().atomic_conflicts, 3U);
}

TEST_P(AtomicTest, EveryChangeOfTheKeyVoidsARevision) {
  const std::pair<const char*, std::function<void(Strings&)>> changes[] = {
      {"set", [](Strings& by) { by.set("k", "other").value(); }},
      {"set to the same value", [](Strings& by) { by.set("k", "v").value(); }},
      {"erase", [](Strings& by) { by.erase("k").value(); }},
      {"erase and set", [](Strings& by) { by.erase("k").value(), by.set("k", "v").value(); }},
      {"clear", [](Strings& by) { by.clear().value(); }},
      {"prefix", [](Strings& by) { by.invalidate_prefix("k").value(); }},
      {"add", [](Strings& by) { by.take("k").value(), by.add("k", "other").value(); }},
      {"touch", [](Strings& by) { by.touch("k", 1h).value(); }},
  };
  for (const auto& [name, change] : changes) {
    for (const bool by_another : {false, true}) {
      if (by_another && !has_processes()) continue;
      SCOPED_TRACE(std::string(name) + (by_another ? " by another process" : ""));
      Strings a = cache();
      Strings b = cache();
      a.set("k", "v").value();
      const auto before = a.current("k").value();
      ASSERT_EQ(before.value, "v");
      scheduler_->advance(1ms);  // within the same millisecond an equal entry has equal bytes
      change(by_another ? b : a);
      scheduler_->advance(2ms);
      const auto after = (by_another ? b : a).current("k").value().value;
      EXPECT_FALSE(a.compare_and_set("k", before.revision, "mine").value());
      EXPECT_FALSE(a.compare_and_erase("k", before.revision).value());
      EXPECT_EQ(a.current("k").value().value, after);
    }
  }
}

TEST_P(AtomicTest, EachOperationDoesWhatItSays) {
  Strings a = cache();
  EXPECT_FALSE(a.replace("k", "x").value());
  EXPECT_EQ(a.take("k").value(), std::nullopt);
  EXPECT_FALSE(a.touch("k", 1h).value());
  EXPECT_TRUE(a.add("k", "one").value());
  EXPECT_FALSE(a.add("k", "two").value());
  EXPECT_EQ(a.set_default("k", "two").value(), "one");
  EXPECT_EQ(a.set_default("other", "two").value(), "two");
  EXPECT_TRUE(a.replace("k", "three").value());
  EXPECT_EQ(a.get_and_set("k", "four").value(), "three");
  EXPECT_EQ(a.get_and_set("new", "five").value(), std::nullopt);
  EXPECT_EQ(a.update("k", [](const std::string* now) { return std::optional(*now + "!"); }).value(), "four!");
  EXPECT_EQ(a.get("k"), "four!");
  EXPECT_EQ(a.update("k", [](const std::string*) { return std::optional<std::string>(); }).value(),
            std::nullopt);
  EXPECT_EQ(a.get("k"), std::nullopt);
  EXPECT_EQ(a.take("other").value(), "two");
  EXPECT_EQ(a.take("other").value(), std::nullopt);
}

TEST_P(AtomicTest, ACounterKeepsItsLifeAndNeverOverflows) {
  Numbers a = cache<std::int64_t>({.ttl = 1min});
  EXPECT_EQ(a.increment("n").error(), Errc::not_found);
  EXPECT_EQ(a.increment("n", 5, {.initial = 10}).value(), 15);
  scheduler_->advance(40s);
  EXPECT_EQ(a.increment("n", -20).value(), -5);
  EXPECT_EQ(*a.current("n").value().remaining, 20s);
  EXPECT_EQ(a.get("n"), -5);
  a.set("most", std::numeric_limits<std::int64_t>::max()).value();
  EXPECT_EQ(a.increment("most").error(), Errc::invalid_argument);
  EXPECT_EQ(a.get("most"), std::numeric_limits<std::int64_t>::max());
  scheduler_->advance(21s);
  EXPECT_EQ(a.increment("n").error(), Errc::not_found) << "it has expired";
  EXPECT_EQ(a.increment("n", 1, {.initial = 0, .ttl = 10s}).value(), 1);
  EXPECT_EQ(*a.current("n").value().remaining, 10s);
}

TEST_P(AtomicTest, ATouchGivesANewLife) {
  Strings a = cache({.ttl = 1min});
  a.set("k", "v").value();
  EXPECT_TRUE(a.touch("k", 1h).value());
  scheduler_->advance(30min);
  EXPECT_EQ(a.get("k"), "v");
  EXPECT_TRUE(a.touch("k", std::nullopt).value());
  scheduler_->advance(24h * 365);
  EXPECT_EQ(a.get("k"), "v");
  EXPECT_EQ(a.touch("k", 0s).error(), Errc::invalid_argument);
  EXPECT_TRUE(a.touch("k", 1s).value());
  scheduler_->advance(2s);
  EXPECT_EQ(a.get("k"), std::nullopt);
  EXPECT_TRUE(a.add("k", "again").value());
}

TEST_P(AtomicTest, WhatCannotBeUsedCountsAsNoValue) {
  Strings a = cache({.ttl = 1min, .negative_ttl = 1min, .grace = 1h});
  EXPECT_EQ(a.get_or_load("negative", [] { return std::optional<std::string>(); }).error(), Errc::not_found);
  EXPECT_TRUE(a.add("negative", "v").value());
  a.set("stale", "old").value();
  a.set("soft", "old").value();
  a.set("tagged", "old", {.tags = {"t"}}).value();
  a.invalidate({"soft"}, {.soft = true}).value();
  a.invalidate_tag("t").value();
  EXPECT_TRUE(a.add("soft", "v").value());
  EXPECT_TRUE(a.add("tagged", "v").value());
  scheduler_->advance(61s);
  EXPECT_TRUE(a.add("stale", "v").value());
  EXPECT_EQ(a.get("stale"), "v");
}

TEST_P(AtomicTest, AChangeKeepsTheTagsUnlessItHasItsOwn) {
  Strings a = cache();
  a.set("k", "one", {.tags = {"t"}}).value();
  EXPECT_TRUE(a.replace("k", "two").value());
  EXPECT_EQ(a.get("k"), "two");
  a.invalidate_tag("t").value();
  EXPECT_EQ(a.get("k"), std::nullopt);
  EXPECT_TRUE(a.add("k", "three", {.tags = {"u"}}).value());
  EXPECT_TRUE(a.compare_and_set("k", a.current("k")->revision, "four", {.tags = {"v"}}).value());
  a.invalidate_tag("u").value();
  EXPECT_EQ(a.get("k"), "four");
  a.invalidate_tag("v").value();
  EXPECT_EQ(a.get("k"), std::nullopt);
}

/// Other processes see the change within the bound of their level, and their loads do not undo it.
TEST_P(AtomicTest, F12_ALoadFromBeforeTheChangeFillsNothing) {
  if (!has_processes()) return;
  for (const bool was_there : {false, true}) {
    Strings a = cache({.ttl = 1min, .grace = 1h});
    Strings b = cache({.ttl = 1min, .grace = 1h});
    if (was_there) {
      a.set("k", "older").value();
      scheduler_->advance(61s);
    }
    const auto held = std::make_shared<Held>();
    const Later loading = start(b, "k", held);
    EXPECT_TRUE(a.add("k", "new").value());
    held->answer("old", 1min);
    scheduler_->advance(2s);
    EXPECT_EQ(a.get("k"), "new");
    EXPECT_EQ(b.get("k"), "new") << (was_there ? "an old value was there" : "");
    EXPECT_EQ(cache().get("k"), "new");
    a.clear().value();
    scheduler_->advance(1s);
  }
}

TEST_P(AtomicTest, AnotherProcesssMemoryIsBehindByMaxStalenessAtMost) {
  if (!has_processes() || GetParam() == Stack::database) return;
  Numbers a = cache<std::int64_t>();
  Numbers b = cache<std::int64_t>();
  a.set("n", 1).value();
  EXPECT_EQ(b.get("n"), 1);
  for (std::int64_t i = 2; i < 10; ++i) {
    EXPECT_EQ((i % 2 == 0 ? a : b).increment("n").value(), i);
    EXPECT_EQ((i % 2 == 0 ? a : b).get("n"), i) << "its own change";
    scheduler_->advance(1s);
    EXPECT_EQ(a.get("n"), i);
    EXPECT_EQ(b.get("n"), i);
  }
}

/// A process expects what it stored last. What another process has done since is noticed.
TEST_P(AtomicTest, AnOperationNeverDecidesByAFormerValue) {
  if (!has_processes()) return;
  Numbers a = cache<std::int64_t>({.ttl = 1min});
  Numbers b = cache<std::int64_t>({.ttl = 1min});
  EXPECT_TRUE(a.add("k", 1).value());
  b.erase("k").value();
  EXPECT_TRUE(a.add("k", 2).value()) << "it is gone";
  b.erase("k").value();
  EXPECT_EQ(a.increment("k").error(), Errc::not_found);
  EXPECT_FALSE(a.replace("k", 3).value());
  EXPECT_TRUE(a.add("k", 4).value());
  b.set("k", 100).value();
  EXPECT_EQ(a.increment("k").value(), 101);
  EXPECT_EQ(b.take("k").value(), 101);
  EXPECT_EQ(a.take("k").value(), std::nullopt);
  EXPECT_EQ(a.set_default("k", 5).value(), 5);
  scheduler_->advance(61s);
  EXPECT_EQ(a.set_default("k", 6).value(), 6) << "it has expired";
}

INSTANTIATE_TEST_SUITE_P(Over, AtomicTest,
                         ::testing::Values(Stack::memory, Stack::shared, Stack::shared_over_database,
                                           Stack::database, Stack::shared_over_private),
                         name_of);

class AtomicFaults : public SharedTest {
 protected:
  template <class V = std::string>
  [[nodiscard]] Cache<V> over(std::vector<std::shared_ptr<Tier>> tiers, CacheOptions options = {}) const {
    options.name = "atomic";
    options.scheduler = scheduler_;
    options.ttl_jitter = 0;
    return Cache<V>(std::move(options), std::move(tiers));
  }
  std::shared_ptr<testing::MapTier> database_ = std::make_shared<testing::MapTier>(scheduler_->clock());
};

TEST_F(AtomicFaults, ALostReplyIsUnknownAndNeitherRepeatedNorRepaired) {
  const auto faulty = std::make_shared<testing::FaultyTier>(database_, scheduler_);
  Numbers a = over<std::int64_t>({shared_, faulty});
  a.set("n", 5).value();
  EXPECT_EQ(a.get("n"), 5);
  faulty->plan([](std::string_view operation, std::string_view) {
    testing::Fault fault{.error = Errc::timed_out};
    if (operation == "compare_and_set") fault.kind = Kind::lose_reply;
    return fault;
  });
  const auto outcome = a.increment("n");
  EXPECT_EQ(outcome.error(), Errc::effect_unknown) << outcome.error().message();
  faulty->plan(nullptr);
  EXPECT_EQ(a.get("n"), 6) << "it had taken effect; neither memory nor the shared tier has the old value";
  scheduler_->advance(10s);
  EXPECT_EQ(a.get("n"), 6) << "and recovery has not erased it";
  EXPECT_EQ(a.increment("n").value(), 7);
  EXPECT_EQ(a.stats().write_failures, 1U);
}

TEST_F(AtomicFaults, NothingChangesWhileALevelIsAway) {
  Numbers a = over<std::int64_t>({shared_, database_});
  a.set("n", 5).value();
  database_->set_away(true);
  EXPECT_EQ(a.increment("n").error(), Errc::unavailable);
  EXPECT_EQ(a.current("n").error(), Errc::unavailable);
  database_->set_away(false);
  EXPECT_EQ(a.increment("n").value(), 6);
  shared_->set_away(true);
  const auto outcome = a.increment("n");
  EXPECT_EQ(outcome.error(), Errc::unavailable);
  EXPECT_NE(outcome.error().context.find("nothing has changed"), std::string::npos)
      << outcome.error().context;
  shared_->set_away(false);
  scheduler_->advance(10s);
  EXPECT_EQ(a.increment("n").value(), 7);
}

TEST_F(AtomicFaults, ALevelThatMissedAChangeDoesNotDecide) {
  Numbers a = over<std::int64_t>({shared_});
  a.set("n", 5).value();
  shared_->set_away(true);
  EXPECT_FALSE(a.set("n", 100));
  shared_->set_away(false);
  EXPECT_EQ(a.increment("n").error(), Errc::unavailable) << "5 is outdated";
  scheduler_->advance(10s);
  EXPECT_EQ(a.increment("n", 1, {.initial = 0}).value(), 1) << "recovery has erased it";
}

/// Nobody may overwrite what others of the cache's processes can read and this one cannot.
TEST_F(AtomicFaults, AnEntryOfAnotherSchemaIsNotReplaced) {
  Strings texts = over({shared_});
  texts.set("k", "text").value();
  Numbers numbers = over<std::int64_t>({shared_});
  EXPECT_EQ(numbers.add("k", 1).error(), Errc::incompatible);
  EXPECT_EQ(texts.get("k"), "text");
}

TEST_F(AtomicFaults, ForeignBytesAreReplaced) {
  Strings a = over({shared_});
  shared_->set("atomic:k", "rubbish", {}, no_deadline, [](const Result<void>&) {});
  EXPECT_TRUE(a.add("k", "v").value());
  EXPECT_EQ(a.get("k"), "v");
}

using WithoutComparing = testing::ForwardingTier;

TEST_F(AtomicFaults, WhatCannotDecideIsRefusedInWords) {
  const auto refusal = [](auto cache) { return cache.add("k", "v").error(); };
  const auto about = [](const Error& error, std::string_view what) {
    EXPECT_EQ(error, Errc::invalid_argument);
    EXPECT_NE(error.context.find(what), std::string::npos) << error.context;
  };
  about(refusal(over({std::make_shared<WithoutComparing>(database_)})), "compare-and-set");
  about(refusal(over({}, {.memory_level = false})), "no level");
  about(refusal(over({database_}, {.write_mode = WriteMode::around})), "write_mode");
  Strings fine = over({shared_, std::make_shared<WithoutComparing>(database_)});
  EXPECT_TRUE(fine.add("k", "v").value()) << "the shared tier decides";
  EXPECT_EQ(fine.add("", "v").error(), Errc::invalid_key);
  EXPECT_EQ(fine.add("k2", "v", {.ttl = -1s}).error(), Errc::invalid_argument);
}

TEST_F(AtomicFaults, AnUpdateMayUseTheCache) {
  Numbers a = over<std::int64_t>({});
  const auto nested = [&](const std::int64_t* now) {
    a.increment("other", 1, {.initial = 0}).value();
    return std::optional(now ? *now + 1 : 1);
  };
  EXPECT_EQ(a.update("n", nested).value(), 1);
  EXPECT_EQ(a.update("n", nested).value(), 2);
  EXPECT_EQ(a.get("other"), 2);
}

TEST_F(AtomicFaults, ASealedValueIsComparedAndReplaced) {
  const auto ring = KeyRing::parse(generate_key_ring());
  Numbers a = over<std::int64_t>({shared_}, {.key_ring = ring});
  EXPECT_EQ(a.increment("n", 1, {.initial = 0}).value(), 1);
  EXPECT_EQ(a.increment("n").value(), 2);
  EXPECT_EQ(a.take("n").value(), 2);
}

}  // namespace
}  // namespace terrace
