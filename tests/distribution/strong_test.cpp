/// Strong consistency of the replicated tier: every history is linearizable, whatever nodes and network do;
/// and a tier that is broken on purpose is found out.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "distribution/simulation.hpp"

namespace terrace::distribution {
namespace {

std::size_t scaled(std::size_t small, std::size_t full) {
  return std::getenv("TERRACE_CHAOS") != nullptr ? full : small;
}

std::uint64_t first_seed() {
  const char* fixed = std::getenv("TERRACE_SEED");
  return fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : std::random_device{}();
}

TEST(History, TellsWhatHasNoOrder) {
  const Event one{true, 1, 0, 10};
  EXPECT_EQ(why_not_linearizable({one, {false, 1, 5, 20}, {false, 0, 1, 4}}), "");
  EXPECT_NE(why_not_linearizable({one, {false, 0, 11, 12}}), "") << "lost";
  EXPECT_NE(why_not_linearizable({one, {true, 2, 20, 30}, {false, 2, 31, 32}, {false, 1, 33, 34}}), "")
      << "came back";
  EXPECT_NE(why_not_linearizable(
                {one, {true, 2, 1, 40}, {false, 2, 11, 12}, {false, 1, 13, 14}, {false, 2, 15, 16}}),
            "")
      << "new, old, new";
  EXPECT_NE(why_not_linearizable({{false, 7, 0, 1}}), "") << "never written";
  EXPECT_NE(why_not_linearizable({{true, 7, 5, 6}, {false, 7, 0, 1}}), "") << "before it was written";
  EXPECT_EQ(why_not_linearizable({one, {true, 2, 20, unknown_end}, {false, 1, 30, 31}, {false, 2, 40, 41}}),
            "");
  EXPECT_NE(why_not_linearizable({one, {true, 2, 20, unknown_end}, {false, 2, 30, 31}, {false, 1, 40, 41}}),
            "");
}

TEST(Strong, F25_HistoriesAreLinearizableWhileNodesDieFreezeAndForget) {
  const auto seeds = scaled(12, 120);
  const auto first = first_seed();
  std::cout << "seeds " << first << " + " << seeds << '\n';
  std::size_t operations = 0;
  std::size_t unknown = 0;
  std::size_t failed = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const SimulationOptions options{.seed = seed,
                                    .nodes = seed % 2 == 0 ? 3U : 5U,
                                    .copies = seed % 2 == 0 ? 3U : 5U,
                                    .processes = seed % 3 == 0 ? 6U : 3U,
                                    .keys = seed % 3 == 0 ? 2U : 8U,
                                    .operations = scaled(1500, 2000),
                                    .fault_pause = std::chrono::milliseconds(seed % 5 == 0 ? 40 : 150),
                                    .longest_delay = std::chrono::milliseconds(seed % 3 == 0 ? 30 : 3)};
    Simulation simulation(options);
    ASSERT_TRUE(simulation.run()) << "seed " << seed << ": " << simulation.state();
    ASSERT_EQ(simulation.verdict(), "") << "seed " << seed;
    operations += options.operations;
    unknown += simulation.unknown();
    failed += simulation.failed();
  }
  std::cout << operations << " operations, " << unknown << " unknown, " << failed << " failed\n";
}

/// What a read that follows another finds, when only the first could reach the one node with the last value.
Result<Found> second_read(Mutant mutant) {
  Simulation net({.copies = 3, .mutant = mutant, .faults = false});
  EXPECT_TRUE(net.start());
  net.set(0, "k", "old").value();
  for (const auto server : {1, 2}) net.link(0, server).writes_cut = true;
  EXPECT_EQ(net.set(0, "k", "new").error(), Errc::effect_unknown) << "it reached 1 of 2 nodes";
  net.link(1, 2).cut = true;
  EXPECT_EQ(net.get(1, "k").value(), Found("new"));
  net.link(2, 0).cut = true;
  return net.get(2, "k");
}

TEST(Strong, WhatOneReadReturnedNoLaterOneMisses) {
  EXPECT_EQ(second_read(Mutant::none).value(), Found("new"));
  EXPECT_EQ(second_read(Mutant::no_write_back).value(), Found("old")) << "the mutant is caught";
}

/// What is read when of the two nodes that confirmed a write one has come back empty and the other is not
/// reached.
Result<Found> read_of_the_forgetful(Mutant mutant) {
  Simulation net({.copies = 3, .processes = 1, .mutant = mutant, .faults = false});
  EXPECT_TRUE(mutant == Mutant::amnesia || net.start());
  net.link(0, 2).cut = true;
  net.set(0, "k", "v").value();
  net.link(0, 2).cut = false;
  net.link(0, 1).cut = true;
  net.server(0).kill();
  net.server(0).restart(false);
  return net.get(0, "k");
}

TEST(Strong, F25_ANodeThatCameBackEmptyHasNoSay) {
  const auto read = read_of_the_forgetful(Mutant::none);
  ASSERT_FALSE(read) << "with 1 of 2 nodes nothing can be said";
  EXPECT_EQ(read.error(), Errc::unavailable);
  EXPECT_EQ(read_of_the_forgetful(Mutant::amnesia).value(), Found())
      << "the mutant is caught: a confirmed write is gone";
}

class StrongMutant : public ::testing::TestWithParam<std::pair<const char*, Mutant>> {};

TEST_P(StrongMutant, F25_IsCaught) {
  const auto first = first_seed();
  for (std::uint64_t seed = first; seed < first + 60; ++seed) {
    Simulation simulation({.seed = seed,
                           .copies = 3,
                           .processes = 6,
                           .keys = 2,
                           .operations = 3000,
                           .mutant = GetParam().second,
                           .fault_pause = std::chrono::milliseconds(40),
                           .longest_delay = std::chrono::milliseconds(30)});
    static_cast<void>(simulation.run());
    if (!simulation.verdict().empty()) return;
  }
  FAIL() << "in 60 runs nothing was wrong with " << GetParam().first << ", seed " << first;
}

INSTANTIATE_TEST_SUITE_P(, StrongMutant,
                         ::testing::Values(std::pair{"EarlyAck", Mutant::early_ack},
                                           std::pair{"EmptyAnswer", Mutant::empty_answer},
                                           std::pair{"ClockVersions", Mutant::clock_versions}),
                         [](const auto& test) { return test.param.first; });

}  // namespace
}  // namespace terrace::distribution
