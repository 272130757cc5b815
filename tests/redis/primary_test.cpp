/// A server that is, or becomes, a replica (row 18): the tier goes on to its primary.

#include <sstream>
#include <terrace/versioned_tier.hpp>

#include "redis/shared_test.hpp"

namespace terrace::redis {
namespace {

class Primary : public ::testing::Test {
 protected:
  static void follow(RedisServer& replica, const RedisServer& primary) {
    replica.cli({"REPLICAOF", "127.0.0.1", std::to_string(primary.port())});
  }
  static bool reads(Tier& tier, std::string_view value) {
    const auto found = get(tier, "k");
    return found && *found == Found(value);
  }
  /// Ends the connections whose line in CLIENT LIST is wanted.
  template <class Wanted>
  static void kill_clients(RedisServer& server, Wanted wanted) {
    std::istringstream lines(server.cli({"CLIENT", "LIST"}));
    for (std::string line; std::getline(lines, line);) {
      if (wanted(line)) server.cli({"CLIENT", "KILL", "ID", line.substr(3, line.find(' ') - 3)});
    }
  }
  static bool replicates(const RedisServer& replica) {
    return eventually([&] {
      return replica.cli({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
    });
  }

  RedisServer a_{{.arguments = {"--repl-diskless-sync-delay", "0"}}};
  RedisServer b_{{.arguments = {"--repl-diskless-sync-delay", "0"}}};
};

TEST_F(Primary, F18_AWriteThatADemotedServerRefusesReachesTheNewPrimary) {
  const auto tier = make_redis_tier({.url = a_.url()});
  ASSERT_TRUE(set(*tier, "k", "old"));
  follow(a_, b_);
  EXPECT_TRUE(set(*tier, "k", "new")) << "refused by a, sent again to b";
  EXPECT_EQ(b_.cli({"GET", "k"}), "new");
  EXPECT_EQ(get(*tier, "k").value(), "new");
  EXPECT_EQ(redis_status(*tier)->connects, 2U);
}

TEST_F(Primary, F18_EveryKindOfWriteIsSentAgainOnce) {
  const auto tier = make_redis_tier({.url = a_.url()});
  const auto demote = [&](RedisServer& from, RedisServer& to) {
    to.cli({"REPLICAOF", "NO", "ONE"});
    follow(from, to);
  };
  ASSERT_TRUE(set(*tier, "k", "v"));
  demote(a_, b_);
  ASSERT_TRUE(replicates(a_));
  b_.cli({"SET", "k", "v"});
  EXPECT_TRUE(erase(*tier, "k").value());
  EXPECT_EQ(b_.cli({"EXISTS", "k"}), "0");

  demote(b_, a_);
  ASSERT_TRUE(replicates(b_));
  std::vector<TierWrite> writes;
  std::vector<std::string> keys;
  for (int i = 0; i < 2500; ++i) keys.push_back("key " + std::to_string(i));
  for (const auto& key : keys) writes.push_back({key, key});
  for (const auto& outcome : set_many(*tier, writes)) ASSERT_TRUE(outcome) << text(outcome);
  EXPECT_EQ(a_.cli({"DBSIZE"}), "2500");

  demote(a_, b_);
  ASSERT_TRUE(replicates(a_));
  b_.cli({"MSET", "p1", "v", "p2", "v", "q", "v"});
  EXPECT_EQ(erase_prefix(*tier, "p").value(), 2U);

  demote(b_, a_);
  ASSERT_TRUE(replicates(b_));
  EXPECT_EQ(acquire(*tier, "lease", 'a')->kind, LeaseReply::Kind::granted);
  EXPECT_EQ(a_.cli({"EXISTS", "~lease:{lease}"}), "1");
}

/// A replica that has none of its primary's keys: a sweep of it finds nothing to remove, and so nothing that
/// it would be refused. Before, clear() was a success that removed nothing.
TEST_F(Primary, F18_ASweepOfAReplicaWithoutTheKeysReachesThePrimary) {
  using Sweep = Result<std::uint64_t> (*)(Tier&);
  const std::vector<Sweep> sweeps{
      [](Tier& tier) { return erase_prefix(tier, "p"); },
      [](Tier& tier) { return erase_prefix(tier, ""); },
      [](Tier& tier) {
        return await<Result<std::uint64_t>>(
            [&](auto done) { tier.erase_glob("", "p?", in(10s), std::move(done)); });
      },
  };
  for (const Sweep sweep : sweeps) {
    a_.cli({"REPLICAOF", "NO", "ONE"});
    const auto tier = make_redis_tier({.url = a_.url(), .key_prefix = "n:"});
    ASSERT_TRUE(set(*tier, "own", "v"));
    a_.cli({"FLUSHALL"});
    b_.cli({"FLUSHALL"});
    b_.cli({"MSET", "n:p1", "v", "n:p2", "v", "other", "v"});
    a_.cli({"CONFIG", "SET", "masterauth", "nonsense"});  // so it never gets what its primary has
    follow(a_, b_);
    const auto removed = sweep(*tier);
    EXPECT_TRUE(removed) << text(removed);
    EXPECT_EQ(removed ? *removed : 99, 2U);
    EXPECT_EQ(b_.cli({"DBSIZE"}), "1") << "all but the key that is not the tier's";
  }
}

TEST_F(Primary, F18_ASweepOfAReplicaWhosePrimaryIsAwayFails) {
  const auto tier = make_redis_tier({.url = a_.url()});
  ASSERT_TRUE(set(*tier, "k", "v"));
  a_.cli({"FLUSHALL"});
  a_.cli({"REPLICAOF", "127.0.0.1", "1"});
  EXPECT_FAILS(erase_prefix(*tier, ""), Errc::unavailable);
}

/// What one server's cursor has passed is not what another's has.
TEST_F(Primary, F18_ASweepThatIsTakenToAnotherServerBeginsAgain) {
  TcpProxy proxy(a_.port());
  const auto tier = make_redis_tier({.url = url_of(proxy)});
  std::vector<TierWrite> writes;
  std::vector<std::string> keys;
  for (int i = 0; i < 5'000; ++i) keys.push_back("key " + std::to_string(i));
  for (const auto& key : keys) writes.push_back({key, "v"});
  for (const auto& outcome : set_many(*tier, writes, 20s)) ASSERT_TRUE(outcome) << text(outcome);
  follow(b_, a_);
  ASSERT_TRUE(replicates(b_));
  b_.cli({"REPLICAOF", "NO", "ONE"});
  ASSERT_EQ(b_.cli({"DBSIZE"}), "5000");
  proxy.hold_replies(true);  // so that its first step is answered when a is a replica
  std::promise<Result<std::uint64_t>> swept;
  auto outcome = swept.get_future();
  tier->erase_prefix("key", in(20s), [&](Result<std::uint64_t> done) { swept.set_value(std::move(done)); });
  follow(a_, b_);
  proxy.hold_replies(false);
  if (const auto removed = outcome.get()) {  // else it tells that it has not removed all
    EXPECT_EQ(b_.cli({"DBSIZE"}), "0");
  }
}

TEST_F(Primary, F18_AReplicaLeadsToItsPrimary) {
  RedisServer c;
  follow(b_, a_);
  follow(c, b_);
  const auto tier = make_redis_tier({.url = c.url()});
  EXPECT_TRUE(set(*tier, "k", "v"));
  EXPECT_EQ(a_.cli({"GET", "k"}), "v");
}

TEST_F(Primary, F18_WhenTheServerOfTheUrlIsAwayItsLastPrimaryIsAsked) {
  follow(b_, a_);
  const auto tier = make_redis_tier({.url = b_.url()});
  ASSERT_TRUE(set(*tier, "k", "v"));
  b_.kill9();
  a_.cli({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_TRUE(comes_back(*tier));
  EXPECT_EQ(get(*tier, "k").value(), "v");
}

TEST_F(Primary, F18_APrimaryThatIsNotReachedIsAClearError) {
  a_.cli({"REPLICAOF", "127.0.0.1", "1"});
  const auto tier = make_redis_tier({.url = a_.url()});
  const auto outcome = set(*tier, "k", "v");
  EXPECT_FAILS(outcome, Errc::unavailable);
  EXPECT_NE(text(outcome).find("127.0.0.1:1"), std::string::npos) << text(outcome);
  EXPECT_NE(text(outcome).find("is a replica"), std::string::npos) << text(outcome);
  EXPECT_FAILS(acquire(*tier, "k", 'a'), Errc::unavailable);
  a_.cli({"REPLICAOF", "NO", "ONE"});
  EXPECT_TRUE(comes_back(*tier));
  EXPECT_TRUE(set(*tier, "k", "v"));
}

TEST_F(Primary, F18_ServersThatNameOneAnotherAreGivenUp) {
  follow(a_, b_);
  follow(b_, a_);
  const auto tier = make_redis_tier({.url = a_.url()});
  const auto outcome = set(*tier, "k", "v");
  EXPECT_FAILS(outcome, Errc::unavailable);
  EXPECT_NE(text(outcome).find("each named another"), std::string::npos) << text(outcome);
}

/// Else two nodes of a replicated tier could be one server.
TEST_F(Primary, F18_AReplicaIsNoNodeOfAReplicatedTier) {
  follow(b_, a_);
  const auto tier = make_redis_tier({.url = b_.url()});
  ASSERT_TRUE(set(*tier, "k", "v"));
  const auto member =
      await<Result<Membership>>([&](auto done) { tier->versioned()->membership(in(5s), std::move(done)); });
  EXPECT_FAILS(member, Errc::unavailable);
  EXPECT_NE(text(member).find("must be a primary"), std::string::npos) << text(member);
  const auto charge =
      await<Result<bool>>([&](auto done) { tier->versioned()->take_charge(7, 5s, in(5s), std::move(done)); });
  EXPECT_FAILS(charge, Errc::unavailable);
}

/// What is in flight when the server is demoted is answered, and nothing is sent twice.
TEST_F(Primary, F18_UnderLoadNothingFailsAndNothingIsDoneTwice) {
  const auto tier = make_redis_tier({.url = a_.url()});
  ASSERT_TRUE(get(*tier, "any"));
  constexpr int count = 4000;
  std::atomic<int> done{0}, failed{0};
  for (int i = 0; i < count; ++i) {
    if (i == count / 2) follow(a_, b_);
    tier->set("key " + std::to_string(i), "v", {}, in(10s), [&](const Result<void>& outcome) {
      if (!outcome) ++failed;
      ++done;
    });
    if (i % 2 == 0) {
      tier->get("key 0", in(10s), [&](const Result<Found>& outcome) {
        if (!outcome) ++failed;
      });
    }
  }
  ASSERT_TRUE(eventually([&] { return done == count; }, 20s)) << done;
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(tier->stats().writes, static_cast<std::uint64_t>(count));
  EXPECT_GE(std::stoi(b_.cli({"DBSIZE"})), 1);
}

/// It stays till all is answered, also what is owed to an operation that has run out of time.
TEST_F(Primary, F18_ALateReplyThatNobodyWaitsForDoesNotHoldItThere) {
  TcpProxy proxy(a_.port());
  const auto tier = make_redis_tier({.url = url_of(proxy)});
  ASSERT_TRUE(set(*tier, "k", "old"));
  follow(a_, b_);
  proxy.delay(50ms);
  auto stored = std::make_shared<std::promise<Result<void>>>();
  auto outcome = stored->get_future();
  tier->set("k", "new", {}, in(5s), [stored](Result<void> done) { stored->set_value(std::move(done)); });
  EXPECT_FAILS(get(*tier, "k", 20ms), Errc::timed_out);
  const Result<void> done = outcome.get();
  EXPECT_TRUE(done) << text(done);
  EXPECT_EQ(b_.cli({"GET", "k"}), "new");
}

TEST_F(Primary, F18_TheWatchMovesToTheNewPrimary) {
  const auto tier = make_redis_tier({.url = a_.url()});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  follow(a_, b_);
  ASSERT_TRUE(replicates(a_));
  ASSERT_TRUE(set(*tier, "k", "v"));
  EXPECT_TRUE(log->comes("lost"));
  EXPECT_TRUE(log->comes("watching", 2));
  a_.kill9();
  log->clear();
  b_.cli({"SET", "other", "v"});
  EXPECT_TRUE(log->comes("changed other"));
  EXPECT_FALSE(log->told("lost"));
}

/// Nothing is written, so nothing is refused: only the question for its role tells that the server was demoted.
/// Its link to the new primary is down, so its data stay old.
TEST_F(Primary, F18_AReaderNoticesThatItsServerWasDemoted) {
  for (const bool watched : {false, true}) {
    RedisServer a;
    RedisServer b;
    TcpProxy link(b.port());
    link.stall(true);
    const auto tier = make_redis_tier({.url = a.url(), .connect_timeout = 500ms});
    ASSERT_TRUE(set(*tier, "k", "old"));
    const auto log = std::make_shared<WatchLog>();
    const auto watch = watched ? start_watch(*tier, log) : nullptr;
    b.cli({"SET", "k", "new"});
    a.cli({"REPLICAOF", "127.0.0.1", std::to_string(link.port())});
    const TimePoint demoted = system_clock().now();
    EXPECT_TRUE(eventually([&] { return !reads(*tier, "old"); }));
    if (watched) {
      EXPECT_TRUE(log->comes("lost"));
      EXPECT_LE(log->proven_until(), demoted + 2s);
    }
    link.stall(false);
    EXPECT_TRUE(eventually([&] { return reads(*tier, "new"); }));
    EXPECT_TRUE(!watched || log->comes("watching", 2));
  }
}

/// The control: a server that stays a primary keeps its connections, under load and without.
TEST_F(Primary, APrimaryKeepsItsConnections) {
  const auto tier = make_redis_tier({.url = a_.url()});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  for (const TimePoint end = system_clock().now() + 2500ms; system_clock().now() < end;)
    ASSERT_TRUE(get(*tier, "k"));
  EXPECT_EQ(redis_status(*tier)->connects, 1U);
  EXPECT_EQ(log->story(), "watching; ");
}

/// One address, two servers: new connections lead to b, and only the data connection breaks.
TEST_F(Primary, F22_AWatchAtAnotherServerThanTheDataProvesNothing) {
  TcpProxy address(a_.port());
  const auto tier = make_redis_tier({.url = "redis://127.0.0.1:" + std::to_string(address.port())});
  ASSERT_TRUE(set(*tier, "k", "v"));
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  address.retarget(b_.port());
  b_.cli({"SET", "k", "of b"});
  kill_clients(a_, [](const std::string& line) {
    return line.find("name=terrace") != std::string::npos && line.find("flags=N") != std::string::npos;
  });
  EXPECT_TRUE(eventually([&] { return reads(*tier, "of b"); }));
  EXPECT_TRUE(log->comes("lost")) << "the watch at a says nothing about b";
  EXPECT_TRUE(log->comes("watching", 2));
  b_.cli({"SET", "k", "changed"});
  EXPECT_TRUE(log->comes("changed k"));
}

/// The other way round: the watch breaks and comes to b, while the data connection is at a.
TEST_F(Primary, F22_DataAtAnotherServerThanTheWatchAreLeft) {
  TcpProxy address(a_.port());
  const auto tier = make_redis_tier({.url = "redis://127.0.0.1:" + std::to_string(address.port())});
  ASSERT_TRUE(set(*tier, "k", "of a"));
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  address.retarget(b_.port());
  b_.cli({"SET", "k", "of b"});
  kill_clients(a_, [](const std::string& line) {
    const auto flags = line.find("flags=");
    return line.substr(flags, line.find(' ', flags) - flags).find('B') != std::string::npos;  // it tracks
  });
  EXPECT_TRUE(log->comes("lost"));
  EXPECT_TRUE(eventually([&] { return reads(*tier, "of b"); }));
  EXPECT_TRUE(log->comes("watching", 2));
}

}  // namespace
}  // namespace terrace::redis
