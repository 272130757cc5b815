/// Eventual consistency of the replicated tier: whatever nodes and network do, soon after the last fault has
/// healed all nodes hold the same, and nothing that was deleted is among it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "distribution/simulation.hpp"

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

TEST(Eventual, NodesAreEqualWithin5SecondsOfTheLastFault) {
  const std::uint64_t seeds = std::getenv("TERRACE_CHAOS") != nullptr ? 100 : 12;
  const char* fixed = std::getenv("TERRACE_SEED");
  const std::uint64_t first = fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : std::random_device{}();
  std::cout << "seeds " << first << " + " << seeds << '\n';
  Duration longest{};
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Simulation net({.seed = seed,
                    .nodes = seed % 2 == 0 ? 3U : 5U,
                    .copies = seed % 2 == 0 ? 3U : 5U,
                    .operations = 1500,
                    .consistency = Consistency::eventual,
                    .fault_pause = std::chrono::milliseconds(seed % 3 == 0 ? 40 : 150)});
    ASSERT_TRUE(net.run()) << "seed " << seed << ": " << net.state();
    const TimePoint healed = net.scheduler().clock().now();
    ASSERT_TRUE(net.converges_within(5s)) << "seed " << seed << ": " << net.state();
    longest = std::max(longest, net.scheduler().clock().now() - healed);
  }
  std::cout << "longest " << longest / 1ms << " ms\n";
}

/// Keys that one process sets and then deletes, while others read, and nodes freeze, lose messages and come
/// back empty or old. Once a deletion is confirmed and the faults are over, nobody finds the value again.
TEST(Eventual, F28_NoDeletedValueReturns) {
  const std::uint64_t seeds = std::getenv("TERRACE_CHAOS") != nullptr ? 100 : 12;
  const char* fixed = std::getenv("TERRACE_SEED");
  const std::uint64_t first = fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : std::random_device{}();
  std::cout << "seeds " << first << " + " << seeds << '\n';
  std::size_t deleted = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Simulation net({.seed = seed,
                    .copies = 3,
                    .operations = 800,
                    .consistency = Consistency::eventual,
                    .write_quorum = 2});
    ASSERT_TRUE(net.start());
    net.start_faults();
    std::vector<std::string> gone;
    for (int i = 0; i < 60; ++i) {
      const std::string key = "victim " + std::to_string(i);
      const bool stored = net.set(i % 3, key, "v").has_value();  // else it may still be on its way
      net.scheduler().advance(20ms);
      if (net.erase((i + 1) % 3, key) && stored) gone.push_back(key);
    }
    ASSERT_TRUE(net.converges_within(5s)) << "seed " << seed << ": " << net.state();
    for (const auto& key : gone) {
      for (std::size_t process = 0; process < 3; ++process) {
        ASSERT_EQ(net.get(process, key).value(), Found()) << key << ", seed " << seed;
      }
    }
    deleted += gone.size();
  }
  std::cout << deleted << " deletions confirmed\n";
}

}  // namespace
}  // namespace terrace::distribution
