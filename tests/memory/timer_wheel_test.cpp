#include <map>

#include "memory/support.hpp"

namespace terrace::memory {
namespace {

constexpr Duration tick{std::int64_t{1} << TimerWheel::tick_shift};

class Wheel {
 public:
  void schedule(NodeId id, TimePoint when) {
    timings_[id].expires = when;
    wheel_.schedule(timings_, id);
    expected_[id] = when;
  }
  void cancel(NodeId id) {
    wheel_.cancel(timings_, id);
    expected_.erase(id);
  }

  /// Takes out all that is due; each must have expired, and none that expired over a tick ago may stay.
  void advance(TimePoint now) {
    for (std::size_t steps = 1'000'000; true;) {
      const NodeId id = wheel_.due(timings_, now, steps);
      if (id == nil) break;
      EXPECT_LE(timings_[id].expires, now);
      cancel(id);
    }
    for (const auto& [id, when] : expected_) EXPECT_GT(when, now - tick) << "node " << id << " is late";
    std::size_t seen = 0;
    EXPECT_TRUE(wheel_.check(timings_, [&](NodeId) { ++seen; }));
    EXPECT_EQ(seen, expected_.size());
    EXPECT_EQ(wheel_.size(), expected_.size());
  }

  std::map<NodeId, TimePoint> expected_;

 private:
  std::vector<Timing> timings_ = std::vector<Timing>(1000);
  TimerWheel wheel_{TimePoint{}};
};

TEST(TimerWheel, EveryLevelTurns) {
  Wheel wheel;
  NodeId id = 0;
  for (Duration span = tick / 2; span < 24h * 365 * 40; span *= 5) {
    wheel.schedule(id++, TimePoint{} + span);
    wheel.schedule(id++, TimePoint{} + span / 3 * 4);
  }
  for (Duration now = tick / 2; now < 24h * 365 * 200; now += now / 7) wheel.advance(TimePoint{now});
  wheel.advance(TimePoint::max() - tick);
  EXPECT_TRUE(wheel.expected_.empty());
}

TEST(TimerWheel, FewStepsAtATimeComeToTheSameEnd) {
  std::vector<Timing> timings(500);
  TimerWheel wheel{TimePoint{}};
  for (NodeId id = 0; id < timings.size(); ++id) {
    timings[id].expires = TimePoint{} + id * 97 * tick;
    wheel.schedule(timings, id);
  }
  std::size_t found = 0;
  for (int calls = 0; calls < 10'000 && !wheel.empty(); ++calls) {
    std::size_t steps = 3;
    if (const NodeId id = wheel.due(timings, TimePoint{} + 100'000 * tick, steps); id != nil) {
      wheel.cancel(timings, id);
      ++found;
    }
    ASSERT_TRUE(wheel.check(timings, [](NodeId) {}));
  }
  EXPECT_EQ(found, timings.size());
}

TEST(TimerWheel, RandomSchedulesAgainstAMap) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 30; ++round) {
    Wheel wheel;
    TimePoint now{Duration{static_cast<std::int64_t>(random() % (1ULL << (20 + random() % 40)))}};
    wheel.advance(now);
    for (int step = 0; step < 1000; ++step) {
      const auto id = static_cast<NodeId>(random() % 200);
      if (wheel.expected_.contains(id)) {
        if (random() % 2 == 0) wheel.cancel(id);
      } else {
        wheel.schedule(id, now + Duration{static_cast<std::int64_t>(random() % (1ULL << (random() % 55)))});
      }
      if (random() % 4 == 0) {
        now += Duration{static_cast<std::int64_t>(random() % (1ULL << (random() % 50)))};
        wheel.advance(now);
      }
    }
  }
}

}  // namespace
}  // namespace terrace::memory
