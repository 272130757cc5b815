/// Random histories of two processes over one shared tier whose notices come late and merged: memory is never
/// further behind than the bound, own writes are read at once, and what was just written is in memory.

#include "cascade/own_notices.hpp"

#include <iostream>
#include <random>

#include "cascade/shared_fixture.hpp"
#include "support/seed.hpp"

namespace terrace {
namespace {

class OwnNoticesTest : public SharedTest {
 protected:
  static constexpr Duration bound = 1s;

  /// What the tier had, since when.
  struct Version {
    TimePoint since;
    std::string value;  // empty: nothing
  };
  struct Process {
    Strings cache;
    std::size_t own = 0;  // the version of its last write
  };

  [[nodiscard]] TimePoint now() const { return scheduler_->clock().now(); }

  /// Notices that wait; of several the tier may tell the last one alone.
  void deliver(std::mt19937& random) {
    for (; waiting_ > 1 && random() % 2 == 0; --waiting_) shared_->forget_oldest_event();
    shared_->deliver();
    waiting_ = 0;
  }

  void change(Process& process, std::mt19937& random) {
    const bool erases = random() % 4 == 0;
    const bool there = !versions_.back().value.empty();
    const std::string value = erases ? "" : std::to_string(versions_.size());
    if (erases) {
      process.cache.erase("k").value();
    } else {
      process.cache.set("k", value).value();
    }
    if (!erases || there) ++waiting_;
    versions_.push_back({now(), value});
    process.own = versions_.size() - 1;
    if (!erases) {
      EXPECT_EQ(process.cache.lookup("k").level, "memory");
    }
  }

  void check(Process& process) {
    const auto found = process.cache.lookup("k");
    std::size_t oldest = versions_.size() - 1;
    while (oldest > process.own && versions_[oldest].since > now() - bound) --oldest;
    bool allowed = false;
    for (std::size_t i = oldest; i < versions_.size(); ++i)
      allowed = allowed || versions_[i].value == found.value.value_or("");
    EXPECT_TRUE(allowed) << "read " << found.value.value_or("nothing") << " where version " << oldest
                         << " of " << versions_.size() - 1 << " is the oldest one allowed";
  }

  std::vector<Version> versions_{{TimePoint::min(), ""}};
  std::size_t waiting_ = 0;
};

TEST_F(OwnNoticesTest, F10_RandomHistoriesKeepTheBound) {
  const unsigned seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  std::mt19937 random(seed);
  std::vector<Process> processes;
  for (int i = 0; i < 2; ++i) processes.push_back({make({.ttl_jitter = 0, .max_staleness = bound})});
  shared_->hold_events();
  for (int step = 0; step < 20'000 && !HasFailure(); ++step) {
    Process& process = processes[random() % 2];
    switch (random() % 6) {
      case 0:
        change(process, random);
        break;
      case 1:
        deliver(random);
        break;
      case 2:
        scheduler_->advance(std::chrono::milliseconds(random() % 400));
        break;
      default:
        check(process);
    }
  }
}

TEST(OwnNotices, NoticesAreOwnAsOftenAsThereWereChanges) {
  const TimePoint start = TimePoint{} + 1h;
  cascade::OwnNotices own;
  own.sending("k");
  EXPECT_FALSE(own.noticed("k")) << "nobody watches";
  own.begin(1);
  own.sending("k");  // before the watch is there
  own.answered("k", true, start + 1ms);
  own.watching();
  EXPECT_TRUE(own.noticed("k"));
  EXPECT_FALSE(own.noticed("k"));
  own.sending("k");
  own.sending("k");
  EXPECT_TRUE(own.noticed("k")) << "before the answer";
  own.answered("k", true, start + 2ms);
  EXPECT_FALSE(own.noticed("other"));
  EXPECT_TRUE(own.noticed("k"));
  EXPECT_FALSE(own.noticed("k"));
  own.answered("k", true, start + 3ms);
  own.sending("k");
  own.answered("k", false, start + 4ms);
  EXPECT_FALSE(own.noticed("k")) << "it changed nothing";
}

TEST(OwnNotices, EachStoreThatHasACopyTellsAChange) {
  cascade::OwnNotices own;
  own.begin(3);
  own.watching();
  own.sending("k");
  own.answered("k", true, TimePoint{} + 1h);
  for (int store = 0; store < 3; ++store) EXPECT_TRUE(own.noticed("k"));
  EXPECT_FALSE(own.noticed("k"));
  own.sending("k");
  own.answered("k", false, TimePoint{} + 1h);
  EXPECT_FALSE(own.noticed("k"));
}

TEST(OwnNotices, WhatDidNotComeIsNotExpectedLater) {
  const TimePoint start = TimePoint{} + 1h;
  cascade::OwnNotices own;
  own.begin(1);
  own.watching();
  own.sending("answered");
  own.answered("answered", true, start + 1s);
  own.sending("under way");
  own.proven(start + 1s);
  EXPECT_TRUE(own.noticed("answered")) << "nothing is proven of that moment itself";
  own.sending("answered");
  own.answered("answered", true, start + 1s);
  own.proven(start + 2s);
  EXPECT_FALSE(own.noticed("answered"));
  own.sending("before the loss");
  own.answered("before the loss", true, start + 3s);
  own.lost();
  own.watching();
  EXPECT_FALSE(own.noticed("before the loss"));
  EXPECT_TRUE(own.noticed("under way"));
}

}  // namespace
}  // namespace terrace
