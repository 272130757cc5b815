/// Strong consistency of the replicated tier over real Redis servers, which stand still, die, and come back
/// empty or with an old snapshot: processes read and write registers, and every history is linearizable. That
/// of a tier that promises less is not.

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "chaos/replicated_world.hpp"
#include "distribution/linearizable.hpp"

namespace terrace::chaos {
namespace {

using namespace std::chrono_literals;
using distribution::Event;

constexpr unsigned processes_count = 3;
constexpr unsigned threads_each = 4;
constexpr unsigned registers = 24;
constexpr Duration late = 100ms;

/// What all processes have done.
struct World {
  struct Logged {
    unsigned key;
    Event event;
  };
  static constexpr std::size_t most = 1'000'000;
  std::array<Logged, most> log;
  std::atomic<std::size_t> logged{0};
  std::atomic<std::uint64_t> values{0};
  std::atomic<std::uint64_t> operations{0};
  std::atomic<std::uint64_t> unknown{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> outlived{0};
  std::atomic<std::int64_t> longest_ns{0};
  std::atomic<bool> stop{false};

  void note(unsigned key, const Event& event) {
    const auto at = logged++;
    if (at < most) log[at] = {key, event};
  }
  void ended(TimePoint began, TimePoint now) {
    const auto over = (now - began - operation_limit).count();
    if (over > late.count()) ++outlived;
    auto longest = longest_ns.load();
    while (longest < over && !longest_ns.compare_exchange_weak(longest, over)) {
    }
    ++operations;
  }
};

std::int64_t ns(TimePoint time) {
  return time.time_since_epoch().count();
}

void write(Member& member, World& world, unsigned key) {
  Event event{true, ++world.values, 0, 0};
  const TimePoint began = system_clock().now();
  const auto outcome = member.set("register " + std::to_string(key), std::to_string(event.value));
  const TimePoint now = system_clock().now();
  world.ended(began, now);
  event.begin = ns(began);
  event.end = ns(now);
  if (!outcome && outcome.error() == Errc::unavailable) {
    ++world.failed;  // nothing was written, so nobody may read it
    return;
  }
  if (!outcome) {
    ++world.unknown;
    event.end = distribution::unknown_end;
  }
  world.note(key, event);
}

void read(Member& member, World& world, unsigned key) {
  const TimePoint began = system_clock().now();
  const auto found = member.get("register " + std::to_string(key));
  const TimePoint now = system_clock().now();
  world.ended(began, now);
  if (!found) {
    ++world.failed;
    return;
  }
  world.note(key, {false, *found ? std::stoull(**found) : 0, ns(began), ns(now)});
}

/// One process, till it is told to stop.
void work(const Servers& servers, const ReplicatedOptions& options, World& world, std::uint32_t seed) {
  Member member(servers, options);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < threads_each; ++i) {
    threads.emplace_back([&, i] {
      std::minstd_rand random(seed * threads_each + i);
      while (!world.stop && world.logged < World::most) {
        const auto key = static_cast<unsigned>(random() % registers);
        random() % 5 < 2 ? write(member, world, key) : read(member, world, key);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

struct Run {
  unsigned nodes = 3;
  Consistency consistency = Consistency::strong;
  std::uint64_t operations = 0;
  unsigned faults = 0;
};

/// The registers whose history has no order.
std::vector<std::string> violations(const World& world) {
  std::array<std::vector<Event>, registers> histories;
  for (std::size_t i = 0; i < std::min(world.logged.load(), World::most); ++i)
    histories[world.log[i].key].push_back(world.log[i].event);
  std::vector<std::string> found;
  for (unsigned key = 0; key < registers; ++key) {
    const auto why = distribution::why_not_linearizable(histories[key]);
    if (!why.empty()) found.push_back("register " + std::to_string(key) + ": " + why);
  }
  return found;
}

/// Processes at work till so many operations and faults were made.
std::vector<std::string> run(const Run& what) {
  const std::uint32_t seed = std::random_device{}();
  ReplicatedOptions options;
  options.copies = what.nodes;
  options.consistency = what.consistency;
  options.repair_time = 10s;
  Servers servers(what.nodes);
  InCommon<World> world;
  Processes processes;
  for (std::uint32_t i = 0; i < processes_count; ++i)
    processes.start([&, i] { work(servers, options, *world, seed + i); });
  Observer observer(servers, options.repair_time);
  EXPECT_TRUE(observer.all_become_members());
  Faults faults(servers, observer, seed);
  const auto goes_on = [&](std::uint64_t operations) {
    const auto enough = world->operations + operations;
    testing::eventually([&] { return world->operations >= enough; }, 400ms);
  };
  while ((world->operations < what.operations || faults.made() < what.faults) &&
         !::testing::Test::HasFailure()) {
    faults.make([&] { goes_on(400); });
    goes_on(100);
  }
  EXPECT_TRUE(observer.all_become_members());
  world->stop = true;
  EXPECT_EQ(processes.join(), 0U);
  std::printf(
      "seed %u, %u nodes: %lu operations, %lu unknown, %lu failed, %u faults; %lu outlived their deadline by "
      "100 ms, the longest by %ld ms\n",
      seed, what.nodes, world->operations.load(), world->unknown.load(), world->failed.load(), faults.made(),
      world->outlived.load(), static_cast<long>(world->longest_ns / 1'000'000));
  EXPECT_LE(world->outlived, world->operations / 1000) << "what a loaded machine may do";
  return violations(*world);
}

TEST(ReplicatedChaos, F25_ThreeServersHistoriesAreLinearizable) {
  EXPECT_EQ(run({.nodes = 3, .operations = scaled(2'000, 100'000), .faults = 3}), std::vector<std::string>());
}

TEST(ReplicatedChaos, F25_FiveServersHistoriesAreLinearizable) {
  EXPECT_EQ(run({.nodes = 5, .operations = scaled(0, 100'000), .faults = 3}), std::vector<std::string>());
}

/// The control: the same faults, and a tier that promises less.
TEST(ReplicatedChaos, F25_EventualHistoriesAreNot) {
  EXPECT_NE(run({.consistency = Consistency::eventual, .operations = scaled(2'000, 20'000), .faults = 3}),
            std::vector<std::string>());
}

}  // namespace
}  // namespace terrace::chaos
