/// The faults of the model of a server, one by one.

#include <gtest/gtest.h>

#include <terrace/testing/fake_clock.hpp>

#include "sim/sim_client.hpp"

namespace terrace::sim {
namespace {

using namespace std::chrono_literals;

class SimFaults : public ::testing::Test {
 protected:
  testing::FakeClock clock;
  SimRedis server{clock, {}};
};

TEST_F(SimFaults, ARestartForgetsAllAndHasANewRunId) {
  SimClient before(server);
  before.ask({"SET", "k", "v"});
  const std::string run = server.run_id();
  server.restart();
  EXPECT_FALSE(before.is_open());
  EXPECT_NE(server.run_id(), run);
  SimClient after(server);
  EXPECT_EQ(after.ask({"GET", "k"}), "_\r\n");
}

TEST_F(SimFaults, ARestartFromAnOldDumpBringsOldValuesBackButNoneThatHasExpired) {
  SimClient client(server);
  client.ask({"SET", "old", "1"});
  client.ask({"SET", "short", "1", "PX", "10"});
  const auto dump = server.dump();
  client.ask({"SET", "old", "2"});
  clock.advance(10ms);
  server.kill();
  EXPECT_FALSE(server.is_up());
  EXPECT_EQ(server.connect(), 0U);
  server.start(dump);
  SimClient after(server);
  EXPECT_EQ(after.ask({"GET", "old"}), "$1\r\n1\r\n");
  EXPECT_EQ(after.ask({"EXISTS", "short"}), ":0\r\n");
}

TEST_F(SimFaults, AFrozenServerTakesBytesAndAnswersLater) {
  SimClient client(server);
  server.freeze();
  EXPECT_EQ(client.ask({"PING"}), "");
  server.thaw();
  EXPECT_TRUE(server.turn());
  EXPECT_EQ(client.read(), "+PONG\r\n");
}

TEST_F(SimFaults, ConnectionsAreClosedAndScriptsForgotten) {
  SimClient watcher(server, true);
  server.close_connections();
  EXPECT_FALSE(watcher.is_open());
  SimClient client(server);
  client.ask({"EVAL", "return 1", "0"});
  const std::string digest = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
  EXPECT_EQ(client.ask({"EVALSHA", digest, "0"}), ":1\r\n");
  server.forget_scripts();
  EXPECT_TRUE(client.ask({"EVALSHA", digest, "0"}).starts_with("-NOSCRIPT"));
}

TEST_F(SimFaults, AServerThatLoadsAnswersNoReads) {
  SimClient client(server);
  server.set_loading(true);
  EXPECT_TRUE(client.ask({"GET", "k"}).starts_with("-LOADING"));
  EXPECT_TRUE(client.ask({"HELLO"}).starts_with("%7"));
}

TEST_F(SimFaults, EvictionAndAFlushAreTold) {
  SimClient client(server), watcher(server, true);
  client.ask({"SET", "k", "v"});
  watcher.read();
  EXPECT_TRUE(server.evict("k"));
  EXPECT_FALSE(server.evict("k"));
  EXPECT_EQ(watcher.read(), told({"k"}));
  server.flush();
  EXPECT_EQ(watcher.read(), told_all());
}

TEST_F(SimFaults, ASwapOfDatabasesIsToldToNobody) {
  SimClient client(server), watcher(server, true);
  client.ask({"SET", "k", "v"});
  watcher.read();
  server.swap(0, 1);
  EXPECT_EQ(watcher.ask({"GET", "k"}), "_\r\n");
}

TEST_F(SimFaults, ServersRefuse) {
  SimClient client(server);
  const Args set{"SET", "k", "v"}, unlink{"UNLINK", "k"};
  server.set_full(true);
  EXPECT_TRUE(client.ask(set).starts_with("-OOM"));
  EXPECT_EQ(client.ask(unlink), ":0\r\n");
  server.set_full(false);
  server.set_cannot_save(true);
  EXPECT_TRUE(client.ask(unlink).starts_with("-MISCONF"));
  EXPECT_TRUE(client.ask({"PING"}).starts_with("-MISCONF"));
  server.set_cannot_save(false);
  server.set_lacks_replicas(true);
  EXPECT_TRUE(client.ask(unlink).starts_with("-NOREPLICAS"));
  server.set_lacks_replicas(false);
  server.deny("client|tracking");
  EXPECT_EQ(client.ask({"CLIENT", "TRACKING", "ON", "BCAST"}),
            "-NOPERM this user has no permissions to run the 'client|tracking' command\r\n");
  server.allow_all();
  EXPECT_EQ(client.ask(set), "+OK\r\n");
}

TEST_F(SimFaults, AClockThatStandsStillKeepsWhatShouldExpire) {
  SimClient client(server);
  client.ask({"SET", "k", "v", "PX", "10"});
  server.clock().stop();
  clock.advance(100ms);
  EXPECT_EQ(client.ask({"PTTL", "k"}), ":10\r\n");
  server.clock().start();
  clock.advance(5ms);
  EXPECT_EQ(client.ask({"PTTL", "k"}), ":5\r\n");
  server.clock().skew(-1000ms);
  EXPECT_EQ(client.ask({"PTTL", "k"}), ":1005\r\n");
  server.clock().skew(2000ms);
  EXPECT_EQ(client.ask({"GET", "k"}), "_\r\n");
}

class SimReplica : public SimFaults {
 protected:
  SimRedis replica{clock, {.host = "10.0.0.2", .seed = 2}};
};

TEST_F(SimReplica, ItCopiesAllAndThenFollowsBehind) {
  SimClient client(server), reader(replica, true);
  reader.ask({"SET", "mine", "v"});
  client.ask({"SET", "k", "1"});
  replica.become_replica_of(server);
  EXPECT_TRUE(reader.ask({"SET", "mine", "v"}).starts_with("-READONLY"));
  EXPECT_TRUE(replica.replicate());
  EXPECT_TRUE(reader.ask({"GET", "mine"}).starts_with(told_all() + "_\r\n"));
  EXPECT_EQ(reader.ask({"GET", "k"}), "$1\r\n1\r\n");
  client.ask({"SET", "k", "2"});
  client.ask({"SET", "l", "1"});
  EXPECT_EQ(replica.lag(), 2U);
  EXPECT_EQ(reader.ask({"GET", "k"}), "$1\r\n1\r\n");
  EXPECT_TRUE(replica.replicate(1));
  EXPECT_EQ(reader.read(), told({"k"}));
  EXPECT_EQ(replica.lag(), 1U);
  EXPECT_TRUE(replica.replicate());
  EXPECT_FALSE(replica.replicate());
}

TEST_F(SimReplica, ItTellsWhereItsPrimaryIs) {
  SimClient reader(replica);
  replica.become_replica_of(server);
  const std::string address = "$8\r\n10.0.0.1\r\n:6379\r\n";
  EXPECT_EQ(reader.ask({"ROLE"}), "*5\r\n$5\r\nslave\r\n" + address + "$7\r\nconnect\r\n:-1\r\n");
  replica.replicate();
  EXPECT_EQ(reader.ask({"ROLE"}), "*5\r\n$5\r\nslave\r\n" + address + "$9\r\nconnected\r\n:0\r\n");
  EXPECT_NE(reader.ask({"HELLO"}).find("replica"), std::string::npos);
}

TEST_F(SimReplica, ABrokenLinkStopsItAndAPromotionLosesWhatHasNotArrived) {
  SimClient client(server), reader(replica);
  replica.become_replica_of(server);
  replica.replicate();
  client.ask({"SET", "k", "1"});
  replica.replicate();
  replica.set_link(false);
  client.ask({"SET", "k", "2"});
  EXPECT_FALSE(replica.replicate());
  const std::string run = replica.run_id();
  replica.promote();
  EXPECT_EQ(replica.run_id(), run);
  EXPECT_EQ(reader.ask({"GET", "k"}), "$1\r\n1\r\n");
  EXPECT_EQ(reader.ask({"SET", "k", "3"}), "+OK\r\n");
  server.become_replica_of(replica);
  EXPECT_TRUE(server.replicate());
  EXPECT_EQ(client.ask({"GET", "k"}), "$1\r\n3\r\n");
}

TEST_F(SimReplica, ItHidesWhatHasExpiredUntilItsPrimaryRemovesIt) {
  SimClient client(server), reader(replica, true);
  replica.become_replica_of(server);
  client.ask({"SET", "k", "v", "PX", "10"});
  replica.replicate();
  reader.read();
  clock.advance(10ms);
  EXPECT_EQ(reader.ask({"GET", "k"}), "_\r\n");
  server.cron();
  replica.replicate();
  EXPECT_EQ(reader.read(), told({"k"}));
}

TEST_F(SimReplica, AfterARestartOfThePrimaryItCopiesAllAgain) {
  SimClient client(server), reader(replica);
  replica.become_replica_of(server);
  client.ask({"SET", "k", "v"});
  replica.replicate();
  server.restart();
  EXPECT_EQ(reader.ask({"GET", "k"}), "$1\r\nv\r\n");
  EXPECT_TRUE(replica.replicate());
  EXPECT_EQ(reader.ask({"GET", "k"}), "_\r\n");
}

}  // namespace
}  // namespace terrace::sim
