/// Whole caches over two simulated servers, one of which takes over from the other; clocks of servers that are
/// wrong; a server that refuses what a watch needs. Each promise is tested with a client that asks who its
/// server is, and, as the control, with servers whose answers hide it.

#include <gtest/gtest.h>

#include "sim/sim_caches.hpp"

namespace terrace::sim {
namespace {

using namespace std::chrono_literals;

/// What a client that neither compares servers nor asks for roles would see.
enum class Servers { honest, one_run_id, claim_primary };

class Failover : public ::testing::Test {
 protected:
  static constexpr Duration bound = 1s;
  /// How often a client asks its server for its role.
  static constexpr Duration role_interval = 1s;

  Failover() {
    world.second.become_replica_of(world.first);
    world.second.replicate();
  }

  void begin(Consistency consistency, Servers servers = Servers::honest, Duration life = 1h) {
    if (servers == Servers::one_run_id) {
      world.first.set_shown_run_id("the same");
      world.second.set_shown_run_id("the same");
    }
    world.first.set_claims_primary(servers == Servers::claim_primary);
    CacheOptions options{.ttl = life, .consistency = consistency};
    options.max_staleness = bound;
    reader = &world.add(options);
    writer = &world.add(options);
    world.pass(500ms);
  }

  /// All that the primary has done has arrived. Then the replica takes over, and the name leads to it.
  void fail_over() {
    world.second.replicate();
    world.second.promote();
    world.answering = &world.second_server;
  }

  SimCaches world;
  SimCaches::Process* reader = nullptr;
  SimCaches::Process* writer = nullptr;
};

// ---- Demotion: the old primary lives on as a replica that hears nothing of the new one.

class Demotion : public Failover {
 protected:
  Duration stale_after_demotion(Consistency consistency, Servers servers) {
    begin(consistency, servers);
    writer->set("old");
    EXPECT_EQ(reader->get(), "old");
    fail_over();
    world.first.become_replica_of(world.second);
    world.first.set_link(false);
    writer->network->cut();
    world.pass(100ms);
    writer->set("new");
    return world.stale_for(*reader, "old");
  }
};

TEST_F(Demotion, AnEventualReaderNoticesThatItsServerIsNoPrimaryAnyMore) {
  EXPECT_LE(stale_after_demotion(Consistency::eventual, Servers::honest), bound + role_interval);
  EXPECT_EQ(reader->get(), "new");
}
TEST_F(Demotion, AStrongReaderNoticesItWithinTheTimeBetweenTwoQuestions) {
  EXPECT_LE(stale_after_demotion(Consistency::strong, Servers::honest), role_interval + 500ms);
  EXPECT_EQ(reader->get(), "new");
}
TEST_F(Demotion, MutantWithoutTheQuestionForTheRoleIsFound) {
  EXPECT_GE(stale_after_demotion(Consistency::eventual, Servers::claim_primary), 10s);
}
TEST_F(Demotion, MutantWithoutTheQuestionForTheRoleIsFoundWithStrong) {
  EXPECT_GE(stale_after_demotion(Consistency::strong, Servers::claim_primary), 10s);
}

// ---- Two servers behind one name: the data connection is made anew, the watch stays.

class MovedName : public Failover {
 protected:
  Duration stale_after_move(Servers servers) {
    begin(Consistency::eventual, servers);
    writer->set("old");
    EXPECT_EQ(reader->get(), "old");
    fail_over();
    world.first.promote();
    writer->network->cut();
    reader->network->cut(0);
    world.pass(100ms);
    writer->set("new");
    return world.stale_for(*reader, "old");
  }
};

TEST_F(MovedName, AWatchAtAnotherServerThanTheDataEnds) {
  EXPECT_LE(stale_after_move(Servers::honest), bound);
  EXPECT_EQ(reader->get(), "new");
}
TEST_F(MovedName, MutantThatDoesNotCompareServersIsFound) {
  EXPECT_GE(stale_after_move(Servers::one_run_id), 10s);
}

// ---- Clocks and refusals

TEST_F(Failover, AServerWhoseClockStandsStillDoesNotMakeValuesLiveLonger) {
  begin(Consistency::eventual, Servers::honest, 2s);
  writer->set("old");
  EXPECT_EQ(reader->get(), "old");
  world.first.clock().stop();
  world.pass(3s);
  EXPECT_EQ(reader->get(), "");
  world.first.clock().start();
  EXPECT_EQ(reader->get(), "");
}

TEST_F(Failover, AServerWhoseClockIsAheadCostsHitsOnly) {
  begin(Consistency::strong, Servers::honest, 2s);
  writer->set("old");
  world.first.clock().skew(1min);
  world.pass(200ms);
  EXPECT_EQ(reader->get(), "");
  writer->set("new");
  EXPECT_EQ(reader->get(), "new");
}

TEST_F(Failover, WithoutThePermissionToWatchMemoryServesForTheBound) {
  world.first.deny("client|tracking");
  begin(Consistency::eventual);
  writer->set("old");
  EXPECT_EQ(reader->get(), "old");
  writer->set("new");
  EXPECT_LE(world.stale_for(*reader, "old"), bound + 10ms);
}

TEST_F(Failover, AServerThatLoadsItsDumpIsNoMissForEver) {
  begin(Consistency::strong);
  writer->set("old");
  const auto dump = world.first.dump();
  world.first.restart(dump);
  world.first.set_loading(true);
  world.first_server.wake();
  world.pass(1s);
  EXPECT_EQ(reader->get(), "");
  world.first.set_loading(false);
  world.pass(5s);
  EXPECT_EQ(reader->get(), "old");
}

}  // namespace
}  // namespace terrace::sim
