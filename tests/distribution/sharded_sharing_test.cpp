/// Leases, tokens and watches of the sharded tier while the owner of a key changes.

#include "distribution/sharded_fixture.hpp"
#include "support/watch_log.hpp"

namespace terrace::testing {
namespace {

using Kind = LeaseReply::Kind;

LeaseToken token(char c) {
  LeaseToken name;
  name.fill(c);
  return name;
}

/// Virtual time runs from a fixed beginning; so the deadline is none.
class ShardedSharingTest : public Sharding {
 protected:
  [[nodiscard]] static Result<LeaseReply> acquire(Tier& tier, char name, BytesView stale = {}) {
    return now<LeaseReply>([&](auto done) {
      tier.shared()->acquire("a1", token(name), 10min, stale, no_deadline, std::move(done));
    });
  }
  [[nodiscard]] static Result<bool> fill(Tier& tier, char name, BytesView value) {
    return now<bool>(
        [&](auto done) { tier.shared()->fill("a1", token(name), value, {}, no_deadline, std::move(done)); });
  }
  [[nodiscard]] static Result<Bytes> get_or_put(Tier& tier, BytesView value) {
    return now<Bytes>(
        [&](auto done) { tier.shared()->get_or_put("a1", value, {}, no_deadline, std::move(done)); });
  }
  [[nodiscard]] static Result<bool> replace(Tier& tier, BytesView expected, BytesView value) {
    return now<bool>(
        [&](auto done) { tier.shared()->replace("a1", expected, value, {}, no_deadline, std::move(done)); });
  }

