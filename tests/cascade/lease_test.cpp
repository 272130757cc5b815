/// Leases: one loader among all processes, and no late fill.

#include "cascade/lease_wait.hpp"
#include "cascade/shared_fixture.hpp"
#include "support/forwarding_tier.hpp"
#include "support/storing_tier.hpp"

namespace terrace {
namespace {

class LeaseTest : public SharedTest {};

TEST_F(LeaseTest, OneProcessLoadsAndTheOthersAreWokenByItsFill) {
  Strings a = make();
  Strings b = make();
  const auto held = std::make_shared<Held>();
  const auto unwanted = std::make_shared<Held>();
  const Later first = start(a, "k", held);
  const Later second = start(b, "k", unwanted);
  scheduler_->advance(500ms);
  EXPECT_EQ(text(second), "(pending)");
  held->answer("loaded");
  EXPECT_EQ(text(first), "loaded");
  EXPECT_EQ(text(second), "loaded") << "woken at once, without a timer";
  EXPECT_EQ(unwanted->calls, 0);
  EXPECT_EQ(b.stats().lease_waits, 1U);
}

TEST_F(LeaseTest, WithoutAWatchTheOthersFindTheFillByLookingAgain) {
  Strings a = make({.consistency = Consistency::weak});
  Strings b = make({.consistency = Consistency::weak});
  const auto held = std::make_shared<Held>();
  const Later first = start(a, "k", held);
  const Later second = start(b, "k", std::make_shared<Held>());
  held->answer("loaded");
  EXPECT_EQ(text(second), "(pending)");
  scheduler_->advance(110ms);
  EXPECT_EQ(text(second), "loaded");
}

TEST_F(LeaseTest, AStrongCacheHasNoWatchAndLooksAgainToo) {
  Strings a = make({.consistency = Consistency::strong});
  Strings b = make({.consistency = Consistency::strong});
  const auto held = std::make_shared<Held>();
  start(a, "k", held);
  const Later second = start(b, "k", std::make_shared<Held>());
  held->answer("loaded");
  scheduler_->advance(110ms);
  EXPECT_EQ(text(second), "loaded");
}

/// The notice of the old value's expiry comes when the load has begun.
TEST_F(LeaseTest, TheExpiryOfTheOldValueDoesNotVoidTheLoadOfTheNext) {
  Strings a = make({.ttl = 60s});
  Strings b = make({.ttl = 60s});
  a.set("k", "old").value();
  EXPECT_EQ(*b.get("k"), "old");
  scheduler_->advance(61s);
  shared_->hold_events();
  const auto held = std::make_shared<Held>();
  const Later first = start(a, "k", held);
  shared_->deliver();
  held->answer("new", 60s);
  EXPECT_EQ(text(first), "new");
  EXPECT_EQ(*a.get("k"), "new");
  EXPECT_EQ(*b.get("k"), "new");
  EXPECT_EQ(a.stats().rejected_fills, 0U);
}

/// The value is past its TTL in memory and in the shared tier, and within its grace.
TEST_F(LeaseTest, WhileAnotherProcessLoadsACallerWithAStaleValueGetsIt) {
  Strings a = make({.ttl = 60s, .grace = 1h});
  Strings b = make({.ttl = 60s, .grace = 1h});
  a.set("k", "old").value();
  EXPECT_EQ(*b.get("k"), "old");
  scheduler_->advance(61s);
  const auto held = std::make_shared<Held>();
  const auto unwanted = std::make_shared<Held>();
  const Later loading = start(a, "k", held);
  const Later waiting = start(b, "k", unwanted);
  ASSERT_EQ(text(waiting), "old");
  EXPECT_EQ((*waiting)->kind, LookupKind::stale);
  EXPECT_EQ(unwanted->calls, 0);
  held->answer("new");
  EXPECT_EQ(text(loading), "new");
  EXPECT_EQ(*b.get("k"), "new");
}

/// The key may have been erased since memory got its value: a stale value of memory alone is not served.
TEST_F(LeaseTest, WhileAnotherProcessLoadsACallerWaitsIfTheSharedTierHasNoStaleValue) {
  Strings a = make({.ttl = 60s, .grace = 1h});
  Strings b = make({.ttl = 60s, .grace = 1h});
  a.set("k", "old").value();
  EXPECT_EQ(*b.get("k"), "old");
  scheduler_->advance(61s);
  shared_->hold_events();  // B does not learn of the erase
  EXPECT_TRUE(a.erase("k").value());
  const auto held = std::make_shared<Held>();
  const auto unwanted = std::make_shared<Held>();
  start(a, "k", held);
  const Later waiting = start(b, "k", unwanted);
  EXPECT_EQ(text(waiting), "(pending)");
  held->answer("new");
  shared_->deliver();
  EXPECT_EQ(text(waiting), "new");
  EXPECT_EQ(unwanted->calls, 0);
}

TEST_F(LeaseTest, ChangesOfOtherKeysDoNotVoidALoad) {
  Strings a = make();
  Strings b = make();
  const auto held = std::make_shared<Held>();
  const Later first = start(a, "k", held);
  for (int i = 0; i < 10'000; ++i) {
    a.set("own " + std::to_string(i), "v").value();
    b.set("foreign " + std::to_string(i), "v").value();
  }
  held->answer("loaded");
  EXPECT_EQ(text(first), "loaded");
  EXPECT_EQ(*b.get("k"), "loaded");
  EXPECT_EQ(a.stats().rejected_fills, 0U);
}

TEST_F(LeaseTest, AChangeAfterTheLeaseRejectsTheLoadThoughItsNoticeIsLate) {
  for (const bool late : {false, true}) {
    const std::string key = late ? "late" : "prompt";
    Strings a = make();
    Strings b = make();
    const auto held = std::make_shared<Held>();
    const Later first = start(a, key, held);
    if (late) shared_->hold_events();
    b.set(key, "b's").value();
    held->answer("loaded");
    EXPECT_EQ(text(first), "loaded") << "for the caller that had it loaded";
    EXPECT_EQ(a.stats().rejected_fills, 1U);
    EXPECT_EQ(*a.get(key), "b's");
    shared_->deliver();
    EXPECT_EQ(*b.get(key), "b's");
  }
}

TEST_F(LeaseTest, F37_ADeadHolderIsReplacedAfterTheLeaseTime) {
  const auto dead = std::make_shared<Held>();
  {
    // A process that dies takes its timers along: they run on a scheduler of its own, which stands still.
    const auto its_own = std::make_shared<testing::FakeScheduler>();
    Strings dying(CacheOptions{.ttl_jitter = 0, .scheduler = its_own}, {shared_});
    start(dying, "k", dead);
    ASSERT_EQ(dead->calls, 1);
    Strings b = make();
    const auto heir = std::make_shared<Held>();
    const Later second = start(b, "k", heir);
    scheduler_->advance(2900ms);
    EXPECT_EQ(heir->calls, 0);
    scheduler_->advance(200ms);
    ASSERT_EQ(heir->calls, 1);
    heir->answer("heir's");
    EXPECT_EQ(text(second), "heir's");
    dead->answer("from the grave");
    EXPECT_EQ(*b.get("k"), "heir's");
  }
}

TEST_F(LeaseTest, ALiveHolderKeepsItsLeaseHoweverLongItLoads) {
  Strings a = make();
  Strings b = make();
  const auto held = std::make_shared<Held>();
  const auto unwanted = std::make_shared<Held>();
  start(a, "k", held);
  const Later second = start(b, "k", unwanted);
  scheduler_->advance(20s);
  EXPECT_EQ(unwanted->calls, 0);
  held->answer("slow");
  EXPECT_EQ(text(second), "slow");
}

TEST_F(LeaseTest, F34_AFillWhoseLeaseHasLapsedIsRejected) {
  const auto its_own = std::make_shared<testing::FakeScheduler>();
  Strings slow(CacheOptions{.ttl_jitter = 0, .scheduler = its_own}, {shared_});
  const auto held = std::make_shared<Held>();
  const Later answer = start(slow, "k", held);
  scheduler_->advance(4s);
  its_own->fake_clock().advance(4s);  // without its timers: the slow process renews nothing meanwhile
  Strings other = make();
  EXPECT_EQ(other.get_or_load("k", constant("newer")).value(), "newer");
  held->answer("older");
  EXPECT_EQ(text(answer), "older") << "who had it loaded gets it";
  EXPECT_EQ(*other.get("k"), "newer");
  EXPECT_EQ(slow.get("k"), "newer") << "and no later caller";
  EXPECT_EQ(slow.stats().rejected_fills, 1U);
}

/// The stale set: a load that began before another process's change must not store what it found.
TEST_F(LeaseTest, F12_AFillAfterAnotherProcessErasedIsRejected) {
  Strings reader = make();
  Strings writer = make();
  const auto held = std::make_shared<Held>();
  const Later answer = start(reader, "k", held);
  ASSERT_TRUE(writer.erase("k"));
  held->answer("old");
  EXPECT_EQ(text(answer), "old");
  EXPECT_FALSE(reader.get("k")) << "not in its memory";
  EXPECT_FALSE(writer.get("k")) << "not in the shared tier";
}

TEST_F(LeaseTest, F12_AFillAfterAnotherProcessSetIsRejected) {
  Strings reader = make();
  Strings writer = make();
  const auto held = std::make_shared<Held>();
  start(reader, "k", held);
  ASSERT_TRUE(writer.set("k", "new"));
  held->answer("old");
  EXPECT_EQ(*reader.get("k"), "new");
  EXPECT_EQ(*writer.get("k"), "new");
}

/// The control: a tier without leases and claims, which is what a hand-written cache has, stores the old value.
TEST_F(LeaseTest, F12_WithoutLeasesTheStaleSetShows) {
  const auto plain = std::make_shared<testing::StoringTier>(scheduler_->clock());
  const CacheOptions options{.ttl_jitter = 0, .scheduler = scheduler_};
  Strings reader(options, {plain});
  Strings writer(options, {plain});
  const auto held = std::make_shared<Held>();
  start(reader, "k", held);
  ASSERT_TRUE(writer.erase("k"));
  held->answer("old");
  EXPECT_EQ(*writer.get("k"), "old");
}

TEST_F(LeaseTest, NoticesFromBeforeTheLeaseDoNotVoidTheLoad) {
  Strings a = make();
  Strings b = make();
  shared_->hold_events();
  b.set("k", "x").value();
  b.erase("k").value();
  const auto held = std::make_shared<Held>();
  const Later first = start(a, "k", held);
  shared_->deliver();
  const auto unwanted = std::make_shared<Held>();
  const Later second = start(b, "k", unwanted);
  held->answer("a's");
  EXPECT_EQ(text(first), "a's");
  shared_->deliver();
  EXPECT_EQ(text(second), "a's");
  EXPECT_EQ(unwanted->calls, 0);
}

TEST_F(LeaseTest, AFillGivenUpBeforeItIsSentHandsTheLeaseOn) {
  Strings a = make();
  Strings b = make();
  shared_->hold_events();
  shared_->flush_all();
  const auto held = std::make_shared<Held>();
  const Later first = start(a, "k", held);
  shared_->deliver();  // what came before the load voids its stamp, and not its lease
  const auto heir = std::make_shared<Held>();
  const Later second = start(b, "k", heir);
  held->answer("a's");
  EXPECT_EQ(text(first), "a's");
  shared_->deliver();
  ASSERT_EQ(heir->calls, 1) << "at once, not when the lease lapses";
  heir->answer("b's");
  EXPECT_EQ(text(second), "b's");
}

TEST_F(LeaseTest, ALaterReaderOfTheSameProcessDoesNotGetARejectedValue) {
  Strings reader = make();
  Strings writer = make();
  const auto held = std::make_shared<Held>();
  start(reader, "k", held);
  writer.erase("k").value();
  shared_->hold_events();  // the reader's process has not heard of it
  const auto anew = std::make_shared<Held>();
  held->answer("old");
  const Later later = start(reader, "k", anew);
  ASSERT_EQ(anew->calls, 1);
  anew->answer("new");
  EXPECT_EQ(text(later), "new");
}

TEST_F(LeaseTest, ManyKeysAreLoadedByOneCallAndEachUnderItsOwnLease) {
  Strings a = make();
  Strings b = make();
  const auto held = std::make_shared<Held>();
  const Later elsewhere = start(a, "2", held);
  std::vector<std::string> asked;
  auto results = std::make_shared<std::optional<std::vector<cascade::Answer>>>();
  detail::CacheAccess::engine(b).read(
      {"1", "2", "3"}, cascade::make_bulk_loader<std::string>([&](const std::vector<std::string>& keys) {
        asked = keys;
        return std::vector<std::optional<std::string>>(keys.size(), "bulk");
      }),
      {}, [&](std::vector<cascade::Answer> answers) { *results = std::move(answers); });
  scheduler_->run_ready();
  EXPECT_EQ(asked, (std::vector<std::string>{"1", "3"}));
  EXPECT_FALSE(results->has_value());
  held->answer("a's");
  ASSERT_TRUE(results->has_value());
  EXPECT_EQ(*static_cast<const std::string*>((**results)[1].entry.value.get()), "a's");
}

/// Nothing has failed: the value another process has erased and is loading anew is not good enough.
TEST_F(LeaseTest, AMemoryThatMayBeOldDoesNotStandInForALoadElsewhere) {
  Strings a = make({.consistency = Consistency::strong});
  Strings b = make({.consistency = Consistency::strong});
  a.set("k", "old").value();
  b.erase("k").value();
  const auto held = std::make_shared<Held>();
  start(b, "k", held);
  const Later reader = start(a, "k", std::make_shared<Held>());
  EXPECT_EQ(text(reader), "(pending)");
  held->answer("new");
  scheduler_->advance(1s);
  EXPECT_EQ(text(reader), "new");
}

TEST_F(LeaseTest, AFillThatFailsGivesTheLeaseBack) {
  struct Full final : SharedTier {
    explicit Full(testing::SharedMapTier& tier) : below(tier) {}
    void acquire(std::string_view k, const LeaseRequest& r, TimePoint d,
                 Handler<Result<LeaseReply>> done) override {
      below.acquire(k, r, d, std::move(done));
    }
    void fill(std::string_view, const LeaseToken&, BytesView, std::optional<Duration>, TimePoint,
              Handler<Result<bool>> done) override {
      done(Error(Errc::value_too_large, "full"));
    }
    void renew(std::string_view k, const LeaseToken& t, Duration l, TimePoint d,
               Handler<Result<bool>> done) override {
      below.renew(k, t, l, d, std::move(done));
    }
    void release(std::string_view k, const LeaseToken& t, LeaseEnd e, TimePoint d,
                 Handler<Result<void>> done) override {
      below.release(k, t, e, d, std::move(done));
    }
    void get_or_put(std::string_view k, BytesView v, std::optional<Duration> t, TimePoint d,
                    Handler<Result<Bytes>> done) override {
      below.get_or_put(k, v, t, d, std::move(done));
    }
    void replace(std::string_view k, BytesView e, BytesView v, std::optional<Duration> t, TimePoint d,
                 Handler<Result<bool>> done) override {
      below.replace(k, e, v, t, d, std::move(done));
    }
    [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> p,
                                              std::shared_ptr<Watcher> w) override {
      return below.watch(std::move(p), std::move(w));
    }
    testing::SharedMapTier& below;
  };
  struct FullTier final : testing::ForwardingTier {
    explicit FullTier(const std::shared_ptr<testing::SharedMapTier>& tier)
        : ForwardingTier(tier), full(*tier) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "full"; }
    [[nodiscard]] SharedTier* shared() noexcept override { return &full; }
    void close() override {}
    [[nodiscard]] TierStats stats() const override { return {}; }
    Full full;
  };
  Strings a(CacheOptions{.ttl_jitter = 0, .scheduler = scheduler_}, {std::make_shared<FullTier>(shared_)});
  Strings b = make();
  const auto held = std::make_shared<Held>();
  const auto next = std::make_shared<Held>();
  start(a, "k", held);
  start(b, "k", next);
  held->answer("too large");
  EXPECT_EQ(next->calls, 1) << "b does not wait for the lease to lapse";
}

}  // namespace
}  // namespace terrace
