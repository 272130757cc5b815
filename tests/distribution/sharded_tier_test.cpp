/// The sharded tier: where operations go, while nothing changes and in each phase of a change; what becomes
/// of faults.

#include "distribution/sharded_core.hpp"
#include "distribution/sharded_fixture.hpp"

namespace terrace::testing {
namespace {

class ShardedTierTest : public Sharding {};

TEST_F(ShardedTierTest, EachKeyIsOnItsShard) {
  const auto tier = sharded({{"a", a_}, {"b", b_}, {"c", c_}});
  EXPECT_TRUE(set(*tier, "a1", "x"));
  EXPECT_TRUE(set(*tier, "c1", "y"));
  EXPECT_EQ(at(*a_, "a1"), "x");
  EXPECT_EQ(at(*c_, "c1"), "y");
  EXPECT_EQ(at(*b_, "c1"), Found());
  EXPECT_EQ(at(*tier, "c1"), "y");
  EXPECT_EQ(tier->shard_of("c1"), "c");
  EXPECT_EQ(erase(*tier, "c1").value(), true);
  EXPECT_EQ(at(*c_, "c1"), Found());
  EXPECT_EQ(tier->name(), "sharded");
  EXPECT_EQ(tier->versioned(), nullptr);
}

class LaggingTier final : public MapTier {
 public:
  [[nodiscard]] bool may_lag() const noexcept override { return true; }
};

TEST_F(ShardedTierTest, ItMayLagWhenAShardMayAndNoChangeMakesItSo) {
  const auto lagging = std::make_shared<LaggingTier>();
  EXPECT_TRUE(sharded({{"a", a_}, {"b", lagging}})->may_lag());
  EXPECT_TRUE(sharded({{"a", a_}, {"b", faulty(lagging)}})->may_lag());
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  EXPECT_FALSE(tier->may_lag());
  EXPECT_THROW(tier->change_shards({{"a", a_}, {"b", lagging}}, how_), ConfigError);
  EXPECT_FALSE(tier->may_lag());
}

TEST_F(ShardedTierTest, SweepsGoToEveryShardAndAddUp) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  for (const auto* key : {"a1", "a2", "b1"}) EXPECT_TRUE(set(*tier, key, "v"));
  EXPECT_EQ(now<std::uint64_t>([&](auto done) {
              tier->erase_glob("", "?1", no_deadline, std::move(done));
            }).value(),
            2U);
  EXPECT_EQ(
      now<std::uint64_t>([&](auto done) { tier->erase_prefix("", no_deadline, std::move(done)); }).value(),
      1U);
}

TEST_F(ShardedTierTest, AShardThatIsDownTakesOnlyItsKeysWithIt) {
  const auto down = faulty(a_);
  const auto tier = sharded({{"a", down}, {"b", b_}});
  EXPECT_TRUE(set(*tier, "a1", "x"));
  EXPECT_TRUE(set(*tier, "b1", "y"));
  down->plan({.kind = Fault::Kind::fail, .error = Errc::unavailable});
  EXPECT_EQ(get(*tier, "a1").error(), Errc::unavailable);
  EXPECT_EQ(get(*tier, "b1").value(), "y");
  std::vector<Result<Found>> found;
  tier->get_many({"a1", "b1", "a2", "b2"}, no_deadline, [&](auto told) { found = std::move(told); });
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].error(), Errc::unavailable);
  EXPECT_NE(found[0].error().context.find("shard \"a\""), std::string::npos) << found[0].error().context;
  EXPECT_EQ(found[1].value(), "y");
  EXPECT_FALSE(found[2]);
  EXPECT_EQ(found[3].value(), Found());
  std::vector<Result<void>> stored;
  tier->set_many({{"a1", "x", {}}, {"b1", "z", {}}}, no_deadline,
                 [&](auto told) { stored = std::move(told); });
  EXPECT_FALSE(stored[0]);
  EXPECT_TRUE(stored[1]);
  const auto swept =
      now<std::uint64_t>([&](auto done) { tier->erase_prefix("", no_deadline, std::move(done)); });
  EXPECT_EQ(swept.error(), Errc::partial_write);
  EXPECT_NE(swept.error().context.find("shard \"a\""), std::string::npos);
  EXPECT_EQ(at(*b_, "b1"), Found()) << "the others are swept";
}

