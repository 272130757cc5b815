/// What other processes change reaches this one's memory; and what happens when nothing is heard.

#include <functional>
#include <random>

#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

/// A tier whose replies to GET the test gives.
struct Late final : testing::OneByOneTier {
  explicit Late(testing::SharedMapTier& tier) : below(tier) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "late"; }
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }
  [[nodiscard]] SharedTier* shared() noexcept override { return &below; }
  void get(std::string_view, TimePoint, Handler<Result<Found>> d) override { done = std::move(d); }
  void set(std::string_view k, BytesView v, std::optional<Duration> t, TimePoint l,
           Handler<Result<void>> d) override {
    below.set(k, v, t, l, std::move(d));
  }
  void erase(std::string_view k, TimePoint l, Handler<Result<bool>> d) override {
    below.erase(k, l, std::move(d));
  }
  void erase_prefix(std::string_view, TimePoint, Handler<Result<std::uint64_t>> d) override {
    d(std::uint64_t{0});
  }
  void erase_glob(std::string_view, std::string_view, TimePoint, Handler<Result<std::uint64_t>> d) override {
    d(std::uint64_t{0});
  }
  void close() override {}
  [[nodiscard]] TierStats stats() const override { return {}; }
  testing::SharedMapTier& below;
  Handler<Result<Found>> done;
};

class WatchTest : public SharedTest {
 protected:
  /// What some other program does to the shared tier.
  void foreign_set(const std::string& key, const std::string& bytes) const {
    shared_->set("default:" + key, bytes, {}, no_deadline, [](const Result<void>&) {});
  }
};

TEST_F(WatchTest, AnotherProcessesWriteReachesMemory) {
  Strings a = make();
  Strings b = make();
  a.set("k", "one").value();
  EXPECT_EQ(*b.get("k"), "one");
  EXPECT_EQ(b.lookup("k").level, "memory");
  a.set("k", "two").value();
  EXPECT_EQ(*b.get("k"), "two");
  a.erase("k").value();
  EXPECT_FALSE(b.get("k"));
}

TEST_F(WatchTest, AForeignWriterIsNoticed) {
  Strings a = make();
  a.set("k", "one").value();
  EXPECT_EQ(*a.get("k"), "one");
  foreign_set("k", "not an entry");
  EXPECT_FALSE(a.get("k"));
  EXPECT_EQ(a.stats().levels[1].unreadable, 1U);
}

TEST_F(WatchTest, F10_OwnWritesAreToldTooAndReadBack) {
  Strings a = make();
  Strings b = make();
  a.get("k");
  shared_->hold_events();
  a.set("k", "a's").value();
  // b's write comes second and is told by the same kind of message: had a suppressed "its own", it would keep
  // "a's".
  b.set("k", "b's").value();
  shared_->deliver();
  EXPECT_EQ(*a.get("k"), "b's");
}

TEST_F(WatchTest, F11_AReplyFromBeforeAnInvalidationDoesNotEnterMemory) {
  Strings a = make();
  Strings b = make();
  b.set("k", "old").value();
  // The reply to the GET is held back while the invalidation overtakes it.
  Result<Found> reply = Found{};
  shared_->get("default:k", no_deadline, [&](Result<Found> found) { reply = std::move(found); });
  const auto late = std::make_shared<Late>(*shared_);
  Strings c(CacheOptions{.ttl_jitter = 0, .scheduler = scheduler_}, {late});
  const Later answer = start(c, "k", nullptr);
  b.set("k", "new").value();
  late->done(std::move(reply));
  EXPECT_EQ(text(answer), "old") << "who asked before the write may get what was there then";
  EXPECT_FALSE(detail::CacheAccess::in_memory(c, "k"));
}

