#include "redis/topology.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace terrace::redis {
namespace {

using namespace std::chrono_literals;

Address at(int port) {
  return {"n", static_cast<std::uint16_t>(port)};
}
std::vector<SlotRange> thirds(int a, int b, int c) {
  return {{0, 5000, {at(a), at(a + 100)}}, {5001, 10000, {at(b), at(b + 100)}}, {10001, 16383, {at(c)}}};
}

class TopologyTest : public ::testing::Test {
 protected:
  [[nodiscard]] Address ask() {
    const auto asked = topology_.ask(now_);
    EXPECT_TRUE(asked);
    return asked.value_or(Address{});
  }
  void refresh(const std::vector<SlotRange>& ranges) {
    topology_.want(now_);
    now_ = std::max(now_, topology_.due());
    ASSERT_TRUE(topology_.answered(now_, ask(), ranges));
  }

  TimePoint now_{1000s};
  Topology topology_{now_, {at(1), at(2), at(3)}, 7};
};

TEST_F(TopologyTest, AsksASeedAtOnceAndThenKnows) {
  EXPECT_FALSE(topology_.known());
  EXPECT_EQ(topology_.primary_of(0), nullptr);
  EXPECT_LE(topology_.due(), now_);
  const Address seed = ask();
  EXPECT_LE(seed.port, 3);
  EXPECT_EQ(topology_.ask(now_), std::nullopt) << "one at a time";
  EXPECT_EQ(topology_.due(), no_deadline);
  EXPECT_TRUE(topology_.answered(now_, seed, thirds(10, 20, 30)));
  EXPECT_TRUE(topology_.known());
  EXPECT_EQ(*topology_.primary_of(5000), at(10));
  EXPECT_EQ(*topology_.primary_of(5001), at(20));
  EXPECT_EQ(topology_.replicas_of(0), std::vector{at(110)});
  EXPECT_TRUE(topology_.replicas_of(16383).empty());
  EXPECT_EQ(topology_.primaries(), (std::set{at(10), at(20), at(30)}));
  EXPECT_EQ(topology_.nodes().size(), 5U);
  EXPECT_EQ(topology_.slots_covered(), slot_count);
}

TEST_F(TopologyTest, GoesOnToTheNextUntilOneAnswers) {
  std::set<Address> asked;
  for (int i = 0; i < 2; ++i) {
    const Address seed = ask();
    asked.insert(seed);
    EXPECT_TRUE(topology_.unanswered(now_, seed));
  }
  const Address last = ask();
  EXPECT_FALSE(asked.contains(last));
  EXPECT_TRUE(topology_.answered(now_, last, thirds(10, 20, 30)));
  EXPECT_EQ(topology_.failed_refreshes(), 0U);
}

TEST_F(TopologyTest, WhenNobodyAnswersItPausesLongerEachTime) {
  Duration pause{};
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 3; ++i) topology_.unanswered(now_, ask());
    EXPECT_FALSE(topology_.refreshing());
    const Duration next = topology_.due() - now_;
    EXPECT_GE(next, pause);
    EXPECT_LE(next, 2s);
    pause = next;
    EXPECT_EQ(topology_.ask(now_), std::nullopt);
    now_ = topology_.due();
  }
  EXPECT_EQ(pause, 2s);
  EXPECT_EQ(topology_.failed_refreshes(), 8U);
  topology_.answered(now_, ask(), thirds(10, 20, 30));
  EXPECT_TRUE(topology_.known());
}

TEST_F(TopologyTest, ANodeWithoutSlotsIsNoAnswer) {
  EXPECT_FALSE(topology_.answered(now_, ask(), {}));
  EXPECT_FALSE(topology_.known());
  EXPECT_TRUE(topology_.refreshing()) << "another is asked";
}

TEST_F(TopologyTest, RefreshesPeriodicallyAndSoonerWhenWanted) {
  refresh(thirds(10, 20, 30));
  EXPECT_GE(topology_.due() - now_, 9s);
  EXPECT_LE(topology_.due() - now_, 10s);
  now_ += 30ms;
  EXPECT_EQ(topology_.want(now_), now_ + 70ms) << "not sooner than 100 ms after the last";
  EXPECT_EQ(topology_.ask(now_), std::nullopt);
  now_ += 500ms;
  EXPECT_LE(topology_.want(now_), now_);
  EXPECT_TRUE(topology_.ask(now_));
}

