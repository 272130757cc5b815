// What shared_tier.hpp promises of leases, as tests that run on every tier whose shared() is not null.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <terrace/testing.hpp>
#include <thread>

#include "conformance/shared_caller.hpp"
#include "conformance/subjects.hpp"
#include "support/child_process.hpp"
#include "support/watch_log.hpp"

namespace terrace::conformance {
namespace {

using namespace std::chrono_literals;
using Kind = LeaseReply::Kind;

LeaseToken token(char c) {
  LeaseToken name;
  name.fill(c);
  return name;
}

/// As envelopes are: longer than the 16 bytes in which any two differ.
std::string value(const std::string& text) {
  return text + std::string(16 - text.size() % 16, '.') + text + std::string(16 - text.size() % 16, '.');
}

class SharedConformance : public ::testing::TestWithParam<Subject> {
 protected:
  void SetUp() override { ASSERT_NE(tier_->shared(), nullptr); }
  void TearDown() override { tier_->close(); }

  [[nodiscard]] Kind acquire(char name, std::string_view key = "k", Duration time = 10s) const {
    return lease_.acquire(key, token(name), time).value().kind;
  }

  Fixture fixture_ = GetParam().make();
  std::shared_ptr<Tier> tier_ = fixture_.tier;
  Caller call_{*tier_};
  SharedCaller lease_{*tier_};
};

TEST_P(SharedConformance, OneGetsTheLeaseTheOthersWaitAndTheFillEndsIt) {
  EXPECT_EQ(acquire('a'), Kind::granted);
  const LeaseReply other = lease_.acquire("k", token('b'), 10s).value();
  EXPECT_EQ(other.kind, Kind::held);
  EXPECT_GT(other.held_for, 5s);
  EXPECT_LE(other.held_for, 10s);
  EXPECT_TRUE(lease_.fill("k", token('a'), "loaded").value());
  const LeaseReply found = lease_.acquire("k", token('b'), 10s).value();
  EXPECT_EQ(found.kind, Kind::value);
  EXPECT_EQ(found.value, "loaded");
  EXPECT_FALSE(lease_.fill("k", token('a'), "again").value()) << "it ended with the fill";
  EXPECT_EQ(call_.get("k").value(), Found("loaded"));
}

TEST_P(SharedConformance, AStaleValueCountsAsNone) {
  const std::string old = value("old"), fresh = value("new");
  call_.set("k", old).value();
  EXPECT_EQ(lease_.acquire("k", token('a'), 10s).value().value, old);
  EXPECT_EQ(lease_.acquire("k", token('a'), 10s, fresh).value().value, old) << "another one is stale";
  EXPECT_EQ(lease_.acquire("k", token('a'), 10s, old).value().kind, Kind::granted);
  EXPECT_EQ(call_.get("k").value(), Found(old)) << "it is still there for readers";
  EXPECT_TRUE(lease_.fill("k", token('a'), fresh).value());
  EXPECT_EQ(lease_.acquire("k", token('b'), 10s, old).value().value, fresh);
  call_.set("k", "").value();
  EXPECT_EQ(lease_.acquire("k", token('b'), 10s).value().kind, Kind::value) << "an empty value is one";
}

/// A tier names the holders of leases, or it does not. It tells the ends of loads in the first case only.
TEST_P(SharedConformance, HowALoadEndedIsToldToThoseWhoWaitedForIt) {
  for (const LeaseEnd end : {LeaseEnd::failed, LeaseEnd::absent, LeaseEnd::not_kept, LeaseEnd::untold}) {
    const std::string key = "k" + std::to_string(static_cast<int>(end));
    ASSERT_EQ(acquire('a', key), Kind::granted);
    const LeaseReply held = lease_.acquire(key, token('b'), 10s).value();
    EXPECT_EQ(held.kind, Kind::held);
    EXPECT_EQ(held.holder.value_or(token('a')), token('a'));
    EXPECT_TRUE(lease_.release(key, token('z'), end).has_value()) << "not its lease: nothing happens";
    EXPECT_TRUE(lease_.release(key, token('a'), end).has_value());
    const LeaseRequest waited{.token = token('b'), .lease_time = 10s, .waited_for = held.holder};
    const LeaseReply told = lease_.acquire(key, waited).value();
    if (!held.holder || end == LeaseEnd::untold) {
      EXPECT_EQ(told.kind, Kind::granted);
      continue;
    }
    EXPECT_EQ(told.kind, Kind::ended);
    EXPECT_EQ(told.end, end);
    EXPECT_FALSE(lease_.fill(key, token('a'), "v").value());
    EXPECT_FALSE(lease_.renew(key, token('a'), 10s).value());
    EXPECT_EQ(lease_.acquire(key, {.token = token('d'), .lease_time = 10s, .waited_for = token('x')})->kind,
              Kind::granted)
        << "one that waited for another holder gets the lease";
    EXPECT_TRUE(lease_.fill(key, token('d'), "v").value());
    EXPECT_EQ(lease_.acquire(key, waited)->kind, Kind::value);
  }
}

TEST_P(SharedConformance, OneThatHasWaitedTooLongTakesTheLeaseOver) {
  ASSERT_EQ(acquire('a'), Kind::granted);
  const LeaseReply held = lease_.acquire("k", token('b'), 10s).value();
  LeaseRequest take_over{.token = token('b'), .lease_time = 10s, .waited_for = token('x'), .take_over = true};
  EXPECT_EQ(lease_.acquire("k", take_over)->kind, Kind::held) << "it waited for another holder";
  take_over.waited_for = held.holder;
  const LeaseReply reply = lease_.acquire("k", take_over).value();
  if (!held.holder) {
    EXPECT_EQ(reply.kind, Kind::held);
    return;
  }
  EXPECT_EQ(reply.kind, Kind::granted);
  EXPECT_EQ(
      lease_
          .acquire("k", {.token = token('c'), .lease_time = 10s, .waited_for = token('a'), .take_over = true})
          ->holder,
      token('b'))
      << "only one gets it";
  EXPECT_FALSE(lease_.fill("k", token('a'), "late").value());
  EXPECT_TRUE(lease_.fill("k", token('b'), "v").value());
}

TEST_P(SharedConformance, OnlyItsHolderUsesALease) {
  ASSERT_EQ(acquire('a'), Kind::granted);
  EXPECT_FALSE(lease_.fill("k", token('b'), "v").value());
  EXPECT_FALSE(lease_.renew("k", token('b'), 10s).value());
  EXPECT_TRUE(lease_.release("k", token('b')).has_value());
  EXPECT_EQ(acquire('c'), Kind::held) << "nothing of that touched it";
  EXPECT_EQ(call_.get("k").value(), Found());
  EXPECT_FALSE(lease_.fill("other", token('a'), "v").value()) << "a lease is of one key";
  EXPECT_TRUE(lease_.release("k", token('a')).has_value());
  EXPECT_FALSE(lease_.fill("k", token('a'), "v").value());
  EXPECT_EQ(acquire('c'), Kind::granted);
}

/// Every change of a key voids its lease. The control shows that the fill would have worked.
TEST_P(SharedConformance, F12_WhatChangesTheKeyVoidsItsLease) {
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"set", [&] { call_.set("p:k", "new").value(); }},
      {"set_many",
       [&] {
         call_.set_many({{"p:k", "new", 1h}})[0].value();
       }},
      {"set_many with a version",
       [&] {
         call_.set_many({{"p:k", "new", {}, 7}})[0].value();
       }},
      {"erase", [&] { (void)call_.erase("p:k").value(); }},
      {"erase_many", [&] { (void)call_.erase_many({"p:k"})[0].value(); }},
      {"erase_prefix", [&] { (void)call_.erase_prefix("p:").value(); }},
      {"erase_glob", [&] { (void)lease_.erase_glob("p:", "[k]").value(); }},
      {"get_or_put", [&] { (void)lease_.get_or_put("p:k", "new").value(); }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    (void)call_.erase("p:k").value();
    ASSERT_EQ(acquire('a', "p:k"), Kind::granted);
    change();
    EXPECT_FALSE(lease_.renew("p:k", token('a'), 10s).value());
    const Found before = call_.get("p:k").value();
    EXPECT_FALSE(lease_.fill("p:k", token('a'), "loaded before").value());
    EXPECT_EQ(call_.get("p:k").value(), before);
    ASSERT_EQ(acquire('b', "p:control"), Kind::granted);
    EXPECT_TRUE(lease_.fill("p:control", token('b'), "v").value());
    (void)call_.erase("p:control").value();
  }
}

TEST_P(SharedConformance, AReplacedStaleValueVoidsTheLease) {
  call_.set("k", value("old")).value();
  ASSERT_EQ(lease_.acquire("k", token('a'), 10s, value("old")).value().kind, Kind::granted);
  EXPECT_TRUE(lease_.replace("k", value("old"), value("new")).value());
  EXPECT_FALSE(lease_.fill("k", token('a'), "loaded before").value());
  EXPECT_EQ(call_.get("k").value(), Found(value("new")));
}

TEST_P(SharedConformance, SweepsLeaveOtherLeasesAlone) {
  for (const auto* key : {"a:1", "a:x}", "b:a:1", "a"}) ASSERT_EQ(acquire('t', key), Kind::granted) << key;
  call_.set("a:v", "v").value();
  EXPECT_EQ(lease_.erase_glob("a:", "*").value(), 1U) << "values are counted, not leases";
  EXPECT_FALSE(lease_.fill("a:1", token('t'), "v").value());
  EXPECT_FALSE(lease_.fill("a:x}", token('t'), "v").value());
  EXPECT_TRUE(lease_.fill("b:a:1", token('t'), "v").value());
  EXPECT_TRUE(lease_.fill("a", token('t'), "v").value());
}

TEST_P(SharedConformance, F37_ALeaseLapsesUnlessRenewed) {
  ASSERT_EQ(acquire('a', "k", 30ms), Kind::granted);
  const TimePoint limit = Caller::in_time();
  Kind kind = Kind::held;
  while ((kind = acquire('b', "k", 10s)) == Kind::held && system_clock().now() < limit) {
    std::this_thread::yield();
  }
  EXPECT_EQ(kind, Kind::granted);
  EXPECT_FALSE(lease_.renew("k", token('a'), 10s).value());
  EXPECT_FALSE(lease_.fill("k", token('a'), "late").value());
  EXPECT_TRUE(lease_.renew("k", token('b'), 1h).value());
  EXPECT_GT(lease_.acquire("k", token('c'), 1h).value().held_for, 30min);
}

/// Else what was put there for a long time would keep everybody from loading.
TEST_P(SharedConformance, ALeaseLongerThanTwiceTheTimeAskedForIsFree) {
  ASSERT_EQ(acquire('a', "k", 1h), Kind::granted);
  EXPECT_EQ(acquire('b', "k", 31min), Kind::held);
  EXPECT_EQ(acquire('b', "k", 10s), Kind::granted);
  // A replicated tier orders fills by the version they saw, whoever has the lease.
  const bool by_version = std::string_view(GetParam().name).starts_with("Replicated");
  if (!by_version) {
    EXPECT_FALSE(lease_.fill("k", token('a'), "late").value());
  }
  EXPECT_EQ(acquire('c', "k", 10s), Kind::held);
  EXPECT_TRUE(lease_.fill("k", token('b'), "v").value());
}

TEST_P(SharedConformance, LeasesAndFillsTakeTheirTimesAsSetDoes) {
  EXPECT_EQ(lease_.acquire("k", token('a'), 0ns).error(), Errc::invalid_argument);
  EXPECT_EQ(lease_.acquire("k", token('a'), 1ns).value().kind, Kind::granted) << "rounded up";
  ASSERT_EQ(acquire('a', "life"), Kind::granted);
  EXPECT_EQ(lease_.fill("life", token('a'), "v", 0ns).error(), Errc::invalid_argument);
  EXPECT_EQ(lease_.renew("life", token('a'), -1s).error(), Errc::invalid_argument);
  EXPECT_TRUE(lease_.fill("life", token('a'), "v", 20ms).value());
  const TimePoint limit = Caller::in_time();
  while (call_.get("life").value() && system_clock().now() < limit) std::this_thread::yield();
  EXPECT_EQ(call_.get("life").value(), Found());
}

TEST_P(SharedConformance, GetOrPutKeepsWhatIsThere) {
  EXPECT_EQ(lease_.get_or_put("k", "first").value(), "first");
  EXPECT_EQ(lease_.get_or_put("k", "second").value(), "first");
  EXPECT_EQ(call_.get("k").value(), Found("first"));
  EXPECT_EQ(lease_.get_or_put("short", "v", 20ms).value(), "v");
  const TimePoint limit = Caller::in_time();
  while (call_.get("short").value() && system_clock().now() < limit) std::this_thread::yield();
  EXPECT_EQ(lease_.get_or_put("short", "w").value(), "w");
}

TEST_P(SharedConformance, GetOrProlongKeepsTheValueAndMakesItLast) {
  EXPECT_EQ(lease_.get_or_prolong("k", "first", 50ms).value(), "first");
  EXPECT_EQ(lease_.get_or_prolong("k", "second", 1h).value(), "first");
  EXPECT_EQ(lease_.get_or_prolong("short", "v", 50ms).value(), "v");
  EXPECT_EQ(lease_.get_or_prolong("endless", "v", 50ms).value(), "v");
  EXPECT_EQ(lease_.get_or_prolong("endless", "w").value(), "v");
  EXPECT_EQ(lease_.get_or_prolong("endless", "x", 1ms).value(), "v") << "a longer life stays";
  EXPECT_EQ(lease_.get_or_prolong("k", "third", 1ms).value(), "first") << "a longer life stays";
  const TimePoint limit = Caller::in_time();
  while (call_.get("short").value() && system_clock().now() < limit) std::this_thread::yield();
  EXPECT_EQ(call_.get("short").value(), Found());
  EXPECT_EQ(call_.get("k").value(), Found("first"));
  EXPECT_EQ(call_.get("endless").value(), Found("v"));
}

TEST_P(SharedConformance, GetOrPutForATimeReplacesWhatNobodyPutThereForSuchATime) {
  const std::string planted = value("planted"), ours = value("ours");
  for (const auto life : {std::optional<Duration>(), std::optional<Duration>(1h)}) {
    call_.set("k", planted, life).value();
    EXPECT_EQ(lease_.get_or_put("k", ours).value(), planted) << "without a time all counts";
    EXPECT_EQ(lease_.get_or_put("k", ours, 10min).value(), ours);
    EXPECT_EQ(call_.get("k").value(), Found(ours));
    EXPECT_EQ(lease_.get_or_put("k", planted, 6min).value(), ours)
        << "another process asks for a little less";
  }
}

TEST_P(SharedConformance, ReplaceComparesFirst) {
  const std::string one = value("one"), two = value("two"), three = value("three");
  EXPECT_FALSE(lease_.replace("k", one, two).value()) << "there is nothing";
  EXPECT_EQ(call_.get("k").value(), Found());
  call_.set("k", one).value();
  EXPECT_FALSE(lease_.replace("k", three, two).value());
  EXPECT_EQ(call_.get("k").value(), Found(one));
  EXPECT_TRUE(lease_.replace("k", one, two).value());
  EXPECT_EQ(call_.get("k").value(), Found(two));
}

TEST_P(SharedConformance, KeysAndValuesAreAnyBytes) {
  for (const std::string& key : {std::string("\0\r\n{}", 5), std::string("*?[x]\\"), std::string("\xff}{"),
                                 std::string(max_key_size, 'k')}) {
    SCOPED_TRACE(printable_key(key));
    LeaseToken odd = token('\0');
    odd[3] = '\r';
    odd[4] = '\n';
    ASSERT_EQ(lease_.acquire(key, odd, 10s).value().kind, Kind::granted);
    EXPECT_TRUE(lease_.fill(key, odd, std::string("\0\r\n", 3)).value());
    EXPECT_EQ(call_.get(key).value(), Found(std::string("\0\r\n", 3)));
    (void)call_.erase_prefix(key).value();
    EXPECT_EQ(call_.get(key).value(), Found());
  }
  EXPECT_EQ(lease_.acquire("", token('a'), 1s).error(), Errc::invalid_key);
  EXPECT_EQ(lease_.fill(std::string(max_key_size + 1, 'k'), token('a'), "v").error(), Errc::invalid_key);
}

TEST_P(SharedConformance, ADeadlineThatHasPassedIsTimedOutAndAClosedTierIsShutDown) {
  const TimePoint past = system_clock().now() - 1s;
  EXPECT_EQ(lease_.acquire("k", token('a'), 1s, {}, past).error(), Errc::timed_out);
  EXPECT_EQ(lease_.fill("k", token('a'), "v", {}, past).error(), Errc::timed_out);
  tier_->close();
  EXPECT_EQ(lease_.acquire("k", token('a'), 1s).error(), Errc::shutdown);
  EXPECT_EQ(lease_.fill("k", token('a'), "v").error(), Errc::shutdown);
  EXPECT_EQ(lease_.renew("k", token('a'), 1s).error(), Errc::shutdown);
  EXPECT_EQ(lease_.release("k", token('a')).error(), Errc::shutdown);
  EXPECT_EQ(lease_.get_or_put("k", "v").error(), Errc::shutdown);
  EXPECT_EQ(lease_.replace("k", "v", "w").error(), Errc::shutdown);
}

TEST_P(SharedConformance, AWatchTellsWhatChanges) {
  const auto log = std::make_shared<testing::WatchLog>();
  const auto watch = tier_->shared()->watch({"p:", "q:"}, log);
  ASSERT_TRUE(log->comes("watching"));
  call_.set("p:set", "v").value();
  EXPECT_TRUE(log->comes("changed p:set"));
  (void)call_.erase("p:set").value();
  EXPECT_TRUE(log->comes("changed p:set", 2));
  call_.set_many({{"q:many", "v", 20ms}})[0].value();
  EXPECT_TRUE(log->comes("changed q:many"));
  EXPECT_TRUE(testing::eventually([&] { return !call_.get("q:many").value(); }));
  EXPECT_TRUE(log->comes("changed q:many", 2)) << "it expired";
  ASSERT_EQ(acquire('a', "p:leased"), Kind::granted);
  EXPECT_TRUE(log->comes("lease_changed p:leased"));
  EXPECT_TRUE(lease_.release("p:leased", token('a')).has_value());
  EXPECT_TRUE(log->comes("lease_changed p:leased", 2));
  EXPECT_FALSE(log->told("changed p:leased"));
  ASSERT_EQ(acquire('a', "p:filled"), Kind::granted);
  EXPECT_TRUE(lease_.fill("p:filled", token('a'), "v").value());
  EXPECT_TRUE(log->comes("changed p:filled"));
  call_.set("p:swept", "v").value();
  ASSERT_TRUE(log->comes("changed p:swept"));
  (void)call_.erase_prefix("p:swept").value();
  EXPECT_TRUE(log->comes("changed p:swept", 2));
  call_.set("r:other", "v").value();
  call_.set("p:end", "v").value();
  EXPECT_TRUE(log->comes("changed p:end"));
  EXPECT_FALSE(log->told("changed r:other"));
  EXPECT_FALSE(log->told("lost"));
}

TEST_P(SharedConformance, AWatchProvesThatNothingIsMissing) {
  const auto log = std::make_shared<testing::WatchLog>();
  const auto watch = tier_->shared()->watch({""}, log);
  ASSERT_TRUE(log->comes("watching"));
  call_.set("k", "v").value();
  const TimePoint set = system_clock().now();
  ASSERT_TRUE(testing::eventually([&] { return log->proven_until() > set; }));
  EXPECT_TRUE(log->told("changed k"));
}

TEST_P(SharedConformance, AWatchEndsWithItsHandle) {
  const auto log = std::make_shared<testing::WatchLog>();
  const auto witness = std::make_shared<testing::WatchLog>();
  auto watch = tier_->shared()->watch({""}, log);
  const auto second = tier_->shared()->watch({""}, witness);
  ASSERT_TRUE(log->comes("watching") && witness->comes("watching"));
  watch.reset();
  const std::size_t told = log->events().size();
  call_.set("k", "v").value();
  EXPECT_TRUE(witness->comes("changed k"));
  EXPECT_EQ(log->events().size(), told);
}

/// Loaders read a counter and store what they read; a writer raises the counter, then erases. Counts the
/// reads that found a number lower than the counter was when an erase before them had returned.
struct Race {
  std::atomic<int> source{0}, settled{0}, stale{0}, stored{0};
  std::atomic<bool> stop{false};

