/// What becomes of writes that reached too few real servers, and of deletions that some have missed: soon
/// after the last fault has healed all servers hold the same.

#include <gtest/gtest.h>

#include <array>
#include <terrace/shared_tier.hpp>
#include <thread>

#include "chaos/replicated_world.hpp"
#include "support/lateness.hpp"

namespace terrace::chaos {
namespace {

using namespace std::chrono_literals;

constexpr unsigned writer_processes = 3;
constexpr unsigned members_each = 2;
constexpr unsigned shared_keys = 64;

/// What is held by all, as soon as that is so; says where they differ if it is not so within `limit`, the
/// time that the machine was busy with something else taken off.
std::optional<Observer::Contents> settled(Observer& observer, Duration limit) {
  const testing::Lateness lateness;
  const auto began = system_clock().now();
  std::optional<Observer::Contents> common;
  do {
    common = observer.common_values();
  } while (!common && system_clock().now() - began - lateness.since(began) < limit);
  if (!common) observer.print_differences();
  return common;
}

/// One server or two of three stand still while something is written that needs more than the rest.
void unknown_then_repaired(const ReplicatedOptions& options, unsigned frozen, Consistency consistency) {
  Servers servers(3);
  Observer observer(servers, options.repair_time);
  Member member(servers, options);
  ASSERT_TRUE(testing::eventually([&] { return member.sees_all_members(); }));
  for (std::uint64_t round = 0; round < scaled(1, 5); ++round) {
    const std::string key = "k" + std::to_string(round);
    member.set(key, "old").value();
    for (unsigned i = 0; i < frozen; ++i) servers[(round + i) % 3].freeze();
    const auto outcome = member.set(key, "new");
    ASSERT_FALSE(outcome) << "round " << round;
    EXPECT_EQ(outcome.error(), Errc::effect_unknown) << outcome.error().message();
    for (unsigned i = 0; i < frozen; ++i) servers[(round + i) % 3].thaw();
    const auto all = settled(observer, 5s);
    ASSERT_TRUE(all) << "round " << round << ": the servers stay different";
    EXPECT_EQ(all->at(key).second, "new") << "a server that answered has it";
    // The timeouts may have opened circuit breakers, which reject operations for a while.
    ASSERT_TRUE(
        testing::eventually([&] { return member.sees_all_members() && member.get(key).has_value(); }));
    if (consistency == Consistency::strong) {
      EXPECT_EQ(member.get(key).value(), Found("new"));
    }
  }
  EXPECT_EQ(replicated_status(*member.tier())->unknown_writes, scaled(1, 5));
}

TEST(ReplicatedChaos, F26_AWriteThatReachedTooFewIsUnknownThenOnAllServers) {
  ReplicatedOptions strong;
  strong.consistency = Consistency::strong;
  strong.read_quorum = 1;
  strong.write_quorum = 3;
  unknown_then_repaired(strong, 1, strong.consistency);
  unknown_then_repaired(strong, 2, strong.consistency);
  ReplicatedOptions eventual;
  eventual.write_quorum = 2;
  unknown_then_repaired(eventual, 2, eventual.consistency);
}

/// The same, and the only server that took the write dies and comes back empty: then nobody has it.
TEST(ReplicatedChaos, F26_WhatOnlyOneServerKnewIsOnAllOrOnNone) {
  Servers servers(3);
  ReplicatedOptions options;
  options.write_quorum = 2;
  Observer observer(servers, options.repair_time);
  Member member(servers, options);
  ASSERT_TRUE(testing::eventually([&] { return member.sees_all_members(); }));
  member.set("k", "old").value();
  ASSERT_TRUE(settled(observer, 5s));
  servers[1].freeze();
  servers[2].freeze();
  EXPECT_EQ(member.set("k", "new").error(), Errc::effect_unknown);
  servers.kill_to_empty(0);
  servers[1].thaw();
  servers[2].thaw();
  ASSERT_TRUE(observer.all_become_members());
  const auto all = settled(observer, 5s);
  ASSERT_TRUE(all);
  const Bytes left = all->at("k").second;
  EXPECT_TRUE(left == "old" || left == "new") << left;  // the frozen ones may have had it in their sockets
}

/// Nobody waits for the nodes first: the operation does.
TEST(ReplicatedChaos, TheFirstOperationsOnFreshServersWaitForThem) {
  for (const auto level : {Consistency::eventual, Consistency::strong}) {
    Servers servers(3);
    ReplicatedOptions options;
    options.consistency = level;
    Member member(servers, options);
    const auto set = member.ask<Result<void>>(
        [&](auto limit, auto done) { member.tier()->set("k", "v", {}, limit, std::move(done)); }, 10s);
    EXPECT_TRUE(set) << set.error().message();
    EXPECT_EQ(member.get("k").value(), Found("v"));
  }
  Servers servers(3);
  for (std::size_t i = 0; i < 3; ++i) servers[i].kill9();
  Member member(servers, {});
  const TimePoint began = system_clock().now();
  EXPECT_FALSE(member.set("k", "v"));
  EXPECT_FALSE(member.get("k"));
  EXPECT_LT(system_clock().now() - began, 10s) << "each ends by its deadline";
}

/// Somebody who writes to one server plants versions there.
TEST(ReplicatedChaos, A02_AVersionPlantedOnOneServerSpoilsNoOtherKey) {
  Servers servers(3);
  ReplicatedOptions options;
  options.consistency = Consistency::strong;
  Observer observer(servers, options.repair_time);
  Member one(servers, options);
  Member two(servers, options);
  ASSERT_TRUE(testing::eventually([&] { return one.sees_all_members() && two.sees_all_members(); }));
  const std::string rest = "00000000000000000000ffffffffffffffff";
  const auto ask = [](Member& member, const std::string& key, const std::string* value) {
    return member.ask<Result<Found>>(
        [&](auto limit, auto done) {
          if (value == nullptr) return member.tier()->get(key, limit, std::move(done));
          member.tier()->set(key, *value, {}, limit,
                             [done = std::move(done)](const Result<void>& told) mutable {
                               told ? done(Found()) : done(told.error());
                             });
        },
        10s);
  };
  for (const std::string counter : {"18446744073709551615", "04611686018427387905", "04611686018427387904",
                                    "04611686018427387903", "02305843009213693951"}) {
    SCOPED_TRACE(counter);
    const std::string first = "first";
    ask(one, "a" + counter, &first).value();
    const std::string planted = "~version:{t:a" + counter + "}";
    ASSERT_TRUE(testing::eventually([&] { return servers[0].cli({"EXISTS", planted}) == "1"; }));
    servers[0].cli({"SET", planted, counter + rest});
    static_cast<void>(ask(one, "a" + counter, nullptr));
    static_cast<void>(ask(two, "a" + counter, &first));
    for (int i = 0; i < 100; ++i) {
      const std::string key = "k" + std::to_string(i);
      const std::string value = counter + " " + std::to_string(i);
      ASSERT_TRUE(ask(i % 2 == 0 ? one : two, key, &value)) << key;
      ASSERT_EQ(ask(i % 2 == 0 ? two : one, key, nullptr).value(), Found(value)) << key;
    }
    if (counter > "04611686018427387904") {
      EXPECT_EQ(ask(one, "a" + counter, nullptr).value(), Found("first"));
      EXPECT_GT(replicated_status(*one.tier())->corrupt + replicated_status(*two.tier())->corrupt, 0U);
    }
  }
  EXPECT_TRUE(settled(observer, 10s)) << "what cannot be a version was repaired";
  // Even the highest one is erased, alone and among others, and keeps no other key from being read.
  for (const std::string how : {"erase", "clear"}) {
    const std::string value = "v";
    ask(one, how, &value).value();
    ask(one, "beside", &value).value();
    servers[0].cli({"SET", "~version:{t:" + how + "}", "04611686018427387904" + rest});
    const auto remove = [&] {
      return one.ask<Result<std::uint64_t>>(
          [&](auto limit, auto done) {
            if (how == "clear") return one.tier()->erase_prefix("", limit, std::move(done));
            one.tier()->erase(how, limit, [done = std::move(done)](const Result<bool>& told) mutable {
              told ? done(std::uint64_t{1}) : done(told.error());
            });
          },
          10s);
    };
    // Again when the other two nodes answered first: to them the planted one is a later write.
    EXPECT_TRUE(testing::eventually([&] {
      return remove().has_value() && ask(two, how, nullptr).value() == Found();
    })) << how;
    EXPECT_EQ(ask(two, "beside", nullptr).value(), how == "clear" ? Found() : Found("v"));
    ask(two, "beside", &value).value();
    EXPECT_EQ(ask(one, "beside", nullptr).value(), Found("v"));
  }
}

/// A lease that has no life, or too long a one, was given to nobody.
TEST(ReplicatedChaos, A07_A32_ALeasePlantedOnTheServersDeniesNoKey) {
  Servers servers(3);
  ReplicatedOptions options;
  Member one(servers, options);
  Member two(servers, options);
  ASSERT_TRUE(testing::eventually([&] { return one.sees_all_members() && two.sees_all_members(); }));
  const auto acquire = [](Member& member, char name) {
    LeaseToken token{};
    token.fill(name);
    return member
        .ask<Result<LeaseReply>>(
            [&](auto limit, auto done) {
              member.tier()->shared()->acquire("k", token, 1min, {}, limit, std::move(done));
            },
            10s)
        .value()
        .kind;
  };
  char name = 'a';
  for (const std::vector<std::string>& life :
       {std::vector<std::string>{"PERSIST"}, {"PEXPIRE", "9007199254740991"}}) {
    ASSERT_EQ(acquire(one, name++), LeaseReply::Kind::granted);
    EXPECT_EQ(acquire(two, name++), LeaseReply::Kind::held);
    unsigned planted = 0;
    for (std::size_t i = 0; i < servers.size(); ++i) {
      std::vector<std::string> command = life;
      command.insert(command.begin() + 1, "t:\x01lease:k");
      planted += servers[i].cli(command) == "1" ? 1 : 0;
    }
    ASSERT_GE(planted, 1U);
    EXPECT_EQ(acquire(two, name++), LeaseReply::Kind::granted) << life.front();
    one.tier()->erase("k", after(system_clock().now(), 10s), [](const Result<bool>&) {});
    ASSERT_TRUE(testing::eventually([&] { return acquire(one, name++) == LeaseReply::Kind::granted; }));
    ASSERT_TRUE(one.erase("k"));
  }
}

struct World {
  static constexpr std::size_t most = 200'000;
  std::array<std::uint64_t, most> gone;  // numbers of victims whose deletion was confirmed
  std::atomic<std::size_t> deleted{0};
  std::atomic<std::uint64_t> operations{0};
  std::atomic<bool> stop{false};
};

std::string victim(std::uint64_t number) {
  return "victim " + std::to_string(number);
}

/// One process: sets and deletes keys that all use, and keys that are set once and then deleted elsewhere.
void set_and_delete(const Servers& servers, const ReplicatedOptions& options, World& world,
                    std::uint32_t seed) {
  std::deque<Member> members;
  for (unsigned i = 0; i < members_each; ++i) members.emplace_back(servers, options);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < members_each; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(seed * members_each + t);
      std::uint64_t next = (std::uint64_t{seed} * members_each + t) << 32U;
      while (!world.stop && world.deleted < World::most - 100) {
        const auto key = "shared " + std::to_string(random() % shared_keys);
        static_cast<void>(random() % 3 == 0 ? members[t].erase(key).has_value()
                                            : members[t].set(key, std::to_string(next)).has_value());
        const std::uint64_t number = next++;
        // What may still be on its way cannot be deleted.
        const bool stored = members[t].set(victim(number), "v").has_value();
        if (members[(t + 1) % members_each].erase(victim(number)) && stored)
          world.gone[world.deleted++] = number;
        world.operations += 3;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // What this process knows to be missed somewhere ends with it; then only the comparison of everything finds
  // it, up to half of repair_time later. So it lives till it has handed that over.
  const auto handed_over = [](const Member& member) {
    const auto status = replicated_status(*member.tier()).value();
    return std::all_of(status.nodes.begin(), status.nodes.end(), [](const auto& node) {
      return node.unanswered == 0 && node.hints == 0 && !node.compare_all;
    });
  };
  for (const auto& member : members) {
    if (!testing::eventually([&] { return handed_over(member); }, 20s))
      std::printf("missed writes are left\n");
  }
}

void deletions_stay(unsigned nodes, std::uint64_t operations, unsigned faults_at_least) {
  const std::uint32_t seed = std::random_device{}();
  ReplicatedOptions options;
  options.copies = nodes;
  options.write_quorum = nodes / 2 + 1;  // a confirmed deletion survives the servers that forget it
  options.repair_time = 60s;
  Servers servers(nodes);
  InCommon<World> world;
  Processes processes;
  for (std::uint32_t i = 0; i < writer_processes; ++i)
    processes.start([&, i] { set_and_delete(servers, options, *world, seed % 1000 + i); });
  Observer observer(servers, options.repair_time);
  EXPECT_TRUE(observer.all_become_members());
  Faults faults(servers, observer, seed);
  const auto goes_on = [&] {
    const auto enough = world->operations + 300;
    testing::eventually([&] { return world->operations >= enough; }, 400ms);
  };
  while ((world->operations < operations || faults.made() < faults_at_least) &&
         !::testing::Test::HasFailure()) {
    faults.make(goes_on);
    goes_on();
  }
  world->stop = true;
  EXPECT_EQ(processes.join(), 0U);
  // Whoever is left repairs: a process that saw none of it.
  Member member(servers, options);
  const TimePoint healed = system_clock().now();
  const auto all = settled(observer, 5s);
  const auto took = (system_clock().now() - healed) / 1ms;
  ASSERT_TRUE(all) << "the servers stay different";
  std::size_t back = 0;
  for (std::size_t i = 0; i < world->deleted; ++i) back += all->contains(victim(world->gone[i])) ? 1 : 0;
  EXPECT_EQ(back, 0U);
  std::printf(
      "seed %u, %u nodes: %lu operations, %u faults, %zu deletions confirmed, %zu came back; equal after %ld "
      "ms\n",
      seed, nodes, world->operations.load(), faults.made(), world->deleted.load(), back,
      static_cast<long>(took));
}

TEST(ReplicatedChaos, F28_NoDeletedValueReturnsAndThreeServersConverge) {
  deletions_stay(3, scaled(500, 30'000), static_cast<unsigned>(scaled(2, 12)));
}

TEST(ReplicatedChaos, F28_NoDeletedValueReturnsAndFiveServersConverge) {
  deletions_stay(5, scaled(0, 8'000), static_cast<unsigned>(scaled(1, 6)));
}

}  // namespace
}  // namespace terrace::chaos
