/// Rule Claim: a database that processes share, and that has no leases, does not take a value from before another
/// process's change.

#include "cascade/claims.hpp"

#include <gtest/gtest.h>

#include <terrace/key_ring.hpp>

#include "cascade/shared_fixture.hpp"
#include "support/forwarding_tier.hpp"
#include "support/storing_tier.hpp"

namespace terrace {
namespace {

using Kind = testing::Fault::Kind;

Result<std::string> absent() {
  return Error(Errc::not_found);
}

/// Caches over a database alone, or over a shared tier and that database.
class ClaimTest : public SharedTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override { faulty_ = std::make_shared<testing::FaultyTier>(database_, scheduler_); }

  [[nodiscard]] Strings make(CacheOptions options = {}) const {
    return make_over(faulty_, std::move(options));
  }
  [[nodiscard]] Strings make_over(std::shared_ptr<Tier> database, CacheOptions options = {}) const {
    options.name = "users";
    options.scheduler = scheduler_;
    options.ttl_jitter = 0;
    std::vector<std::shared_ptr<Tier>> tiers;
    if (GetParam()) tiers.push_back(shared_);
    tiers.push_back(std::move(database));
    return Strings(std::move(options), std::move(tiers));
  }
  [[nodiscard]] Found stored(const std::string& key) const {
    Result<Found> found = Found{};
    database_->get("users:" + key, no_deadline, [&](Result<Found> told) { found = std::move(told); });
    return found.value();
  }
  /// What a process reads that has nothing in memory, and nothing in the shared tier.
  [[nodiscard]] std::optional<std::string> in_database(const std::string& key) const {
    return Strings({.name = "users", .ttl_jitter = 0, .scheduler = scheduler_}, {database_}).get(key);
  }