/// Single flight may not carry an answer from before a write to a reader from after it.
TEST_F(WatchTest, AStrongReaderDoesNotJoinAReadFromBeforeItBegan) {
  Strings b = make();
  b.set("k", "old").value();
  const auto get = [&] {
    Result<Found> reply = Found{};
    shared_->get("default:k", no_deadline, [&](Result<Found> found) { reply = std::move(found); });
    return reply;
  };
  for (const Consistency consistency : {Consistency::strong, Consistency::weak}) {
    const auto late = std::make_shared<Late>(*shared_);
    Strings c(CacheOptions{.ttl_jitter = 0, .consistency = consistency, .scheduler = scheduler_}, {late});
    b.set("k", "old").value();
    auto before = get();
    const Later first = start(c, "k", nullptr);
    b.set("k", "new").value();
    const Later second = start(c, "k", nullptr);
    std::exchange(late->done, nullptr)(std::move(before));
    EXPECT_EQ(text(first), "old");
    if (consistency == Consistency::weak) {
      EXPECT_EQ(text(second), "old") << "the anomaly";
      continue;
    }
    EXPECT_EQ(text(second), "(pending)");
    late->done(get());
    EXPECT_EQ(text(second), "new");
  }
}

/// A tier that does not have the key reports nothing when it is erased there.
TEST_F(WatchTest, F11_ALateCallerGetsNoLoadFromBeforeAnEraseOfAKeyThatNoTierHas) {
  for (const bool long_ago : {false, true}) {
    const std::string key = long_ago ? "long ago" : "just now";
    Strings a = make();
    Strings b = make();
    const auto slow = std::make_shared<Held>();
    const Later first = start(b, key, slow);
    a.erase(key).value();
    if (long_ago) scheduler_->advance(2s);  // max_staleness is 1 s; the load goes on
    const auto second = std::make_shared<Held>();
    const Later late = start(b, key, second);
    slow->answer("old");
    EXPECT_EQ(text(first), "old");
    if (!long_ago) {
      EXPECT_EQ(text(late), "old") << "within the bound";
      continue;
    }
    EXPECT_EQ(text(late), "(pending)");
    ASSERT_EQ(second->calls, 1);
    second->answer("new");
    EXPECT_EQ(text(late), "new");
  }
}

/// What the tier has just taken from the holder of the lease is right, however long the load took.
TEST_F(WatchTest, ALateCallerOfALongLoadGetsTheValueThatTheTierTook) {
  Strings a = make();
  const auto slow = std::make_shared<Held>();
  const Later first = start(a, "k", slow);
  scheduler_->advance(2s);
  const auto unwanted = std::make_shared<Held>();
  const Later late = start(a, "k", unwanted);
  slow->answer("loaded");
  EXPECT_EQ(text(first), "loaded");
  EXPECT_EQ(text(late), "loaded");
  EXPECT_EQ(unwanted->calls, 0);
}

TEST_F(WatchTest, F14_AFlushEmptiesMemory) {
  Strings a = make();
  a.set("k", "one").value();
  shared_->flush_all();
  EXPECT_FALSE(a.get("k"));
}

TEST_F(WatchTest, F06_ALostWatchLeavesMemoryNoOlderThanTheBound) {
  Strings a = make();
  a.set("k", "one").value();
  EXPECT_EQ(*a.get("k"), "one");
  EXPECT_EQ(a.stats().staleness, Duration::zero());
  shared_->break_watch();
  foreign_set("k", "changed");
  scheduler_->advance(900ms);
  EXPECT_TRUE(detail::CacheAccess::in_memory(a, "k")) << "read less than max_staleness ago";
  EXPECT_EQ(a.stats().staleness, std::nullopt);
  scheduler_->advance(100ms);
  EXPECT_FALSE(detail::CacheAccess::in_memory(a, "k"));
  EXPECT_FALSE(a.get("k"));
  // What was read before the watch is back stays unwatched: it may have changed in between.
  foreign_set("k", "changed again");
  shared_->restore_watch();
  EXPECT_FALSE(detail::CacheAccess::in_memory(a, "k"));
}