  const std::shared_ptr<ShardedTier> tier_ = sharded({{"a", a_}, {"b", b_}});
};

TEST_F(ShardedSharingTest, F29_AFillWhoseLeaseIsFromBeforeTheLeadPassedIsRejected) {
  ASSERT_EQ(acquire(*tier_, 'x').value().kind, Kind::granted);
  begin_change(*tier_);
  EXPECT_EQ(acquire(*tier_, 'y').value().kind, Kind::held) << "the old owner leads";
  pass_lead();
  EXPECT_FALSE(fill(*tier_, 'x', "loaded").value());
  EXPECT_EQ(at(*a_, "a1"), Found());
  EXPECT_EQ(at(*b_, "a1"), Found());
  EXPECT_EQ(acquire(*tier_, 'y').value().kind, Kind::granted);
  EXPECT_TRUE(fill(*tier_, 'y', "loaded").value());
  EXPECT_EQ(at(*b_, "a1"), "loaded");
}

TEST_F(ShardedSharingTest, F29_AFillInTimeIsStoredAtTheOldOwnerAndErasedAtTheNewOne) {
  ASSERT_EQ(acquire(*tier_, 'x').value().kind, Kind::granted);
  begin_change(*tier_);
  EXPECT_TRUE(set(*b_, "a1", "older"));
  EXPECT_TRUE(fill(*tier_, 'x', "loaded").value());
  EXPECT_EQ(at(*a_, "a1"), "loaded");
  EXPECT_EQ(at(*b_, "a1"), Found());
}

/// In every phase, whoever leads: a write of another process, which may be a phase ahead or behind.
TEST_F(ShardedSharingTest, F29_AWriteVoidsLeasesAtBothOwners) {
  const auto other = sharded({{"a", a_}, {"b", b_}});
  const auto check = [&](ShardedTier& writer) {
    for (const bool erases : {false, true}) {
      (void)erase(*tier_, "a1");
      ASSERT_EQ(acquire(*tier_, 'x').value().kind, Kind::granted);
      if (erases) {
        EXPECT_TRUE(erase(writer, "a1"));
      } else {
        EXPECT_TRUE(set(writer, "a1", "new"));
      }
      EXPECT_FALSE(fill(*tier_, 'x', "loaded before").value());
      EXPECT_EQ(at(*tier_, "a1"), erases ? Found() : Found("new"));
    }
  };
  check(*other);
  begin_change(*other);
  check(*other);
  scheduler_->advance(4s);
  begin_change(*tier_);
  check(*other);
  scheduler_->advance(2s);
  check(*other);  // it is a phase ahead
  scheduler_->advance(4s);
  check(*other);
  pass_grace();
  check(*other);
  end_change();
  check(*other);
}

TEST_F(ShardedSharingTest, F29_ALeaseIsNotGrantedForWhatTheOtherOwnerHas) {
  EXPECT_TRUE(set(*tier_, "a1", "there"));
  begin_change(*tier_);
  pass_lead();
  EXPECT_EQ(acquire(*tier_, 'x').value().value, "there");
  EXPECT_EQ(acquire(*tier_, 'x', "there").value().kind, Kind::granted) << "a stale value counts as none";
  EXPECT_TRUE(fill(*tier_, 'x', "fresh").value());
  EXPECT_EQ(at(*a_, "a1"), Found()) << "the stale one does not come back";
  EXPECT_EQ(at(*tier_, "a1"), "fresh");
}

TEST_F(ShardedSharingTest, F29_TokensAreFoundAndReplacedWhereTheyAre) {
  EXPECT_EQ(get_or_put(*tier_, "first").value(), "first");
  begin_change(*tier_);
  pass_lead();
  EXPECT_EQ(get_or_put(*tier_, "second").value(), "first") << "at the old owner";
  EXPECT_FALSE(replace(*tier_, "other", "x").value());
  EXPECT_TRUE(replace(*tier_, "first", "softened").value());
  EXPECT_EQ(at(*tier_, "a1"), "softened");
  EXPECT_TRUE(erase(*tier_, "a1").value());
  EXPECT_EQ(get_or_put(*tier_, "third").value(), "third");
  EXPECT_EQ(at(*b_, "a1"), "third");
  EXPECT_TRUE(set(*a_, "a1", "from a process behind"));
  EXPECT_TRUE(replace(*tier_, "third", "fourth").value());
  EXPECT_EQ(at(*a_, "a1"), Found());
  EXPECT_EQ(at(*tier_, "a1"), "fourth");
}

TEST_F(ShardedSharingTest, F29_AReleaseReachesALeaseFromBefore) {
  ASSERT_EQ(acquire(*tier_, 'x').value().kind, Kind::granted);
  const auto log = std::make_shared<WatchLog>();
  begin_change(*tier_);
  const auto watch = tier_->shared()->watch({"a"}, log);
  pass_lead();
  EXPECT_TRUE(now<void>(
      [&](auto done) { tier_->shared()->release("a1", token('x'), no_deadline, std::move(done)); }));
  EXPECT_TRUE(log->told("lease_changed a1"));
  EXPECT_EQ(acquire(*a_, 'y').value().kind, Kind::granted) << "the old owner has none any more";
}

TEST_F(ShardedSharingTest, AWatchIsOfAllShardsAlsoOfThoseThatComeUntilTheyHaveLeft) {
  const auto log = std::make_shared<WatchLog>();
  const auto watch = tier_->shared()->watch({"a", "b", "c"}, log);
  EXPECT_TRUE(log->told("watching"));
  EXPECT_TRUE(set(*a_, "a1", "v"));
  EXPECT_TRUE(set(*b_, "b1", "v"));
  EXPECT_TRUE(set(*c_, "c1", "v"));
  EXPECT_TRUE(log->told("changed a1") && log->told("changed b1"));
  EXPECT_FALSE(log->told("changed c1")) << "no shard yet";
  begin_change(*tier_);
  EXPECT_EQ(log->count("lost"), 1U);
  EXPECT_EQ(log->count("watching"), 2U);
  EXPECT_TRUE(set(*c_, "c1", "v"));
  EXPECT_TRUE(log->told("changed c1"));
  scheduler_->advance(70s - 1ns);
  EXPECT_TRUE(set(*a_, "a2", "v"));
  EXPECT_TRUE(log->told("changed a2")) << "it is leaving";
  end_change();
  EXPECT_TRUE(set(*a_, "a3", "v"));
  EXPECT_FALSE(log->told("changed a3")) << "it has left";
  EXPECT_EQ(log->count("watching"), 3U);
}

}  // namespace
}  // namespace terrace::testing
