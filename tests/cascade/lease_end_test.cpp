/// How the wait for the load of another process ends if that load fills nothing: no process repeats it after
/// the other, and a sick process costs the others a bounded time.

#include "cascade/lease_wait.hpp"
#include "cascade/shared_fixture.hpp"
#include "support/forwarding_shared_tier.hpp"
#include "support/seed.hpp"

namespace terrace {
namespace {

using cascade::LeaseWait;
using Act = LeaseWait::Act;

class LeaseEndTest : public SharedTest {
 protected:
  static constexpr int processes = 20;

  /// Twenty processes ask for the key at once; the loader of the first of them has begun.
  void ask_at_once(CacheOptions options = {}) {
    for (int i = 0; i < processes; ++i) {
      caches_.push_back(make(options));
      loaders_.push_back(std::make_shared<Held>());
      answers_.push_back(start(caches_.back(), "k", loaders_.back()));
    }
    ASSERT_EQ(loads(), 1);
  }
  [[nodiscard]] int loads() const {
    int sum = 0;
    for (const auto& loader : loaders_) sum += loader->calls;
    return sum;
  }

  std::vector<Strings> caches_;
  std::vector<std::shared_ptr<Held>> loaders_;
  std::vector<Later> answers_;
};

TEST_F(LeaseEndTest, AFailureIsToldToAllThatWait) {
  ask_at_once();
  scheduler_->advance(500ms);
  loaders_[0]->fail("origin down");
  for (int i = 0; i < processes; ++i) {
    ASSERT_TRUE(answers_[i]->has_value()) << i;
    EXPECT_EQ((*answers_[i])->error, Errc::loader_failed) << i;
  }
  EXPECT_EQ((*answers_[0])->error.context, "origin down");
  EXPECT_NE((*answers_[1])->error.context.find("another process"), std::string::npos);
  EXPECT_EQ(loads(), 1);

  // One that did not wait gets its turn at once.
  const auto next = std::make_shared<Held>();
  const Later answer = start(caches_[5], "k", next);
  ASSERT_EQ(next->calls, 1);
  next->answer("v");
  EXPECT_EQ(text(answer), "v");
  EXPECT_EQ(*caches_[6].get("k"), "v") << "the tier was filled";
}

/// The mutant: leases that end without a word. The processes load one after the other.
TEST_F(LeaseEndTest, MutantWithoutEndsRepeatsTheLoadInEachProcess) {
  struct Silent final : testing::ForwardingSharedTier {
    using ForwardingSharedTier::ForwardingSharedTier;
    void release(std::string_view key, const LeaseToken& token, LeaseEnd /*end*/, TimePoint deadline,
                 Handler<Result<void>> done) override {
      ForwardingSharedTier::release(key, token, LeaseEnd::untold, deadline, std::move(done));
    }
  };
  struct Tier final : testing::MapTier {
    Tier(const Clock& clock, SharedTier& sharing) : MapTier(clock), silent(sharing) {}
    [[nodiscard]] SharedTier* shared() noexcept override { return &silent; }
    Silent silent;
  };
  const auto tier = std::make_shared<Tier>(scheduler_->clock(), *shared_->shared());
  for (int i = 0; i < processes; ++i) {
    CacheOptions options;
    options.scheduler = scheduler_;
    caches_.emplace_back(std::move(options), std::vector<std::shared_ptr<terrace::Tier>>{tier});
    loaders_.push_back(std::make_shared<Held>());
    answers_.push_back(start(caches_.back(), "k", loaders_.back()));
  }
  for (int failed = 0; failed < processes; ++failed) {
    for (const auto& loader : loaders_) {
      if (loader->done) {
        loader->fail("origin down");
        break;
      }
    }
    scheduler_->advance(200ms);
  }
  EXPECT_EQ(loads(), processes);
}

TEST_F(LeaseEndTest, AFailureIsToldWithoutAWatchToo) {
  ask_at_once({.consistency = Consistency::weak});
  loaders_[0]->fail("origin down");
  scheduler_->advance(200ms);
  for (const Later& answer : answers_) {
    ASSERT_TRUE(answer->has_value());
    EXPECT_EQ((*answer)->error, Errc::loader_failed);
  }
  EXPECT_EQ(loads(), 1);
}

TEST_F(LeaseEndTest, AFailureWithAStaleValueServesTheStaleValue) {
  Strings a = make({.ttl = 10s, .grace = 1min});
  Strings b = make({.ttl = 10s, .grace = 1min});
  a.set("k", "old").value();
  EXPECT_EQ(*b.get("k"), "old");
  scheduler_->advance(11s);
  const auto held = std::make_shared<Held>();
  start(a, "k", held);
  const Later waits = start(b, "k", std::make_shared<Held>());
  held->fail("origin down");
  ASSERT_TRUE(waits->has_value());
  EXPECT_EQ((*waits)->kind, LookupKind::stale);
}

TEST_F(LeaseEndTest, NoSuchKeyIsToldToAllThatWait) {
  ask_at_once();
  std::exchange(loaders_[0]->done, nullptr)({cascade::loaded<std::string>(std::nullopt)});
  for (const Later& answer : answers_) {
    ASSERT_TRUE(answer->has_value());
    EXPECT_EQ((*answer)->kind, LookupKind::negative);
  }
  EXPECT_EQ(loads(), 1);
  EXPECT_FALSE(caches_[3].get("k")) << "and nobody keeps it";
}

TEST_F(LeaseEndTest, AnAbsenceFromBeforeAnotherProcessSetTheKeyIsNotTold) {
  ask_at_once();
  Strings writer = make();
  writer.set("k", "set meanwhile").value();
  std::exchange(loaders_[0]->done, nullptr)({cascade::loaded<std::string>(std::nullopt)});
  for (int i = 1; i < processes; ++i) EXPECT_EQ(text(answers_[i]), "set meanwhile");
}

TEST_F(LeaseEndTest, AValueThatIsNotKeptIsLoadedByAllAtOnce) {
  struct Case {
    const char* what;
    CacheOptions options;
    std::string value;
    bool keep;
  };
  for (const Case& one :
       {Case{"keep is false", {}, "v", false},
        Case{"too large", {.compress_above = 0, .max_value_bytes = 100}, std::string(1000, 'x'), true}}) {
    caches_.clear();
    loaders_.clear();
    answers_.clear();
    ask_at_once(one.options);
    auto loaded = cascade::loaded<std::string>(one.value);
    loaded.keep = one.keep;
    std::exchange(loaders_[0]->done, nullptr)({loaded});
    EXPECT_EQ(loads(), processes) << one.what << ": the others begin at once";
    for (int i = 1; i < processes; ++i) loaders_[i]->answer("own");
    for (int i = 1; i < processes; ++i) EXPECT_EQ(text(answers_[i]), "own") << one.what;
    scheduler_->advance(2s);
  }
}

TEST_F(LeaseEndTest, ALimitOfOneProcessIsNotToldToTheOthers) {
  std::vector<Strings> two;
  two.push_back(make({.load_timeout = 2s}));
  two.push_back(make({.load_timeout = 20s}));
  const auto hangs = std::make_shared<Held>();
  const auto healthy = std::make_shared<Held>();
  start(two[0], "k", hangs);
  const Later answer = start(two[1], "k", healthy);
  scheduler_->advance(2s);
  ASSERT_EQ(healthy->calls, 1);
  healthy->answer("v");
  EXPECT_EQ(text(answer), "v");
}

TEST_F(LeaseEndTest, ASickProcessCostsTheOthersABoundedTimeAndNoError) {
  Strings sick = make();
  const auto hangs = std::make_shared<Held>();
  start(sick, "k", hangs);
  std::vector<Strings> healthy;
  std::vector<std::shared_ptr<Held>> loaders;
  std::vector<Later> answers;
  for (int i = 0; i < 5; ++i) {
    healthy.push_back(make());
    healthy.back()
        .get_or_load("other" + std::to_string(i),
                     [&] {
                       scheduler_->advance(10ms);
                       return std::string("v");
                     })
        .value();
    loaders.push_back(std::make_shared<Held>());
    answers.push_back(start(healthy.back(), "k", loaders.back()));
  }
  scheduler_->advance(2900ms);
  for (const auto& loader : loaders) EXPECT_EQ(loader->calls, 0);
  scheduler_->advance(200ms);  // lease_time is over, and ten times their own longest load
  std::size_t took_over = 0;
  for (std::size_t i = 0; i < loaders.size(); ++i) {
    if (loaders[i]->calls == 1) took_over = i;
  }
  int calls = 0;
  for (const auto& loader : loaders) calls += loader->calls;
  ASSERT_EQ(calls, 1) << "one of them takes the lease over";
  loaders[took_over]->answer("v");
  for (const Later& answer : answers) EXPECT_EQ(text(answer), "v");
  hangs->answer("old, from the sick one");
  EXPECT_EQ(*make().get("k"), "v") << "its lease was gone";
}

TEST_F(LeaseEndTest, AProcessThatKnowsNoLoadWaitsForAllOfLoadTimeoutAndDoesNotFail) {
  Strings sick = make({.load_timeout = 60s});
  Strings healthy = make({.load_timeout = 5s});
  const auto hangs = std::make_shared<Held>();
  const auto own = std::make_shared<Held>();
  start(sick, "k", hangs);
  const Later answer = start(healthy, "k", own);
  scheduler_->advance(4900ms);
  EXPECT_EQ(own->calls, 0);
  scheduler_->advance(200ms);
  ASSERT_EQ(own->calls, 1);
  own->answer("v");
  EXPECT_EQ(text(answer), "v");
  EXPECT_EQ(*make().get("k"), "v") << "it took the lease over, so the tier is filled";
  hangs->fail("x");
}

TEST_F(LeaseEndTest, OneWhoseWaitIsOverLoadsWithoutALeaseAndDoesNotFail) {
  Strings a = make();
  Strings b = make({.load_timeout = 5s});
  // The holder changes again and again, so no wait for one of them is long.
  std::vector<std::shared_ptr<Held>> holders;
  std::vector<Strings> others;
  const auto own = std::make_shared<Held>();
  Later answer;
  for (int i = 0; i < 6; ++i) {
    a.erase("k").value();
    holders.push_back(std::make_shared<Held>());
    others.push_back(make());
    start(others.back(), "k", holders.back());
    if (i == 0) answer = start(b, "k", own);
    scheduler_->advance(900ms);
    if (own->calls > 0) break;
  }
  scheduler_->advance(900ms);
  ASSERT_EQ(own->calls, 1);
  own->answer("v");
  EXPECT_EQ(text(answer), "v");
}

/// Its first two releases are lost.
struct LosesReleases final : testing::ForwardingSharedTier {
  using ForwardingSharedTier::ForwardingSharedTier;
  void release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint deadline,
               Handler<Result<void>> done) override {
    if (lost < 2) return ++lost, done(Error(Errc::unavailable, "the connection is broken"));
    ForwardingSharedTier::release(key, token, end, deadline, std::move(done));
  }
  int lost = 0;
};

TEST_F(LeaseEndTest, AReleaseThatIsLostIsRepeatedUntilTheLeaseHasExpired) {
  struct Tier final : testing::MapTier {
    Tier(const Clock& clock, SharedTier& sharing) : MapTier(clock), loses(sharing) {}
    [[nodiscard]] SharedTier* shared() noexcept override { return &loses; }
    LosesReleases loses;
  };
  const auto tier = std::make_shared<Tier>(scheduler_->clock(), *shared_->shared());
  CacheOptions options;
  options.scheduler = scheduler_;
  Strings a(std::move(options), {tier});
  Strings b = make();
  const auto held = std::make_shared<Held>();
  const auto next = std::make_shared<Held>();
  start(a, "k", held);
  std::exchange(held->done, nullptr)({cascade::loaded<std::string>("v", Duration::zero())});
  EXPECT_EQ(tier->loses.lost, 1);
  const Later answer = start(b, "k", next);
  EXPECT_EQ(next->calls, 0);
  scheduler_->advance(200ms);
  EXPECT_EQ(next->calls, 1) << "long before the lease would have expired";
  next->answer("w");
}

LeaseToken token(char name) {
  LeaseToken out;
  out.fill(name);
  return out;
}

TEST(LeaseWait, AsksLessOftenAndTakesOverOnceAndLoadsAloneAtTheEnd) {
  LeaseWait wait(TimePoint{} + 1s, 10s, 5s);
  TimePoint now = TimePoint{} + 1s;
  int looks = 0;
  auto next = wait.next(now, 3s, token('a'), false);
  for (; next.act == Act::wait; next = wait.next(now, 3s, token('a'), false)) {
    ASSERT_GT(next.until, now);
    now = next.until;
    ++looks;
  }
  EXPECT_EQ(now, TimePoint{} + 6s);
  EXPECT_GT(looks, 45);
  EXPECT_LT(looks, 70);
  EXPECT_EQ(next.act, Act::take_over);
  EXPECT_EQ(wait.next(now, 3s, token('a'), false).act, Act::load_alone) << "the tier cannot do that";

  EXPECT_EQ(wait.next(now, 3s, token('b'), true).act, Act::wait) << "another one took it over";
  EXPECT_EQ(wait.next(now + 4s, 3s, token('b'), true).until, TimePoint{} + 11s)
      << "the limit of the whole wait";
  EXPECT_EQ(wait.next(now + 5s, 3s, token('c'), true).act, Act::load_alone);
}

TEST(LeaseWait, WithoutAHolderThereIsNothingToTakeOver) {
  LeaseWait wait(TimePoint{}, 10s, 5s);
  EXPECT_EQ(wait.next(TimePoint{}, 3s, {}, true).act, Act::wait);
  EXPECT_EQ(wait.next(TimePoint{} + 5s, 3s, {}, true).act, Act::load_alone);
}

TEST(LeaseWait, PatienceFollowsTheOwnLoads) {
  EXPECT_EQ(LeaseWait::patience(0s, 3s, 30s), 30s) << "it knows nothing";
  EXPECT_EQ(LeaseWait::patience(10ms, 3s, 30s), 3s);
  EXPECT_EQ(LeaseWait::patience(1s, 3s, 30s), 10s);
  EXPECT_EQ(LeaseWait::patience(20s, 3s, 30s), 30s);
  EXPECT_EQ(LeaseWait::patience(Duration::max(), 3s, 30s), 30s);
  EXPECT_EQ(LeaseWait::patience(10ms, 3s, 2s), 2s);
}

TEST(LeaseWait, EndsWhateverTheTierSays) {
  const auto seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    const TimePoint began = TimePoint{} + 1h;
    TimePoint now = began;
    LeaseWait wait(began, 10s, std::chrono::milliseconds(random() % 12000));
    int overtakes = 0;
    while (true) {
      std::optional<LeaseToken> holder;
      if (random() % 4 != 0) holder = token(static_cast<char>('a' + random() % 3));
      const auto next = wait.next(now, std::chrono::milliseconds(random() % 4000), holder, random() % 2 == 0);
      if (next.act == Act::load_alone) break;
      if (next.act == Act::take_over) {
        ++overtakes;
        continue;
      }
      ASSERT_GT(next.until, now);
      ASSERT_LE(next.until, began + 10s);
      now = next.until;
    }
    EXPECT_LE(now, began + 10s);
    EXPECT_LT(overtakes, 10000);
  }
}

}  // namespace
}  // namespace terrace