TEST_F(ShardedTierTest, AFunctionWithoutAnIndexIsAnErrorOfItsKey) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  EXPECT_EQ(get(*tier, "?").error(), Errc::invalid_argument);
  EXPECT_EQ(set(*tier, "?", "v").error(), Errc::invalid_argument);
  EXPECT_EQ(erase(*tier, "?").error(), Errc::invalid_argument);
  EXPECT_EQ(tier->shard_of("?"), "");
  std::vector<Result<Found>> found;
  tier->get_many({"?", "a1"}, no_deadline, [&](auto told) { found = std::move(told); });
  EXPECT_EQ(found[0].error(), Errc::invalid_argument);
  EXPECT_TRUE(found[1]);
}

TEST_F(ShardedTierTest, StatisticsAreOfEachShardAndTheirSum) {
  const auto tier = make_sharded_tier({.shards = {{"a", a_, 1}, {"b", b_, 3}}}, scheduler_);
  for (int i = 0; i < 400; ++i) EXPECT_TRUE(set(*tier, std::to_string(i), "v"));
  const auto shards = tier->shards();
  ASSERT_EQ(shards.size(), 2U);
  EXPECT_EQ(shards[1].name, "b");
  EXPECT_NEAR(*shards[1].share, 0.75, 0.02);
  EXPECT_NEAR(double(shards[1].stats.writes), 300, 40);
  EXPECT_EQ(tier->stats().writes, 400U);
  EXPECT_EQ(tier->stats().entries, 400U);
  // What a shard has counted stays counted when it leaves; what it holds does not.
  tier->change_shards({{"b", b_, 3}}, how_);
  ASSERT_EQ(tier->shards().size(), 2U);
  EXPECT_EQ(tier->shards()[1].name, "a");
  EXPECT_EQ(tier->shards()[1].share, 0);
  end_change();
  EXPECT_EQ(tier->shards().size(), 1U);
  EXPECT_EQ(tier->stats().writes, 400U);
  EXPECT_EQ(tier->stats().entries, shards[1].stats.entries);
}

TEST_F(ShardedTierTest, OneShardOutOfReachMeansNotEveryKeyIsReached) {
  const TierStats fine{.reachable = true, .breaker_open = false};
  const TierStats away{.reachable = false, .breaker_open = true};
  const TierStats unknown;
  EXPECT_EQ(distribution::sum(fine, away).reachable, false);
  EXPECT_EQ(distribution::sum(fine, away).breaker_open, true);
  EXPECT_EQ(distribution::sum(fine, fine).reachable, true);
  EXPECT_EQ(distribution::sum(unknown, fine).reachable, true) << "the others have no server";
  EXPECT_EQ(distribution::sum(away, unknown).reachable, false);
  EXPECT_EQ(distribution::sum(unknown, unknown).reachable, std::nullopt);
}

TEST_F(ShardedTierTest, F29_WhileTheOldOwnerLeads) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  EXPECT_TRUE(set(*tier, "a1", "old"));
  begin_change(*tier);
  EXPECT_EQ(tier->shard_of("a1"), "a");
  EXPECT_EQ(at(*tier, "a1"), "old");
  EXPECT_TRUE(set(*b_, "a1", "from a process that is further"));
  EXPECT_TRUE(set(*tier, "a1", "new"));
  EXPECT_EQ(at(*a_, "a1"), "new");
  EXPECT_EQ(at(*b_, "a1"), Found());
  EXPECT_TRUE(set(*b_, "a2", "from a process that is further"));
  EXPECT_EQ(at(*tier, "a2"), "from a process that is further") << "what the old owner misses";
  EXPECT_TRUE(set(*a_, "a2", "x"));
  EXPECT_EQ(erase(*tier, "a2").value(), true);
  EXPECT_EQ(at(*a_, "a2"), Found());
  EXPECT_EQ(at(*b_, "a2"), Found());
}