TEST_F(TopologyTest, ARedirectIsBelievedUntilTheNextRefresh) {
  refresh(thirds(10, 20, 30));
  EXPECT_TRUE(topology_.moved(7, at(99)));
  EXPECT_EQ(*topology_.primary_of(7), at(99));
  EXPECT_EQ(*topology_.primary_of(8), at(10));
  EXPECT_TRUE(topology_.primaries().contains(at(99)));
  EXPECT_TRUE(topology_.nodes().contains(at(99)));
  refresh(thirds(10, 20, 30));
  EXPECT_EQ(*topology_.primary_of(7), at(10));
  EXPECT_FALSE(topology_.nodes().contains(at(99))) << "who has left is forgotten";
}

TEST_F(TopologyTest, A06_RedirectsNameABoundedNumberOfNodes) {
  refresh(thirds(10, 20, 30));
  std::size_t taken = 0;
  for (int port = 1000; port < 60'000; ++port) taken += topology_.moved(7, at(port)) ? 1U : 0U;
  EXPECT_EQ(topology_.nodes().size(), most_nodes);
  EXPECT_EQ(taken, most_nodes - 5) << "five were known";
  EXPECT_EQ(*topology_.primary_of(7), at(1000 + static_cast<int>(taken) - 1)) << "a refusal changes nothing";
  EXPECT_TRUE(topology_.moved(7, at(20))) << "a node that is known";
  refresh(thirds(10, 20, 30));
  EXPECT_TRUE(topology_.moved(7, at(1000))) << "a refresh makes room";
}

TEST_F(TopologyTest, SlotsThatNobodyServesHaveNoPrimary) {
  refresh({{0, 100, {at(10)}}});
  EXPECT_EQ(topology_.slots_covered(), 101U);
  EXPECT_EQ(topology_.primary_of(101), nullptr);
}

TEST_F(TopologyTest, SuspectsAreAskedLastSeedsBeforeThem) {
  refresh(thirds(10, 20, 30));
  topology_.suspect(at(10));
  topology_.suspect(at(2));
  now_ += 1s;
  topology_.want(now_);
  std::vector<int> order;
  for (int i = 0; i < 8; ++i) {
    const Address asked = ask();
    order.push_back(asked.port);
    topology_.unanswered(now_, asked);
  }
  std::vector<int> nodes(order.begin(), order.begin() + 4), seeds(order.begin() + 4, order.begin() + 6),
      suspects(order.begin() + 6, order.end());
  for (auto* group : {&nodes, &seeds, &suspects}) std::sort(group->begin(), group->end());
  EXPECT_EQ(nodes, (std::vector{20, 30, 110, 120}));
  EXPECT_EQ(seeds, (std::vector{1, 3}));
  EXPECT_EQ(suspects, (std::vector{2, 10}));
}

/// Whatever comes in whatever order: one question at a time; not sooner than the pause after the last; the
/// answer counts; every client begins elsewhere.
TEST(TopologyRandom, KeepsItsRules) {
  std::map<Address, int> first_asked;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    TimePoint now{1000s};
    Topology topology(now, {at(1), at(2), at(3)}, seed);
    std::optional<Address> out;
    TimePoint ended = TimePoint::min();
    bool in_round = false;
    for (int step = 0; step < 400; ++step) {
      switch (random() % 6) {
        case 0:
          now += Duration(random() % 400'000'000);
          break;
        case 1:
          topology.want(now);
          break;
        case 2:
          ASSERT_TRUE(topology.moved(static_cast<Slot>(random() % slot_count),
                                     at(static_cast<int>(40 + random() % 4))));
          break;
        case 3:
          topology.suspect(at(static_cast<int>(random() % 50)));
          break;
        case 4: {
          const auto asked = topology.ask(now);
          if (!asked) break;
          ASSERT_FALSE(out) << "two questions at a time";
          if (step < 50 && seed <= 100 && !in_round) ++first_asked[*asked];
          ASSERT_TRUE(in_round || ended == TimePoint::min() || now - ended >= 100ms) << "too soon";
          out = asked;
          in_round = true;
          break;
        }
        case 5: {
          if (!out) break;
          const int a = static_cast<int>(10 + random() % 3);
          if (random() % 3 == 0) {
            ASSERT_TRUE(topology.answered(now, *out, thirds(a, 20, 30)));
            ASSERT_EQ(*topology.primary_of(3), at(a));
            ASSERT_EQ(topology.slots_covered(), slot_count);
            in_round = false;
          } else {
            in_round = topology.unanswered(now, *out);
          }
          ASSERT_EQ(topology.refreshing(), in_round);
          if (!in_round) ended = now;
          out.reset();
          break;
        }
      }
      ASSERT_TRUE(out || in_round || topology.due() <= now + 10s);
    }
  }
  EXPECT_GE(first_asked.size(), 3U) << "shuffled";
}

}  // namespace
}  // namespace terrace::redis
