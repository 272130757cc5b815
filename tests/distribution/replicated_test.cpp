/// The replicated tier in single scenes: what is known and unknown, repaired, remembered and forgotten.

#include <gtest/gtest.h>

#include "distribution/replica_group.hpp"
#include "distribution/simulation.hpp"

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

constexpr SimulationOptions calm{.processes = 2, .faults = false};

SimulationOptions eventual() {
  SimulationOptions options = calm;
  options.consistency = Consistency::eventual;
  return options;
}

Found at(Simulation& net, std::size_t server, const std::string& key) {
  const auto contents = net.server(server).map().contents();
  const auto found = contents.find(key);
  return found == contents.end() ? Found() : found->second.second;
}

std::string refused(ReplicatedOptions options) {
  try {
    static_cast<void>(make_replicated_tier(std::move(options), std::make_shared<FakeScheduler>()));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

ReplicatedOptions nodes(unsigned count) {
  ReplicatedOptions options;
  for (unsigned i = 0; i < count; ++i) {
    options.nodes.push_back({"n" + std::to_string(i), std::make_shared<VersionedMapTier>()});
  }
  return options;
}

TEST(Replicated, RefusesWhatCannotWork) {
  EXPECT_NE(refused({}).find("nodes is empty"), std::string::npos);
  auto options = nodes(3);
  options.copies = 4;
  EXPECT_NE(refused(options).find("copies is 4"), std::string::npos);
  options = nodes(3);
  options.nodes[1].tier = std::make_shared<testing::MapTier>();
  EXPECT_NE(refused(options).find("keeps no versions"), std::string::npos);
  options = nodes(3);
  options.consistency = Consistency::strong;
  options.read_quorum = 1;
  options.write_quorum = 2;
  EXPECT_NE(refused(options).find("1 + 2 = 3 must be more than"), std::string::npos);
  options = nodes(2);
  options.nodes[1].name = options.nodes[0].name;
  EXPECT_NE(refused(options), "");
  options = nodes(2);
  options.repair_time = 1ms;
  EXPECT_NE(refused(options).find("repair_time"), std::string::npos);
}

TEST(Replicated, F26_AWriteThatReachedTooFewIsUnknownAndThenRepaired) {
  Simulation net(calm);
  ASSERT_TRUE(net.start());
  net.set(0, "k", "old").value();
  net.link(0, 1).writes_cut = net.link(0, 2).writes_cut = true;
  const auto outcome = net.set(0, "k", "new");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error(), Errc::effect_unknown);
  EXPECT_NE(outcome.error().context.find("1 of 2 nodes that must confirm did"), std::string::npos)
      << outcome.error().context;
  net.link(0, 1).writes_cut = net.link(0, 2).writes_cut = false;
  EXPECT_TRUE(
      net.await([&] { return at(net, 1, "k") == Found("new") && at(net, 2, "k") == Found("new"); }, 2s));
  EXPECT_EQ(net.get(1, "k").value(), Found("new"));
}

TEST(Replicated, F26_AWriteThatReachedNobodyIsUnavailable) {
  Simulation net(calm);
  ASSERT_TRUE(net.start());
  for (const auto server : {0, 1, 2}) net.link(0, server).cut = true;
  EXPECT_EQ(net.set(0, "k", "v").error(), Errc::unavailable);
  EXPECT_EQ(net.get(1, "k").value(), Found());
}

TEST(Replicated, AMinorityOfNodesIsNotMissed) {
  Simulation net(calm);
  ASSERT_TRUE(net.start());
  net.server(2).kill();
  net.set(0, "k", "v").value();
  EXPECT_EQ(net.get(1, "k").value(), Found("v"));
  EXPECT_TRUE(net.erase(1, "k").value());
  EXPECT_EQ(net.get(0, "k").value(), Found());
  EXPECT_EQ(net.tier(0).stats().reachable, true);
  net.server(1).kill();
  EXPECT_EQ(net.get(0, "k").error(), Errc::unavailable) << "one of three has no say";
  EXPECT_EQ(net.tier(0).stats().reachable, false);
}

TEST(Replicated, F28_ANodeThatMissedADeletionDoesNotBringTheValueBack) {
  for (const auto level : {Consistency::eventual, Consistency::strong}) {
    SimulationOptions options = calm;
    options.consistency = level;
    Simulation net(options);
    ASSERT_TRUE(net.start());
    net.set(0, "k", "v").value();
    ASSERT_TRUE(net.await([&] { return at(net, 2, "k") == Found("v"); }, 1s));
    net.server(2).freeze();
    EXPECT_TRUE(net.erase(0, "k").value());
    net.server(2).thaw();
    EXPECT_TRUE(net.await([&] { return at(net, 2, "k") == Found(); }, 2s)) << "the tombstone is handed over";
    for (const auto server : {0, 1, 2}) EXPECT_EQ(at(net, server, "k"), Found());
    EXPECT_EQ(net.get(1, "k").value(), Found());
  }
}

/// The mutant: a plain deletion, which leaves no tombstone.
TEST(Replicated, F28_WithoutATombstoneTheValueComesBack) {
  Simulation net(calm);
  ASSERT_TRUE(net.start());
  net.set(0, "k", "v").value();
  ASSERT_TRUE(net.await([&] { return at(net, 2, "k") == Found("v"); }, 1s));
  net.server(2).freeze();
  for (const auto server : {0, 1}) {
    net.server(server).map().erase("k", no_deadline, [](const Result<bool>&) {});
  }
  net.server(2).thaw();
  net.link(0, 0).cut = true;
  EXPECT_EQ(net.get(0, "k").value(), Found("v"));
}

TEST(Replicated, F28_WhoWasAwayLongerThanATombstoneLastsStartsEmpty) {
  Simulation net(calm);  // repair_time is 20 s
  ASSERT_TRUE(net.start());
  net.set(0, "k", "v").value();
  ASSERT_TRUE(net.await([&] { return at(net, 2, "k") == Found("v"); }, 1s));
  net.server(2).freeze();
  EXPECT_TRUE(net.erase(0, "k").value());
  net.scheduler().advance(60s);
  net.server(2).thaw();
  ASSERT_TRUE(net.await([&] { return net.all_members(); }, 5s));
  EXPECT_EQ(at(net, 2, "k"), Found());
  EXPECT_EQ(net.get(1, "k").value(), Found());
}

TEST(Replicated, ANodeThatComesBackEmptyIsFilledAgain) {
  Simulation net(calm);
  ASSERT_TRUE(net.start());
  for (int i = 0; i < 1200; ++i) net.set(0, "key " + std::to_string(i), std::to_string(i)).value();
  net.server(1).kill();
  net.server(1).restart(false);
  ASSERT_TRUE(net.await([&] { return net.all_members(); }, 5s)) << net.state();
  for (int i = 0; i < 1200; ++i) EXPECT_EQ(at(net, 1, "key " + std::to_string(i)), Found(std::to_string(i)));
}

TEST(Replicated, RepairKeepsWhatRemainsOfALifetime) {
  Simulation net(calm);
  ASSERT_TRUE(net.start());
  net.link(0, 2).cut = true;
  net.set(0, "k", "v", 3s).value();
  net.scheduler().advance(1s);
  net.link(0, 2).cut = false;
  ASSERT_TRUE(net.await([&] { return at(net, 2, "k") == Found("v"); }, 1s));
  EXPECT_TRUE(net.await([&] { return at(net, 2, "k") == Found(); }, 2500ms)) << "not 3 s more";
  EXPECT_EQ(net.get(1, "k").value(), Found());
}

/// What is missed while a third node is away for good cannot be finished; it must not be in the way of the
/// rest.
TEST(Replicated, ANodeCatchesUpThoughAnotherStaysAway) {
  SimulationOptions options = eventual();
  options.processes = 1;
  Simulation net(options);
  ASSERT_TRUE(net.start());
  net.server(2).kill();
  net.link(0, 1).writes_cut = true;
  std::vector<std::string> keys;
  for (int i = 0; i < 600; ++i) keys.push_back("k" + std::to_string(i));
  for (const auto& key : keys) net.set(0, key, "v").value();
  net.link(0, 1).writes_cut = false;
  EXPECT_TRUE(net.await(
      [&] {
        return std::all_of(keys.begin(), keys.end(),
                           [&](const auto& key) { return at(net, 1, key) == Found("v"); });
      },
      4s))
      << net.state();
}

TEST(Replicated, MoreHintsThanAreKeptMeanComparingEverything) {
  SimulationOptions options = eventual();
  options.max_hints = 10;
  Simulation net(options);
  ASSERT_TRUE(net.start());
  net.link(0, 2).cut = true;
  for (int i = 0; i < 50; ++i) net.set(0, "key " + std::to_string(i), "v").value();
  EXPECT_TRUE(replicated_status(net.tier(0))->nodes[2].compare_all);
  net.link(0, 2).cut = false;
  EXPECT_TRUE(
      net.await([&] { return at(net, 2, "key 49") == Found("v") && at(net, 2, "key 0") == Found("v"); }, 3s));
}

/// A process may end once nothing is unanswered and no hint is left: nothing is lost with it.
TEST(Replicated, AWriteThatANodeHasNotAnsweredIsCountedUntilItIsAHint) {
  Simulation net(eventual());
  ASSERT_TRUE(net.start());
  const auto node = [&] { return replicated_status(net.tier(0))->nodes[2]; };
  net.server(2).freeze();
  net.set(0, "k", "v").value();
  EXPECT_EQ(node().unanswered, 1U);
  EXPECT_TRUE(net.await([&] { return node().unanswered == 0; }, 5s));
  EXPECT_EQ(node().hints, 1U);
  net.server(2).thaw();
  EXPECT_TRUE(net.await([&] { return node().hints == 0; }, 5s));
  EXPECT_EQ(at(net, 2, "k"), Found("v")) << "a hint is there until the node has the write";
}

TEST(Replicated, EventualAnswersWithOneNodeAndReadsItsOwnWrites) {
  Simulation net(eventual());
  ASSERT_TRUE(net.start());
  net.server(0).kill();
  net.server(1).kill();
  net.set(0, "k", "v").value();
  EXPECT_EQ(net.get(0, "k").value(), Found("v"));
  EXPECT_EQ(net.get(1, "k").value(), Found("v"));
}

/// A node may answer before the write was sent to the others. (Maps answer at once.)
TEST(Replicated, AWriteHasBeenSentToEveryNodeWhenItIsAnswered) {
  for (const auto level : {Consistency::weak, Consistency::eventual, Consistency::strong}) {
    const auto scheduler = std::make_shared<FakeScheduler>();
    ReplicatedOptions options;
    options.consistency = level;
    for (const auto* name : {"a", "b", "c"}) {
      options.nodes.push_back({name, std::make_shared<VersionedMapTier>(scheduler->clock())});
    }
    const auto tier = make_replicated_tier(std::move(options), scheduler);
    for (int i = 0; i < 100; ++i) scheduler->advance(100ms);  // the nodes become members
    unsigned answered = 0;
    for (int i = 0; i < 20; ++i) {
      const std::string key = "key " + std::to_string(i);
      const auto erased_again = [&](Result<bool> there) {
        EXPECT_FALSE(there.value()) << key << " is erased already";
        ++answered;
      };
      const auto gone = [&](Result<Found> found) {
        EXPECT_EQ(found.value(), Found()) << key;
        tier->erase(key, no_deadline, erased_again);
      };
      const auto erased = [&](Result<bool> there) {
        EXPECT_TRUE(there.value()) << key;
        tier->get(key, no_deadline, gone);
      };
      const auto found = [&](Result<Found> value) {
        EXPECT_EQ(value.value(), Found("v")) << key;
        tier->erase(key, no_deadline, erased);
      };
      tier->set(key, "v", {}, no_deadline, [&](Result<void> set) {
        EXPECT_TRUE(set.has_value()) << (set ? "" : set.error().context);
        tier->get(key, no_deadline, found);
      });
    }
    EXPECT_EQ(answered, 20U);
    tier->close();
  }
}

TEST(Replicated, AReadPrefersNodesThatHaveAnsweredTheLastWriteOfTheKey) {
  Simulation net(eventual());
  ASSERT_TRUE(net.start());
  for (const std::size_t slow : {0, 1, 2}) {
    net.server(slow).freeze();
    net.set(0, "k", std::to_string(slow)).value();
    const TimePoint asked = net.scheduler().clock().now();
    EXPECT_EQ(net.get(0, "k").value(), Found(std::to_string(slow)));
    EXPECT_LT(net.scheduler().clock().now() - asked, 20ms) << "it asked node " << slow;
    net.server(slow).thaw();
    ASSERT_TRUE(net.await([&] { return replicated_status(net.tier(0))->nodes[slow].unanswered == 0; }, 5s));
    ASSERT_TRUE(net.await([&] { return at(net, slow, "k") == Found(std::to_string(slow)); }, 5s));
  }
}

TEST(Replicated, EventualTheLastWriteWinsAcrossProcesses) {
  Simulation net(eventual());
  ASSERT_TRUE(net.start());
  for (int i = 0; i < 100; ++i) net.set(0, "k", "many by the first").value();
  net.set(1, "k", "one by the second, whose counter is behind").value();
  net.scheduler().advance(1s);
  for (const auto server : {0, 1, 2})
    EXPECT_EQ(at(net, server, "k"), Found("one by the second, whose counter is behind"));
}

TEST(Replicated, WithMoreNodesThanCopiesEachKeyIsOnItsHoldersOnly) {
  SimulationOptions options = calm;
  options.nodes = 5;
  options.copies = 3;
  Simulation net(options);
  ASSERT_TRUE(net.start());
  unsigned copies = 0;
  for (int i = 0; i < 100; ++i) net.set(0, "key " + std::to_string(i), "v").value();
  net.scheduler().advance(1s);
  for (std::size_t server = 0; server < 5; ++server) copies += net.server(server).map().contents().size();
  EXPECT_EQ(copies, 300U);
  net.server(4).kill();
  net.server(4).restart(false);
  ASSERT_TRUE(net.await([&] { return net.all_members(); }, 5s)) << net.state();
  copies = 0;
  for (std::size_t server = 0; server < 5; ++server) copies += net.server(server).map().contents().size();
  EXPECT_EQ(copies, 300U) << "filled again with what is its own";
}

TEST(Replicated, SweepsReachNodesThatAreAwayNow) {
  Simulation net(calm);
  ASSERT_TRUE(net.start());
  for (const auto* key : {"a:1", "a:2", "b:1"}) net.set(0, key, "v").value();
  net.scheduler().advance(100ms);
  net.server(2).freeze();
  const auto removed = net.ask<Result<std::uint64_t>>([&](auto done) {
    net.tier(0).erase_prefix("a:", after(net.scheduler().clock().now(), 1s), std::move(done));
  });
  EXPECT_EQ(removed.value(), 2U);
  net.server(2).thaw();
  EXPECT_TRUE(net.await([&] { return at(net, 2, "a:1") == Found() && at(net, 2, "a:2") == Found(); }, 2s));
  EXPECT_EQ(at(net, 2, "b:1"), Found("v"));
}

/// All but one have forgotten what they confirmed: what the last one has may be older, so it must not be
/// served.
TEST(Replicated, WhenTooManyForgetNothingOldIsServed) {
  Simulation net(calm);
  ASSERT_TRUE(net.start());
  net.set(0, "k", "old").value();
  net.scheduler().advance(100ms);
  net.link(0, 2).cut = net.link(1, 2).cut = true;
  net.set(0, "k", "new").value();
  for (const auto server : {0, 1}) {
    net.server(server).kill();
    net.server(server).restart(false);
  }
  net.scheduler().advance(3s);
  EXPECT_EQ(net.get(0, "k").error(), Errc::unavailable) << "node 2 may know, and is away";
  net.link(0, 2).cut = net.link(1, 2).cut = false;
  ASSERT_TRUE(net.await([&] { return net.all_members(); }, 20s)) << net.state();
  EXPECT_EQ(net.get(0, "k").value(), Found()) << "lost, and not 'old'";
  net.set(1, "k", "next").value();
  EXPECT_EQ(net.get(0, "k").value(), Found("next"));
}

// ---- A group that begins

TEST(Replicated, TheFirstOperationsOfAFreshGroupWaitForItsNodes) {
  for (const auto level : {Consistency::weak, Consistency::eventual, Consistency::strong}) {
    SimulationOptions options = calm;
    options.consistency = level;
    for (const auto* first : {"set", "get", "erase", "sweep"}) {
      Simulation net(options);
      SCOPED_TRACE(first);
      const TimePoint by = after(net.scheduler().clock().now(), 2s);
      if (*first == 's' && first[1] == 'e') {
        const auto told =
            net.ask<Result<void>>([&](auto done) { net.tier(0).set("k", "v", {}, by, std::move(done)); });
        EXPECT_TRUE(told) << told.error().message();
        EXPECT_EQ(
            net.ask<Result<Found>>([&](auto done) { net.tier(1).get("k", by, std::move(done)); }).value(),
            Found("v"));
      } else if (*first == 'g') {
        const auto told =
            net.ask<Result<Found>>([&](auto done) { net.tier(0).get("k", by, std::move(done)); });
        ASSERT_TRUE(told) << told.error().message();
        EXPECT_EQ(*told, Found());
      } else if (*first == 'e') {
        const auto told =
            net.ask<Result<bool>>([&](auto done) { net.tier(0).erase("k", by, std::move(done)); });
        EXPECT_TRUE(told) << told.error().message();
      } else {
        const auto told = net.ask<Result<std::uint64_t>>(
            [&](auto done) { net.tier(0).erase_prefix("", by, std::move(done)); });
        EXPECT_TRUE(told) << told.error().message();
      }
      EXPECT_LT(net.scheduler().clock().now(), by - 1s) << "no longer than it takes";
    }
  }
}

TEST(Replicated, AnOperationOfAFreshGroupEndsByItsDeadlineWhenNodesAreAway) {
  for (const auto level : {Consistency::eventual, Consistency::strong}) {
    SimulationOptions options = calm;
    options.consistency = level;
    for (const std::size_t away : {1, 2, 3}) {
      Simulation net(options);
      for (std::size_t i = 0; i < away; ++i) net.server(i).kill();
      const TimePoint by = after(net.scheduler().clock().now(), 400ms);
      EXPECT_FALSE(
          net.ask<Result<void>>([&](auto done) { net.tier(0).set("k", "v", {}, by, std::move(done)); }));
      EXPECT_LE(net.scheduler().clock().now(), by + 1ms) << away << " away";
    }
  }
}

TEST(Replicated, WhoWaitsForAGroupToBeginEndsWhenItIsClosed) {
  Simulation net(calm);
  net.server(0).kill();
  std::optional<Result<void>> told;
  net.tier(0).set("k", "v", {}, no_deadline, [&](Result<void> outcome) { told = std::move(outcome); });
  net.scheduler().advance(10ms);
  EXPECT_FALSE(told);
  net.tier(0).close();
  ASSERT_TRUE(told);
  EXPECT_FALSE(*told);
}

// ---- Versions that cannot be

constexpr std::uint64_t most = Version::highest_counter;

std::shared_ptr<ReplicaGroup> group_of_three() {
  return std::make_shared<ReplicaGroup>(nodes(3), std::make_shared<FakeScheduler>(), 1);
}

TEST(Replicated, ACounterNeverWraps) {
  using Rank = ReplicaGroup::Rank;
  for (const std::uint64_t seen : {UINT64_MAX, UINT64_MAX - 1, most + 1, most}) {
    for (const auto rank : {Rank::fill, Rank::put, Rank::write}) {
      const auto group = group_of_three();
      EXPECT_EQ(group->version_above({.counter = seen}, rank).error(), Errc::corrupt) << seen;
      group->observe({.counter = seen});
      const auto other = group->version_above({}, Rank::write);
      ASSERT_TRUE(other);
      EXPECT_LE(other->counter, std::uint64_t{1} << 20U) << "other keys take no note of " << seen;
    }
  }
  EXPECT_EQ(((UINT64_MAX >> 20U) + 1) << 20U, 0U) << "the mutant wraps";
}

TEST(Replicated, A02_APlantedCounterLeavesHalfOfAllToTheGroup) {
  for (const std::uint64_t planted : {most - 1, most - (1U << 20U), most / 2 + 1, most / 2}) {
    const auto group = group_of_three();
    group->observe({.counter = planted});
    static_cast<void>(group->version_above({.counter = planted}, ReplicaGroup::Rank::write));
    std::uint64_t last = 0;
    for (int i = 0; i < 1000; ++i) {
      const auto next = group->version_above({}, ReplicaGroup::Rank::write);
      ASSERT_TRUE(next) << planted;
      ASSERT_GT(next->counter, last) << planted;
      last = next->counter;
    }
    EXPECT_LT(last, most / 2 + (std::uint64_t{1} << 31U));
  }
}

TEST(Replicated, WhatIsNoVersionIsRepairedAndSpoilsNothing) {
  for (const auto level : {Consistency::eventual, Consistency::strong}) {
    SimulationOptions options = calm;
    options.consistency = level;
    Simulation net(options);
    ASSERT_TRUE(net.start());
    net.set(0, "a", "1").value();
    ASSERT_TRUE(net.await([&] { return at(net, 2, "a") == Found("1"); }, 1s));
    net.server(0).map().set_many({{"a", "planted", {}, UINT64_MAX}}, no_deadline,
                                 [](const std::vector<Result<void>>&) {});
    for (std::size_t process : {0, 1}) EXPECT_EQ(net.get(process, "a").value(), Found("1"));
    for (int i = 0; i < 100; ++i) net.set(0, "key " + std::to_string(i), std::to_string(i)).value();
    for (int i = 0; i < 100; ++i) {
      const std::string key = "key " + std::to_string(i);
      net.set(1, key, "new").value();
      const auto is_new = [&] { return net.get(0, key).value() == Found("new"); };
      EXPECT_TRUE(level == Consistency::strong ? is_new() : net.await(is_new, 1s)) << key;
    }
    static_cast<void>(net.get(0, "a"));
    EXPECT_TRUE(net.await([&] { return at(net, 0, "a") == Found("1"); }, 2s)) << net.state();
  }
}

}  // namespace
}  // namespace terrace::distribution