TEST_F(WatchTest, F06_WhatIsReadWhileTheWatchIsLostServesForTheBound) {
  Strings a = make();
  Strings b = make();
  shared_->break_watch();
  b.set("k", "one").value();
  EXPECT_EQ(*a.get("k"), "one");
  EXPECT_TRUE(detail::CacheAccess::in_memory(a, "k"));
  b.set("k", "two").value();
  shared_->restore_watch();
  EXPECT_EQ(*a.get("k"), "one") << "within the bound";
  scheduler_->advance(1s);
  EXPECT_EQ(*a.get("k"), "two");
  scheduler_->advance(1h);
  EXPECT_TRUE(detail::CacheAccess::in_memory(a, "k")) << "watched again";
}

TEST_F(WatchTest, F07_AWatchThatFallsSilentShutsTheGateWithinTheBound) {
  Strings a = make();
  make().set("k", "one").value();
  a.get("k");
  scheduler_->advance(1h);
  EXPECT_TRUE(detail::CacheAccess::in_memory(a, "k"));
  shared_->hold_events();  // the last proof is of now
  foreign_set("k", "changed");
  scheduler_->advance(990ms);
  EXPECT_TRUE(detail::CacheAccess::in_memory(a, "k"));
  scheduler_->advance(10ms);
  EXPECT_FALSE(detail::CacheAccess::in_memory(a, "k"));
  shared_->deliver();
  EXPECT_FALSE(detail::CacheAccess::in_memory(a, "k")) << "it did change";
}

TEST_F(WatchTest, WeakCachesServeWhateverTheWatchSays) {
  Strings a = make({.consistency = Consistency::weak});
  a.set("k", "one").value();
  foreign_set("k", "changed");
  scheduler_->advance(1h);
  EXPECT_EQ(*a.get("k"), "one") << "the anomaly that weak does not prevent";
}

TEST_F(WatchTest, StrongCachesAskTheTierEachTime) {
  Strings a = make({.consistency = Consistency::strong});
  Strings b = make({.consistency = Consistency::strong});
  shared_->break_watch();
  for (int i = 0; i < 5; ++i) {
    b.set("k", std::to_string(i)).value();
    EXPECT_EQ(*a.get("k"), std::to_string(i));
    EXPECT_EQ(a.lookup("k").level, "shared");
  }
}

/// What this process has just put into the tier serves from memory, whether its own notice comes before or
/// after the tier's answer: for as long as anything read then may, and is read back after that.
TEST_F(WatchTest, F10_WhatThisProcessHasJustPutThereServesForTheBound) {
  const auto put = std::vector<std::function<void(Strings&)>>{
      [](Strings& a) { a.set("k", "v").value(); },
      [](Strings& a) {
        a.set("k", "before").value();
        a.set("k", "v").value();
      },
      [](Strings& a) {
        a.set("k", "before").value();
        a.erase("k").value();
        a.set("k", "v", {.ttl = 2h}).value();
      },
      [](Strings& a) {
        a.set_many({{"k", "v"}, {"other", "w"}}).front().value();
      },
      [](Strings& a) { EXPECT_EQ(a.get_or_load("k", constant("v")).value(), "v"); },
      [](Strings& a) {
        EXPECT_EQ(a.get_or_load_many({"k"},
                                     [](const std::vector<std::string>&) {
                                       return std::vector<std::optional<std::string>>{"v"};
                                     })
                      .front()
                      .value(),
                  "v");
      }};
  for (const bool told_at_once : {true, false}) {
    for (std::size_t way = 0; way < put.size(); ++way) {
      SCOPED_TRACE(std::to_string(way) + (told_at_once ? " told at once" : " told later"));
      shared_ = std::make_shared<testing::SharedMapTier>(scheduler_->clock());
      Strings a = make();
      if (!told_at_once) shared_->hold_events();
      put[way](a);
      EXPECT_EQ(a.lookup("k").level, "memory");
      if (!told_at_once) shared_->deliver();
      EXPECT_EQ(a.lookup("k").level, "memory");
      EXPECT_EQ(a.stats().rejected_fills, 0U);
      scheduler_->advance(900ms);
      EXPECT_EQ(a.lookup("k").level, "memory");
      scheduler_->advance(100ms);
      EXPECT_EQ(a.lookup("k").level, "shared") << "read back once";
      if (told_at_once) {
        scheduler_->advance(1h);
        EXPECT_EQ(a.lookup("k").level, "memory") << "and watched from then on";
      }
    }
  }
}

