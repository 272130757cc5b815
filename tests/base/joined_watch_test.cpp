#include "base/joined_watch.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <terrace/testing.hpp>
#include <thread>

#include "support/watch_log.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using testing::FakeClock;
using testing::SharedMapTier;
using testing::WatchLog;

void put(SharedMapTier& tier, std::string_view key, std::string_view value = "v") {
  tier.set(key, value, {}, no_deadline, [](const Result<void>& stored) { ASSERT_TRUE(stored); });
}

/// Two members that are watched, and a third that is none.
class JoinedWatchTest : public ::testing::Test {
 protected:
  void SetUp() override { watches_.change({.added = {{1, &a_}, {2, &b_}}}); }
  void start() { watch_ = watches_.watch({""}, log_); }
  [[nodiscard]] TimePoint last_since() const {
    TimePoint since{};
    for (const auto& event : log_->events()) {
      if (event.what == "watching") since = event.time;
    }
    return since;
  }

  FakeClock clock_;
  SharedMapTier a_{clock_}, b_{clock_}, c_{clock_};
  JoinedWatches watches_{clock_};
  std::shared_ptr<WatchLog> log_ = std::make_shared<WatchLog>();
  std::shared_ptr<void> watch_;
};

TEST_F(JoinedWatchTest, WatchesOnceEveryMemberDoesSinceTheLatest) {
  a_.break_watch();
  b_.break_watch();
  start();
  EXPECT_EQ(log_->story(), "");
  a_.restore_watch();
  EXPECT_EQ(log_->story(), "");
  clock_.advance(1s);
  const TimePoint latest = clock_.now();
  b_.restore_watch();
  EXPECT_EQ(log_->story(), "watching; ");
  EXPECT_EQ(last_since(), latest);
}

TEST_F(JoinedWatchTest, IsLostOnceWhenAnyIsAndWatchesAnewWhenAllDo) {
  start();
  a_.break_watch();
  b_.break_watch();
  a_.restore_watch();
  EXPECT_EQ(log_->story(), "watching; lost; ");
  clock_.advance(1s);
  b_.restore_watch();
  EXPECT_EQ(log_->story(), "watching; lost; watching; ");
  EXPECT_EQ(last_since(), clock_.now());
}

TEST_F(JoinedWatchTest, AMemberThatWatchesAnewTakesBackWhatWasTold) {
  start();
  b_.hold_events();
  EXPECT_EQ(log_->story(), "watching; lost; watching; ");
}

TEST_F(JoinedWatchTest, ProvesWhatAllHaveProven) {
  a_.hold_events();
  b_.hold_events();
  start();
  clock_.advance(1s);
  const TimePoint early = clock_.now();
  a_.deliver();
  EXPECT_LT(log_->proven_until(), early);
  clock_.advance(1s);
  b_.deliver();
  EXPECT_EQ(log_->proven_until(), early);
  const TimePoint late = clock_.now();
  clock_.advance(1s);
  a_.deliver();
  EXPECT_EQ(log_->proven_until(), late);
}

TEST_F(JoinedWatchTest, NothingIsProvenOfATimeBeforeItWatched) {
  a_.hold_events();
  start();
  b_.break_watch();
  a_.deliver();
  clock_.advance(1s);
  log_->clear();
  b_.restore_watch();  // b proves everything, a has proven less
  EXPECT_FALSE(log_->told("proven"));
  clock_.advance(1s);
  a_.deliver();
  EXPECT_EQ(log_->proven_until(), clock_.now());
}

/// A change of a healthy member may come before the watching() that covers it.
TEST_F(JoinedWatchTest, PassesChangesOnAlsoWhileAnotherIsLost) {
  start();
  b_.break_watch();
  put(a_, "k");
  a_.flush_all();
  a_.acquire("k", LeaseToken{}, 1s, {}, no_deadline, [](const Result<LeaseReply>&) {});
  EXPECT_EQ(log_->story(), "watching; lost; changed k; changed_all; lease_changed k; ");
}

TEST_F(JoinedWatchTest, AMembershipThatGrowsIsWatchedSinceThen) {
  start();
  clock_.advance(1s);
  watches_.change({.added = {{3, &c_}}});
  EXPECT_EQ(log_->story(), "watching; lost; watching; ");
  EXPECT_EQ(last_since(), clock_.now());
  put(c_, "k");
  EXPECT_TRUE(log_->told("changed k"));
}

TEST_F(JoinedWatchTest, WhoIsRemovedTellsNothingMore) {
  start();
  clock_.advance(1s);
  watches_.change({.removed = {1}});
  EXPECT_EQ(log_->story(), "watching; lost; watching; ");
  EXPECT_EQ(last_since(), clock_.now());
  put(a_, "k");
  a_.break_watch();
  EXPECT_EQ(log_->story(), "watching; lost; watching; ");
  watches_.change({.removed = {1, 99}});
  EXPECT_EQ(log_->story(), "watching; lost; watching; ") << "no member, no change";
}