TEST_F(ShardedTierTest, F29_WhileTheNewOwnerLeads) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  EXPECT_TRUE(set(*tier, "a1", "old"));
  EXPECT_TRUE(set(*tier, "a2", "old"));
  begin_change(*tier);
  pass_lead();
  EXPECT_EQ(tier->shard_of("a1"), "b");
  EXPECT_EQ(at(*tier, "a1"), "old") << "the old owner still has it";
  EXPECT_TRUE(set(*tier, "a1", "new"));
  EXPECT_EQ(at(*a_, "a1"), Found());
  EXPECT_EQ(at(*b_, "a1"), "new");
  EXPECT_EQ(erase(*tier, "a2").value(), true) << "at the old owner";
  EXPECT_EQ(at(*tier, "a2"), Found());
  std::vector<Result<Found>> found;
  EXPECT_TRUE(set(*a_, "a3", "there"));
  tier->get_many({"a1", "b1", "a3", "c1"}, no_deadline, [&](auto told) { found = std::move(told); });
  EXPECT_EQ(found[0].value(), "new");
  EXPECT_EQ(found[1].value(), Found());
  EXPECT_EQ(found[2].value(), "there");
  EXPECT_EQ(found[3].value(), Found());
  pass_grace();
  EXPECT_EQ(at(*tier, "a3"), Found()) << "the old owner is not asked any more";
  EXPECT_TRUE(set(*tier, "a3", "new"));
  EXPECT_EQ(at(*a_, "a3"), Found()) << "but still erased at";
}

TEST_F(ShardedTierTest, F29_AVersionedWriteDuringAChangeErasesBoth) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  const auto write = [&](std::string_view key, std::string_view value, std::uint64_t version,
                         std::optional<Duration> ttl = {}) {
    std::vector<Result<void>> told;
    tier->set_many({{key, value, ttl, version}}, no_deadline, [&](auto done) { told = std::move(done); });
    return told.at(0);
  };
  EXPECT_TRUE(write("a1", "nine", 9));
  begin_change(*tier);
  pass_lead();
  EXPECT_EQ(write("a1", "eight", 8, 0s).error(), Errc::invalid_argument);
  EXPECT_EQ(at(*tier, "a1"), "nine") << "a refused write leaves what is stored";
  EXPECT_TRUE(write("a1", "eight", 8));
  EXPECT_EQ(at(*tier, "a1"), Found()) << "neither the older one, nor what it may have replaced";
  EXPECT_TRUE(write("b1", "one", 1));
  EXPECT_EQ(at(*tier, "b1"), "one") << "a key that stays is written";
}

TEST_F(ShardedTierTest, F29_WhatAnEraseCannotReachIsAnErrorThatNamesTheShard) {
  const auto old_owner = faulty(a_);
  const auto new_owner = faulty(b_);
  const auto tier = sharded({{"a", old_owner}, {"b", new_owner}});
  EXPECT_TRUE(set(*tier, "a1", "x"));
  tier->change_shards({{"b", new_owner}}, how_);
  pass_lead();
  old_owner->plan({.kind = Fault::Kind::fail, .error = Errc::unavailable});
  const auto erased = erase(*tier, "a1");
  EXPECT_EQ(erased.error(), Errc::partial_write);
  EXPECT_NE(erased.error().context.find("shard \"a\""), std::string::npos) << erased.error().context;
  const auto stored = set(*tier, "a1", "y");
  EXPECT_EQ(stored.error(), Errc::partial_write);
  EXPECT_NE(stored.error().context.find("shard \"a\""), std::string::npos) << stored.error().context;
  new_owner->plan({.kind = Fault::Kind::fail, .error = Errc::timed_out});
  EXPECT_EQ(erase(*tier, "a1").error(), Errc::timed_out) << "neither was reached";
  EXPECT_EQ(set(*tier, "a1", "z").error(), Errc::timed_out);
}

TEST_F(ShardedTierTest, F29_AFaultOfOneOwnerIsNoMiss) {
  const auto old_owner = faulty(a_);
  const auto new_owner = faulty(b_);
  const auto tier = sharded({{"a", old_owner}, {"b", new_owner}});
  EXPECT_TRUE(set(*tier, "a1", "x"));
  tier->change_shards({{"b", new_owner}}, how_);
  for (int phase = 0; phase < 2; ++phase) {
    old_owner->plan({.kind = Fault::Kind::fail, .error = Errc::io_error});
    EXPECT_EQ(get(*tier, "a2").error(), Errc::io_error);
    old_owner->plan(Fault{});
    new_owner->plan({.kind = Fault::Kind::fail, .error = Errc::io_error});
    EXPECT_EQ(get(*tier, "a2").error(), Errc::io_error);
    new_owner->plan(Fault{});
    EXPECT_EQ(get(*tier, "a2").value(), Found());
    EXPECT_EQ(get(*tier, "a1").value(), "x");
    pass_lead();
  }
}