  std::shared_ptr<testing::MapTier> database_ = std::make_shared<testing::MapTier>(scheduler_->clock());
  std::shared_ptr<testing::FaultyTier> faulty_;
};

TEST_P(ClaimTest, F12_ALoadFromBeforeAnotherProcesssChangeFillsNothing) {
  const std::pair<const char*, std::function<void(Strings&)>> changes[] = {
      {"erase", [](Strings& other) { other.erase("k").value(); }},
      {"set", [](Strings& other) { other.set("k", "new").value(); }},
      {"set and erase",
       [](Strings& other) {
         other.set("k", "newer").value();
         other.erase("k").value();
       }},
      {"clear", [](Strings& other) { other.clear().value(); }},
      {"prefix", [](Strings& other) { other.invalidate_prefix("k").value(); }},
      {"glob", [](Strings& other) { other.invalidate_glob("*").value(); }},
      {"another load",
       [](Strings& other) {
         other.erase("k").value();
         EXPECT_EQ(other.get_or_load("k", [] { return std::string("loaded"); }).value(), "loaded");
       }},
  };
  for (const auto& [name, change] : changes) {
    for (const Consistency consistency : {Consistency::eventual, Consistency::strong}) {
      for (const bool was_there : {false, true}) {  // an old value past its ttl, within grace
        SCOPED_TRACE(std::string(name) + (was_there ? ", an old value" : ""));
        Strings loader = make({.ttl = 1min, .grace = 1h, .consistency = consistency});
        Strings other = make({.ttl = 1min, .grace = 1h, .consistency = consistency});
        if (was_there) {
          other.set("k", "older").value();
          scheduler_->advance(2min);
        }
        const auto held = std::make_shared<Held>();
        const auto answer = start(loader, "k", held);
        scheduler_->run_ready();
        ASSERT_EQ(held->calls, 1);
        change(other);
        held->answer("old");
        scheduler_->run_ready();
        EXPECT_EQ(text(answer), "old") << "it was right when its caller asked";
        EXPECT_NE(in_database("k"), "old");
        EXPECT_NE(other.get("k"), "old");
        EXPECT_NE(make().get("k"), "old");
        EXPECT_GE(loader.stats().rejected_fills, 1U);
        make().clear().value();
      }
    }
  }
}

/// The control: the same with a database that stores whatever comes.
TEST_P(ClaimTest, F12_MutantWithoutClaimsKeepsTheOldValue) {
  if (GetParam()) return;  // the lease helps, but not always: see `sim --mutant no_claims`
  const auto storing = std::make_shared<testing::StoringTier>(scheduler_->clock());
  Strings loader = make_over(storing);
  Strings other = make_over(storing);
  const auto held = std::make_shared<Held>();
  start(loader, "k", held);
  other.erase("k").value();
  held->answer("old");
  EXPECT_EQ(make_over(storing).get("k"), "old");
}

TEST_P(ClaimTest, WhatIsLoadedIsKept) {
  Strings a = make();
  EXPECT_EQ(a.get_or_load("k", [] { return std::string("v"); }).value(), "v");
  EXPECT_EQ(in_database("k"), "v");
  EXPECT_EQ(a.stats().rejected_fills, 0U);
  // A value that is refreshed replaces the old one.
  a.set("old", "1", {.ttl = 1s}).value();
  scheduler_->advance(2s);
  EXPECT_EQ(a.get_or_load("old", [] { return std::string("2"); }).value(), "2");
  EXPECT_EQ(in_database("old"), "2");
  // Foreign bytes are replaced, too.
  for (const char* junk : {"", "junk"}) {
    database_->set("users:junk", junk, {}, no_deadline, [](const Result<void>&) {});
    Strings fresh = make();
    EXPECT_EQ(fresh.get_or_load("junk", [] { return std::string("v"); }).value(), "v");
    EXPECT_EQ(in_database("junk"), "v");
    fresh.erase("junk").value();
  }
}

/// A claim is not the claim of one process: who finds one uses it. So processes that load one key again and again do
/// not take each other's claims away.
TEST_P(ClaimTest, ProcessesThatLoadOneKeyAtOnceShareAClaim) {
  if (GetParam()) return;  // there the lease lets one process load
  Strings a = make({.consistency = Consistency::strong});
  Strings b = make({.consistency = Consistency::strong});
  const auto first = std::make_shared<Held>();
  const auto second = std::make_shared<Held>();
  start(a, "k", first);
  const Found claim = stored("k");
  ASSERT_TRUE(claim);
  start(b, "k", second);
  EXPECT_EQ(stored("k"), claim);
  second->answer("b's");
  EXPECT_EQ(in_database("k"), "b's");
  first->answer("a's");
  EXPECT_EQ(in_database("k"), "b's") << "the first one that is there";
}

TEST_P(ClaimTest, AClaimIsAMissForEveryReaderAndForOneWithAWrongClock) {
  Strings a = make();
  EXPECT_EQ(a.get_or_load("k", absent).error(), Errc::not_found);
  ASSERT_TRUE(stored("k")) << "it is left behind";
  for (const auto by : {0h, -24h * 365, 24h * 730}) {
    scheduler_->fake_clock().step_wall(by);
    const Lookup<std::string> found = make({.ttl = 1min, .grace = 24h * 3650}).lookup("k");
    EXPECT_EQ(found.kind, LookupKind::miss);
    EXPECT_EQ(make().stats().levels.back().unreadable, 0U);
  }
  EXPECT_EQ(a.get_or_load("k", [] { return std::string("v"); }).value(), "v");
  EXPECT_EQ(in_database("k"), "v");
}

TEST_P(ClaimTest, AMissThatRepeatsMakesNoSecondClaim) {
  int writes = 0;
  faulty_->plan([&](std::string_view operation, std::string_view) {
    writes += operation == "set_if_absent" || operation == "compare_and_set" || operation == "set" ? 1 : 0;
    return testing::Fault{};
  });
  Strings a = make({.memory_level = false});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(a.get_or_load("k", absent).error(), Errc::not_found);
  EXPECT_EQ(writes, 1);
  EXPECT_FALSE(a.get("unknown"));
  EXPECT_EQ(writes, 1) << "a read that cannot load makes none in the lowest tier";
  scheduler_->advance(1h);
  EXPECT_FALSE(stored("k")) << "and it does not stay";
}

TEST_P(ClaimTest, ATierThatDoesNotTakeTheClaimIsNotFilledAndNobodyIsHurt) {
  for (const Kind kind : {Kind::fail, Kind::lose_reply, Kind::hang}) {
    faulty_->plan([kind](std::string_view operation, std::string_view) {
      return testing::Fault{.kind = operation == "set_if_absent" ? kind : Kind::none};
    });
    Strings a = make();
    EXPECT_EQ(a.get_or_load("k", [] { return std::string("v"); }).value(), "v");
    EXPECT_NE(in_database("k"), "v");
    EXPECT_EQ(a.stats().levels.back().lease_errors, 1U) << "it shows";
    a.erase("k").value();
  }
}

TEST_P(ClaimTest, OneKeyringIsEnoughAndAnotherOneHidesNothing) {
  const auto keys = KeyRing::parse(generate_key_ring());
  CacheOptions options{.key_ring = keys};
  Strings a = make(options);
  const auto held = std::make_shared<Held>();
  start(a, "k", held);
  ASSERT_TRUE(stored("k"));
  if (!GetParam()) {  // a shared tier lets them wait for the load
    EXPECT_EQ(make(options).lookup("k").kind, LookupKind::miss);
    EXPECT_EQ(make().lookup("k").kind, LookupKind::miss) << "a process without keys";
  }
  held->answer("v");
  EXPECT_EQ(make(options).get("k"), "v");
}

TEST_P(ClaimTest, ManyKeysTakeOneOperation) {
  int claims = 0;
  faulty_->plan([&](std::string_view operation, std::string_view) {
    claims += operation == "set_if_absent" ? 1 : 0;
    return testing::Fault{};
  });
  Strings a = make();
  std::vector<std::string> keys;
  for (int i = 0; i < 1000; ++i) keys.push_back("k" + std::to_string(i));
  const auto loaded = a.get_or_load_many(keys, [](const std::vector<std::string>& missing) {
    return std::vector<std::optional<std::string>>(missing.size(), "v");
  });
  for (const auto& value : loaded) EXPECT_EQ(value.value(), "v");
  EXPECT_EQ(claims, 1000) << "each key has its own";
  for (const std::string& key : {keys.front(), keys.back()}) EXPECT_EQ(in_database(key), "v");
}

INSTANTIATE_TEST_SUITE_P(Over, ClaimTest, ::testing::Bool(),
                         [](const auto& over) { return over.param ? "SharedTierAndDatabase" : "Database"; });

/// A program's own tier that cannot compare is not filled by loads; a set goes there.
TEST(ClaimRule, ATierThatCannotCompareIsNotFilledByLoads) {
  const auto plain = std::make_shared<testing::ForwardingTier>(std::make_shared<testing::MapTier>());
  Cache<std::string> cache({.name = "users"}, {plain});
  EXPECT_EQ(cache.get_or_load("k", [] { return std::string("v"); }).value(), "v");
  cache.flush().value();
  EXPECT_EQ(plain->stats().writes, 0U);
  EXPECT_EQ(cache.get("k"), "v") << "memory has it";
  cache.set("k", "w").value();
  EXPECT_EQ(Cache<std::string>({.name = "users"}, {plain}).get("k"), "w");
}

}  // namespace
}  // namespace terrace