TEST_F(JoinedWatchTest, AMemberThatIsReplacedIsOneChangeAndTheOldOneTellsNothing) {
  start();
  c_.break_watch();
  watches_.change({.added = {{1, &c_}}, .removed = {1}});
  put(a_, "old");
  EXPECT_FALSE(log_->told("changed old"));
  c_.restore_watch();
  EXPECT_TRUE(log_->told("watching"));
  EXPECT_EQ(log_->story().substr(0, 16), "watching; lost; ");
  put(c_, "new");
  EXPECT_TRUE(log_->told("changed new"));
}

TEST_F(JoinedWatchTest, WithoutMembersNothingIsWatched) {
  start();
  watches_.change({.removed = {1, 2}});
  EXPECT_EQ(log_->story(), "watching; lost; ");
  watches_.change({.added = {{1, &a_}}});
  EXPECT_EQ(log_->story(), "watching; lost; watching; ");
}

TEST_F(JoinedWatchTest, NoCallComesAfterItsEnd) {
  start();
  watch_.reset();
  put(a_, "k");
  b_.break_watch();
  watches_.change({.added = {{3, &c_}}});
  EXPECT_EQ(log_->story(), "watching; ");
}

/// Calls back into the tiers, and counts how many calls are inside one another.
struct Meddler : WatchLog {
  std::function<void()> once;
  int inside = 0;
  int deepest = 0;

  void changed(const std::vector<std::string>& keys) override {
    deepest = std::max(deepest, ++inside);
    WatchLog::changed(keys);
    if (once) std::exchange(once, nullptr)();
    --inside;
  }
};

TEST_F(JoinedWatchTest, ACallThatCausesAnotherIsEndedFirst) {
  const auto meddler = std::make_shared<Meddler>();
  meddler->once = [this] {
    put(b_, "second");
    put(a_, "third");
  };
  const auto watch = watches_.watch({""}, meddler);
  put(a_, "first");
  EXPECT_EQ(meddler->story(), "watching; changed first; changed second; changed third; ");
  EXPECT_EQ(meddler->deepest, 1);
}

TEST_F(JoinedWatchTest, ItMayBeEndedInsideACall) {
  const auto meddler = std::make_shared<Meddler>();
  auto watch = watches_.watch({""}, meddler);
  meddler->once = [&] {
    put(b_, "queued and never told");
    watch.reset();
  };
  put(a_, "last");
  put(a_, "later");
  EXPECT_EQ(meddler->story(), "watching; changed last; ");
}

/// Writes down how its calls overlap, and the number in the last key of each member.
struct Sequence : Watcher {
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false}, disordered{false}, ended{false}, late{false};
  std::map<char, int> last;

  void changed(const std::vector<std::string>& keys) override {
    overlapped = overlapped || ++inside > 1;
    late = late || ended;
    for (const auto& key : keys) {
      const int number = std::stoi(key.substr(1));
      disordered = disordered || number != last[key[0]] + 1;
      last[key[0]] = number;
    }
    --inside;
  }
  void watching(TimePoint) override {}
  void changed_all() override {}
  void lease_changed(const std::vector<std::string>&) override {}
  void proven(TimePoint) override {}
  void lost() override {}
};

TEST_F(JoinedWatchTest, MembersThatTellAtOnceAreHeardOneAtATimeInTheirOrder) {
  const auto sequence = std::make_shared<Sequence>();
  auto watch = watches_.watch({""}, sequence);
  constexpr int changes = 3000;
  std::vector<std::thread> threads;
  for (auto* tier : {&a_, &b_}) {
    threads.emplace_back([tier, name = std::string(tier == &a_ ? "a" : "b")] {
      for (int i = 1; i <= changes; ++i) put(*tier, name + std::to_string(i));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(sequence->overlapped);
  EXPECT_FALSE(sequence->disordered);
  EXPECT_EQ(sequence->last['a'] + sequence->last['b'], 2 * changes);
}

TEST_F(JoinedWatchTest, EndedByAnotherThreadItWaitsForTheCallOnItsWay) {
  for (int round = 0; round < 200; ++round) {
    const auto sequence = std::make_shared<Sequence>();
    auto watch = watches_.watch({""}, sequence);
    std::vector<std::thread> threads;
    for (auto* tier : {&a_, &b_}) {
      threads.emplace_back([tier] {
        for (int i = 1; i <= 20; ++i) put(*tier, "x" + std::to_string(i));
      });
    }
    watch.reset();
    sequence->ended = true;
    for (auto& thread : threads) thread.join();
    ASSERT_FALSE(sequence->late);
  }
}

}  // namespace
}  // namespace terrace
