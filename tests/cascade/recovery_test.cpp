/// What a tier missed is made good, and the tier is not trusted until then.

#include "cascade/recovery.hpp"

#include <map>
#include <random>

#include "cascade/fixture.hpp"

namespace terrace {
namespace {

using cascade::Recovery;

class RecoveryTest : public CascadeTest {
 protected:
  void upper_fails(std::string_view operation) const {
    upper_->plan([operation = std::string(operation)](std::string_view asked, std::string_view) {
      return asked == operation ? testing::Fault{.kind = testing::Fault::Kind::fail} : testing::Fault{};
    });
  }
};

TEST_F(RecoveryTest, AMissedEraseIsRepeatedAndTheOldValueNotServedMeanwhile) {
  Strings cache = make();
  cache.set("k", "old").value();
  upper_fails("erase");
  EXPECT_EQ(cache.erase("k").error(), Errc::partial_write);
  EXPECT_TRUE(in_map(upper_map_, "k"));
  EXPECT_FALSE(cache.get("k")) << "the upper tier still has it";
  EXPECT_EQ(cache.stats().unrecovered, 1U);
  scheduler_->advance(1s);
  EXPECT_TRUE(in_map(upper_map_, "k")) << "still failing";
  upper_->plan(nullptr);
  scheduler_->advance(5s);
  EXPECT_FALSE(in_map(upper_map_, "k"));
  EXPECT_EQ(cache.stats().unrecovered, 0U);
}

/// The control: a cache that has heard of no failure shows what recovery prevents.
TEST_F(RecoveryTest, WithoutIt_TheOldValueComesBack) {
  Strings cache = make();
  cache.set("k", "old").value();
  upper_fails("erase");
  cache.erase("k").error();
  Strings other = make_other();
  EXPECT_EQ(*other.get("k"), "old");
}

TEST_F(RecoveryTest, AMissedWriteIsMadeGoodByAnErase) {
  Strings cache = make();
  cache.set("k", "old").value();
  upper_fails("set");
  EXPECT_EQ(cache.set("k", "new").error(), Errc::partial_write);
  EXPECT_EQ(*cache.get("k"), "new");
  upper_->plan(nullptr);
  scheduler_->advance(5s);
  EXPECT_FALSE(in_map(upper_map_, "k"));
  EXPECT_EQ(*make_other().get("k"), "new") << "from the lower tier";
}

/// While the lower tier had the old value, another process read it there and filled the upper tier with it.
TEST_F(RecoveryTest, ReachesWhatAnotherProcessHasMovedUpMeanwhile) {
  enum class Change : std::uint8_t { erase, set, prefix, clear };
  for (const Change change : {Change::erase, Change::set, Change::prefix, Change::clear}) {
    SCOPED_TRACE(static_cast<int>(change));
    Strings cache = make();
    cache.set("k", "old").value();
    lower_->plan([](std::string_view asked, std::string_view) {
      const bool fails = asked == "erase" || asked == "set" || asked == "erase_prefix";
      return fails ? testing::Fault{.kind = testing::Fault::Kind::fail} : testing::Fault{};
    });
    switch (change) {
      case Change::erase:
        EXPECT_FALSE(cache.erase("k"));
        break;
      case Change::set:
        EXPECT_FALSE(cache.set("k", "new"));
        upper_map_->erase("default:k", no_deadline, [](const Result<bool>&) {});  // evicted
        break;
      case Change::prefix:
        EXPECT_FALSE(cache.invalidate_prefix("k"));
        break;
      case Change::clear:
        EXPECT_FALSE(cache.clear());
        break;
    }
    ASSERT_EQ(*make_other().get("k"), "old") << "it trusts the lower tier";
    ASSERT_TRUE(in_map(upper_map_, "k"));
    lower_->plan(nullptr);
    scheduler_->advance(10s);
    EXPECT_EQ(cache.stats().unrecovered, 0U);
    EXPECT_FALSE(in_map(lower_map_, "k"));
    EXPECT_FALSE(in_map(upper_map_, "k"));
    EXPECT_NE(cache.get("k"), std::optional<std::string>("old"));
    EXPECT_FALSE(make_other().get("k"));
  }
}

TEST_F(RecoveryTest, TheNewestChangeWins) {
  Strings cache = make();
  cache.set("k", "old").value();
  upper_fails("erase");
  cache.erase("k").error();
  upper_->plan(nullptr);
  cache.set("k", "new").value();  // arrives before the repetition
  scheduler_->advance(1min);
  EXPECT_TRUE(in_map(upper_map_, "k"));
}

TEST_F(RecoveryTest, AMissedSweepErasesEverythingLater) {
  Strings cache = make();
  cache.set("1", "one").value();
  cache.set("2", "two").value();
  upper_fails("erase_prefix");
  EXPECT_EQ(cache.clear().error(), Errc::partial_write);
  EXPECT_FALSE(cache.get("1")) << "the upper tier is trusted with no key";
  upper_->plan(nullptr);
  scheduler_->advance(5s);
  EXPECT_FALSE(in_map(upper_map_, "1"));
  cache.set("1", "again").value();
  EXPECT_TRUE(in_map(upper_map_, "1"));
}

TEST_F(RecoveryTest, ATierThatComesBackIsTrustedAgain) {
  Strings cache = make();
  upper_->plan(testing::Fault{.kind = testing::Fault::Kind::fail});
  cache.set("k", "one").error();
  upper_->plan(nullptr);
  scheduler_->advance(5s);
  cache.set("k", "two").value();
  EXPECT_EQ(make_other().lookup("k").level, "map");
}

TEST(Recovery, KeepsNoMoreThanItsBoundOfKeys) {
  Recovery recovery(1);
  const TimePoint now{};
  for (std::size_t i = 0; i <= Recovery::max_keys; ++i)
    recovery.missed(std::to_string(i), recovery.ticket(), now);
  EXPECT_EQ(recovery.pending(), UINT64_MAX);
  EXPECT_FALSE(recovery.trusts("never missed"));
  const auto batch = recovery.next();
  ASSERT_TRUE(batch->everything());
  EXPECT_FALSE(recovery.tried(*batch, {true}, now));
  EXPECT_TRUE(recovery.trusts("never missed"));
  EXPECT_EQ(recovery.pending(), 0U);
}

TEST(Recovery, KeepsABulkDeleteAndTrustsTheOtherKeys) {
  Recovery recovery(1);
  const TimePoint now{};
  const cascade::KeySelection carts{.prefix = "cart:"};
  const cascade::KeySelection pages{.prefix = "page:", .pattern = "[0-9]"};
  EXPECT_TRUE(recovery.missed(carts, recovery.ticket(), now));
  EXPECT_FALSE(recovery.missed(pages, recovery.ticket(), now)) << "a timer is set";
  recovery.missed(carts, recovery.ticket(), now);
  EXPECT_EQ(recovery.pending(), 2U) << "the same one counts once";
  EXPECT_FALSE(recovery.trusts("cart:1"));
  EXPECT_FALSE(recovery.trusts("page:1"));
  EXPECT_TRUE(recovery.trusts("page:x"));
  auto batch = recovery.next();
  ASSERT_TRUE(batch && batch->selection == carts);
  EXPECT_TRUE(recovery.tried(*batch, {false}, now));
  batch = recovery.next();
  ASSERT_TRUE(batch && batch->selection == pages) << "each has its turn";
  EXPECT_TRUE(recovery.tried(*batch, {true}, now));
  EXPECT_TRUE(recovery.trusts("page:1"));
  batch = recovery.next();
  recovery.missed(carts, recovery.ticket(), now);
  EXPECT_TRUE(recovery.tried(*batch, {true}, now)) << "it was missed again meanwhile";
  EXPECT_FALSE(recovery.trusts("cart:1"));
  batch = recovery.next();
  EXPECT_FALSE(recovery.tried(*batch, {true}, now));
  EXPECT_TRUE(recovery.trusts("cart:1"));
}

TEST(Recovery, KeysAndBulkDeletesHaveTheirTurns) {
  Recovery recovery(1);
  const TimePoint now{};
  recovery.missed("k", recovery.ticket(), now);
  recovery.missed(cascade::KeySelection{.prefix = "cart:"}, recovery.ticket(), now);
  int selections = 0;
  for (int i = 0; i < 4; ++i) {
    const auto batch = recovery.next();
    ASSERT_TRUE(batch);
    if (batch->selection) ++selections;
    EXPECT_TRUE(recovery.tried(*batch, {false}, now));
  }
  EXPECT_EQ(selections, 2);
}

TEST(Recovery, KeepsNoMoreThanItsBoundOfBulkDeletes) {
  Recovery recovery(1);
  for (std::size_t i = 0; i <= Recovery::max_selections; ++i)
    recovery.missed(cascade::KeySelection{.prefix = std::to_string(i)}, recovery.ticket(), TimePoint{});
  EXPECT_EQ(recovery.pending(), UINT64_MAX);
  EXPECT_FALSE(recovery.trusts("x"));
}

/// A tier that drops changes at random, against a model of what it holds.
TEST(Recovery, NeverTrustsATierWithAnOldValue) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    Recovery recovery(random());
    TimePoint now{};
    std::map<std::string, int> truth;  // the newest change of each key; the tier has one of them, or nothing
    std::map<std::string, int> tier;
    bool timer = false;
    for (int step = 1; step <= 200; ++step) {
      now += std::chrono::milliseconds(random() % 100);
      const bool up = random() % 3 != 0;
      const std::string key(1, static_cast<char>('a' + random() % 5));
      if (random() % 2 == 0) {
        const std::uint64_t ticket = recovery.ticket();
        truth[key] = step;
        if (up) {
          tier[key] = step;
          recovery.arrived(key, ticket);
        } else {
          timer |= recovery.missed(key, ticket, now);
        }
      } else if (timer && now >= recovery.retry_at()) {
        const auto batch = recovery.next();
        std::vector<bool> arrived;
        timer = batch.has_value();
        if (batch) {
          for (const std::string& erased : batch->keys) {
            arrived.push_back(random() % 3 != 0);
            if (arrived.back()) tier.erase(erased);
          }
          timer = recovery.tried(*batch, arrived, now);
        }
      }
      for (const auto& [held, version] : tier) {
        if (recovery.trusts(held)) {
          ASSERT_EQ(version, truth[held]) << "round " << round << " step " << step;
        }
      }
      ASSERT_TRUE(timer || recovery.pending() == 0) << "round " << round << " step " << step;
    }
  }
}

}  // namespace
}  // namespace terrace