  void write(const Caller& call, const std::function<bool()>& enough) {
    for (int i = 1; !enough(); ++i) {
      source = i;
      (void)call.erase("k").value();
      settled = i;
    }
    stop = true;
  }
  [[nodiscard]] std::string load() const {
    std::string loaded = std::to_string(source);
    std::this_thread::yield();
    return loaded;
  }
};

constexpr int loader_threads = 4;

TEST_P(SharedConformance, F12_NoLateFillOverwritesWhatIsNewer) {
  Race race;
  std::vector<std::jthread> loaders;
  for (int t = 0; t < loader_threads; ++t) {
    loaders.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<unsigned>(t));
      while (!race.stop) {
        LeaseToken mine;
        for (auto& c : mine) c = static_cast<char>(random());
        const int floor = race.settled;
        const LeaseReply reply = lease_.acquire("k", mine, 10s).value();
        if (reply.kind == Kind::value && std::stoi(reply.value) < floor) ++race.stale;
        if (reply.kind == Kind::granted && lease_.fill("k", mine, race.load()).value()) ++race.stored;
      }
    });
  }
  race.write(call_, [&] { return race.settled >= 500 && race.stored >= 20; });
  loaders.clear();
  EXPECT_EQ(race.stale, 0);
}

/// The mutant: who finds nothing loads and sets.
TEST_P(SharedConformance, F12_WithoutLeasesALateSetDoes) {
  Race race;
  std::vector<std::jthread> loaders;
  for (int t = 0; t < loader_threads; ++t) {
    loaders.emplace_back([&] {
      while (!race.stop) {
        const int floor = race.settled;
        const Found found = call_.get("k").value();
        if (found && std::stoi(*found) < floor) ++race.stale;
        if (!found) call_.set("k", race.load()).value();
      }
    });
  }
  const TimePoint limit = Caller::in_time();
  race.write(call_, [&] { return race.stale > 0 || system_clock().now() > limit; });
  loaders.clear();
  EXPECT_GT(race.stale, 0) << "the scenario shows the bug where there is one";
}

INSTANTIATE_TEST_SUITE_P(Every, SharedConformance, ::testing::ValuesIn(shared_subjects()),
                         [](const auto& subject) { return subject.param.name; });

}  // namespace
}  // namespace terrace::conformance