TEST_F(ShardedTierTest, SweepsDuringAChangeReachWhatLeaves) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  EXPECT_TRUE(set(*tier, "a1", "x"));
  begin_change(*tier);
  pass_lead();
  EXPECT_EQ(
      now<std::uint64_t>([&](auto done) { tier->erase_prefix("", no_deadline, std::move(done)); }).value(),
      1U);
  EXPECT_EQ(at(*a_, "a1"), Found());
}

TEST_F(ShardedTierTest, WhatLeavesIsLetGoOfAfterwardsAndNotClosed) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  const std::weak_ptr<Tier> left = a_;
  auto kept = std::exchange(a_, nullptr);
  begin_change(*tier);
  EXPECT_EQ(tier->change_left(), 70s);
  scheduler_->advance(70s - 1ns);
  EXPECT_EQ(kept.use_count(), 3) << "of the former list and of the members";
  scheduler_->advance(1ns);
  scheduler_->run_ready();
  EXPECT_EQ(tier->change_left(), 0s);
  EXPECT_EQ(kept.use_count(), 1);
  EXPECT_TRUE(set(*kept, "k", "v")) << "it is not closed";
  kept.reset();
  EXPECT_TRUE(left.expired());
}

TEST_F(ShardedTierTest, OneChangeAtATime) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  begin_change(*tier);
  scheduler_->advance(10s);
  try {
    begin_change(*tier);
    FAIL() << "not refused";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("the previous change takes 60 s more"), std::string::npos)
        << error.what();
  }
  end_change();
  tier->change_shards({{"c", c_}}, how_);
  EXPECT_EQ(tier->change_left(), 70s);
  tier->close();
  EXPECT_EQ(set(*b_, "k", "v").error(), Errc::shutdown) << "what leaves is closed with the others";
  EXPECT_EQ(set(*c_, "k", "v").error(), Errc::shutdown);
  EXPECT_TRUE(set(*a_, "k", "v")) << "what has left is not";
  EXPECT_THROW(begin_change(*tier), Exception);
}

TEST_F(ShardedTierTest, AChangeThatIsRefusedChangesNothing) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  EXPECT_THROW(tier->change_shards({}, how_), ConfigError);
  EXPECT_THROW(tier->change_shards({{"a", a_}, {"d", std::make_shared<MapTier>()}}, how_), ConfigError)
      << "it shares nothing, the others do";
  EXPECT_EQ(tier->change_left(), 0s);
  EXPECT_EQ(tier->shards().size(), 2U);
  EXPECT_THROW((void)make_sharded_tier({}), ConfigError);
  EXPECT_THROW((void)make_sharded_tier({.shards = {{"a", a_}}}, nullptr), ConfigError);
  EXPECT_EQ(sharded({{"a", a_}, {"d", std::make_shared<MapTier>()}})->shared(), nullptr);
}

TEST_F(ShardedTierTest, AnOperationThatOutlastsTheChangeIsAnErrorAndNoMiss) {
  const auto slow = faulty(b_);
  const auto tier = sharded({{"a", faulty(a_)}, {"b", slow}});
  tier->change_shards({{"b", slow}}, how_);
  pass_lead();
  slow->plan({.kind = Fault::Kind::hold});
  std::optional<Result<Found>> found;
  std::optional<Result<void>> stored;
  tier->get("a1", no_deadline, [&](auto told) { found = std::move(told); });
  tier->set("a1", "v", {}, no_deadline, [&](auto told) { stored = std::move(told); });
  end_change();
  slow->release();
  ASSERT_TRUE(found && stored);
  EXPECT_EQ(found->error(), Errc::unavailable);
  EXPECT_EQ(stored->error(), Errc::effect_unknown);
}

/// What the page says is not prevented: nobody tells a former owner of changes.
TEST_F(ShardedTierTest, AShardThatGetsItsKeysBackHasWhatItHeld) {
  const auto tier = sharded({{"a", a_}, {"b", b_}});
  EXPECT_TRUE(set(*tier, "a1", "old"));
  begin_change(*tier);
  end_change();
  EXPECT_TRUE(set(*tier, "a1", "new"));
  tier->change_shards({{"a", a_}, {"b", b_}}, how_);
  end_change();
  EXPECT_EQ(at(*tier, "a1"), "old");
}

}  // namespace
}  // namespace terrace::testing