/// A load that takes longer than the bound: what counts is when its value entered the tier.
TEST_F(WatchTest, F10_ASlowFillServesForTheBoundToo) {
  Strings a = make();
  const auto slow = std::make_shared<Held>();
  const Later answer = start(a, "k", slow);
  scheduler_->advance(2s);
  slow->answer("v");
  EXPECT_EQ(text(answer), "v");
  EXPECT_EQ(a.lookup("k").level, "memory");
  scheduler_->advance(900ms);
  EXPECT_EQ(a.lookup("k").level, "memory");
}

/// Another process's write removes what an own write or fill has put there, whichever notices come first.
TEST_F(WatchTest, F10_AnotherProcessesWriteRemovesWhatThisOneHasJustPutThere) {
  const auto put = std::vector<std::function<void(Strings&)>>{
      [](Strings& a) { a.set("k", "a's").value(); },
      [](Strings& a) { EXPECT_EQ(a.get_or_load("k", constant("a's")).value(), "a's"); }};
  for (const bool told_at_once : {true, false}) {
    for (const auto& way : put) {
      shared_ = std::make_shared<testing::SharedMapTier>(scheduler_->clock());
      Strings a = make();
      Strings b = make();
      if (!told_at_once) shared_->hold_events();
      way(a);
      EXPECT_EQ(a.lookup("k").level, "memory");
      b.set("k", "b's").value();
      if (!told_at_once) shared_->deliver();
      EXPECT_EQ(a.lookup("k").level, "shared");
      EXPECT_EQ(*a.get("k"), "b's");
      b.erase("k").value();
      if (!told_at_once) shared_->deliver();
      EXPECT_FALSE(a.get("k"));
    }
  }
}

/// A server may make one notice of an own change and another process's: then the bound holds still, and no
/// read in flight is taken for watched.
TEST_F(WatchTest, F10_OneNoticeForTwoChangesLeavesTheBound) {
  Strings a = make();
  Strings b = make();
  shared_->hold_events();
  a.set("k", "a's").value();
  b.set("k", "b's").value();
  shared_->forget_oldest_event();
  shared_->deliver();
  scheduler_->advance(1s);
  EXPECT_EQ(*a.get("k"), "b's");
}

/// Nor is what a read brings that was under way then.
TEST_F(WatchTest, F10_AReadUnderWayDuringAnOwnNoticeIsNotTakenForWatched) {
  const auto late = std::make_shared<Late>(*shared_);
  Strings c(CacheOptions{.ttl_jitter = 0, .scheduler = scheduler_}, {late});
  Strings b = make();
  shared_->hold_events();
  c.set("k", "c's").value();
  c.shrink_memory(1);
  Result<Found> reply = Found{};
  shared_->get("default:k", no_deadline, [&](Result<Found> found) { reply = std::move(found); });
  const Later answer = start(c, "k", nullptr);
  b.set("k", "b's").value();
  shared_->forget_oldest_event();
  shared_->deliver();
  late->done(std::move(reply));
  EXPECT_EQ(text(answer), "c's");
  EXPECT_TRUE(detail::CacheAccess::in_memory(c, "k"));
  scheduler_->advance(1s);
  shared_->deliver();  // proves that nothing else was to be told
  EXPECT_FALSE(detail::CacheAccess::in_memory(c, "k"));
}

/// A change that no notice comes of makes no notice of another process an own one.
TEST_F(WatchTest, F10_AnEraseOfNothingExpectsNoNotice) {
  Strings a = make();
  Strings b = make();
  a.erase("absent").value();
  b.set("absent", "b's").value();
  EXPECT_EQ(*a.get("absent"), "b's");
  a.erase("absent").value();
  EXPECT_FALSE(a.get("absent"));
  b.set("absent", "there").value();
  EXPECT_EQ(*a.get("absent"), "there");
}

/// An atomic that lets the test act before each load.
template <class T>
class Interrupted : public std::atomic<T> {
 public:
  using std::atomic<T>::atomic;
  using std::atomic<T>::operator=;
  [[nodiscard]] T load() const noexcept {
    before_load();
    return std::atomic<T>::load();
  }
  static inline std::function<void()> before_load;
};

using InterruptedWatching = cascade::Watching<Interrupted>;

/// The mutant: reads in the writer's order.
struct WatchingInWritersOrder : InterruptedWatching {
  [[nodiscard]] bool covers(TimePoint as_of, TimePoint now) const noexcept {
    return as_of > since_.load() && now <= until_.load();
  }
  [[nodiscard]] std::optional<TimePoint> until(TimePoint now) const noexcept {
    if (since_.load() > now || now > until_.load()) return std::nullopt;
    return until_.load();
  }
};

/// Runs `change` before the load of that number, and never after it; whether `answer` was the case.
template <class Change, class Answer>
bool interrupted_at(int load, Change&& change, Answer&& answer) {
  Interrupted<TimePoint>::before_load = [&, left = load]() mutable {
    if (left-- == 0) change();
  };
  return answer();
}

/// A watch that has run out is lost and regained while another thread asks for an entry of before: at no
/// moment may it be served.
template <class Watching>
bool serves_what_nobody_watched() {
  const TimePoint start = TimePoint{} + 1h;
  bool served = false;
  for (int load = 0; load < 3; ++load) {
    Watching watching;
    watching.set(start, start + 1s);
    served |= interrupted_at(
        load,
        [&] {
          watching.set(no_deadline, TimePoint::min());
          watching.set(start + 5s, TimePoint::min());
          watching.set(start + 5s, start + 9s);
        },
        [&] { return watching.covers(start + 500ms, start + 6s); });
  }
  return served;
}

/// A watch is lost while another thread asks how far memory may be behind.
template <class Watching>
bool tells_a_time_that_never_was() {
  const TimePoint start = TimePoint{} + 1h;
  bool told = false;
  for (int load = 0; load < 3; ++load) {
    Watching watching;
    watching.set(start, start + 1s);
    told |= interrupted_at(
        load, [&] { watching.set(no_deadline, TimePoint::min()); },
        [&] { return watching.until(start + 500ms).value_or(start + 1s) != start + 1s; });
  }
  return told;
}

TEST(Gate, IsShutForWhatNobodyWatchedWhileAWatchIsLostAndRegained) {
  EXPECT_FALSE(serves_what_nobody_watched<InterruptedWatching>());
  EXPECT_FALSE(tells_a_time_that_never_was<InterruptedWatching>());
}

TEST(Gate, MutantThatReadsInTheWritersOrderServesIt) {
  EXPECT_TRUE(serves_what_nobody_watched<WatchingInWritersOrder>());
  EXPECT_TRUE(tells_a_time_that_never_was<WatchingInWritersOrder>());
}

TEST(Gate, HasItsEventsInAnyOrder) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  constexpr Duration bound = 1s;
  for (int round = 0; round < 300; ++round) {
    cascade::Gate gate(bound);
    const std::size_t watch = gate.add_watch();
    TimePoint now = TimePoint{} + 1h;
    TimePoint since = no_deadline;  // the model: watched since, and proven until
    TimePoint proven = TimePoint::min();
    for (int step = 0; step < 100; ++step) {
      now += std::chrono::milliseconds(random() % 400);
      switch (random() % 4) {
        case 0:
          since = now;
          proven = TimePoint::min();
          gate.on_watching(watch, now);
          break;
        case 1:
          if (since == no_deadline) break;
          proven = std::max(proven, now - Duration(std::chrono::milliseconds(random() % 300)));
          gate.on_proven(watch, proven);
          break;
        case 2:
          since = no_deadline;
          gate.on_lost(watch);
          break;
        default:
          break;
      }
      const TimePoint read = now - std::chrono::milliseconds(random() % 3000);
      const bool open = gate.open(read, true, now);
      if (!open) continue;
      const bool young = now - read <= bound;
      const bool watched = read > since && now <= proven + bound;
      ASSERT_TRUE(young || watched) << "round " << round << " step " << step;
    }
  }
}

}  // namespace
}  // namespace terrace
