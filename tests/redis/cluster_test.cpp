/// The cluster tier on a real cluster.

#include <terrace/redis_cluster.hpp>

#include "redis/shared_test.hpp"
#include "redis/slots.hpp"
#include "support/lateness.hpp"
#include "support/redis_cluster.hpp"

namespace terrace::redis {
namespace {

using testing::RedisCluster;

/// One cluster for all tests: each begins on an empty one.
class ClusterTier : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cluster = std::make_unique<RedisCluster>(); }
  static void TearDownTestSuite() { cluster.reset(); }
  void SetUp() override { cluster->on_primaries({"FLUSHALL"}); }

  static std::shared_ptr<Tier> make() { return make_cluster_tier(parse_cluster_url(cluster->url())); }
  /// A key, the node that has it, and another primary.
  struct Place {
    std::string key;
    int slot;
    std::size_t from, to;
  };
  static Place place(const std::string& key) {
    const int slot = slot_of(key);
    const auto from = cluster->owner(slot);
    auto primaries = cluster->primaries();
    std::erase(primaries, from);
    return {key, slot, from, primaries.front()};
  }
  static std::string calls(std::size_t node, const std::string& command) {
    const std::string stats = cluster->cli(node, {"INFO", "commandstats"});
    const auto at = stats.find("cmdstat_" + command + ":calls=");
    return at == std::string::npos
               ? "0"
               : stats.substr(at + command.size() + 15, stats.find(',', at) - at - command.size() - 15);
  }

  static std::unique_ptr<RedisCluster> cluster;
};

std::unique_ptr<RedisCluster> ClusterTier::cluster;

TEST_F(ClusterTier, KeysLieWhereTheClusterWantsThem) {
  const auto tier = make();
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back("key " + std::to_string(i));
  std::vector<TierWrite> writes;
  for (const auto& name : names) writes.push_back({name, name});
  for (const auto& outcome : set_many(*tier, writes)) ASSERT_TRUE(outcome) << text(outcome);
  const auto found = get_many(*tier, {names.begin(), names.end()});
  for (std::size_t i = 0; i < names.size(); ++i) ASSERT_EQ(found[i].value(), names[i]);
  std::size_t total = 0;
  for (const auto i : cluster->primaries()) total += std::stoul(cluster->cli(i, {"DBSIZE"}));
  EXPECT_EQ(total, names.size());
  EXPECT_EQ(cluster_status(*tier)->moved, 0U) << "each was asked at its node at once";
  EXPECT_EQ(cluster_status(*tier)->slots_covered, slot_count);
  EXPECT_EQ(tier->name(), "redis-cluster");
  EXPECT_EQ(tier->stats().hits, names.size());
  EXPECT_EQ(tier->stats().reachable, true);
  EXPECT_EQ(tier->stats().breaker_open, false);
}

TEST_F(ClusterTier, ASeedThatIsAwayIsPassedOver) {
  const auto tier = make_cluster_tier({.seeds = {"127.0.0.1:1", cluster->seed(4), "redis://127.0.0.1:2"}});
  EXPECT_TRUE(set(*tier, "k", "v"));
  EXPECT_EQ(get(*tier, "k").value(), "v");
}

TEST_F(ClusterTier, WithoutAnyNodeItEndsAtOnceAndComesBack) {
  const int port = testing::free_port();
  const auto tier = make_cluster_tier({.seeds = {"127.0.0.1:" + std::to_string(port)}});
  EXPECT_FAILS(get(*tier, "k", 5s), Errc::unavailable);
  EXPECT_EQ(cluster_status(*tier)->slots_covered, 0U);
  EXPECT_EQ(tier->stats().reachable, false);
  EXPECT_FALSE(cluster_status(*tier)->last_refresh_error.empty());
}

TEST_F(ClusterTier, AServerThatIsNoClusterIsNamedWithTheRemedy) {
  RedisServer server;
  const auto tier = make_cluster_tier({.seeds = {server.url()}});
  const auto outcome = get(*tier, "k");
  EXPECT_FAILS(outcome, Errc::unavailable);
  EXPECT_NE(text(outcome).find("redis://"), std::string::npos) << text(outcome);
}

TEST_F(ClusterTier, AnOrdinaryTierOnANodeNamesTheRemedy) {
  const auto tier = make_redis_tier({.url = cluster->seed(0)});
  // Also for the keys that this node has: otherwise some keys are cached, the others are not, and clear() finds
  // some of them.
  for (int i = 0; i < 20; ++i) {
    const auto outcome = get(*tier, "key " + std::to_string(i));
    EXPECT_FAILS(outcome, Errc::unavailable);
    EXPECT_NE(text(outcome).find("redis-cluster://"), std::string::npos) << text(outcome);
  }
}

TEST_F(ClusterTier, F20_KeysOfASlotThatMovesAreFoundOnBothSides) {
  const auto tier = make();
  const Place at = place("{moving}");
  ASSERT_TRUE(set(*tier, "{moving}moved", "m"));
  cluster->begin_move(at.slot, at.from, at.to);
  cluster->move_keys(at.slot, at.from, at.to);
  EXPECT_EQ(get(*tier, "{moving}moved").value(), "m") << "ASK";
  EXPECT_EQ(get(*tier, "{moving}absent").value(), Found());
  // A set is refused as a transaction, and then goes where each of its keys is.
  EXPECT_TRUE(set(*tier, "{moving}new", "n", {}, 1s));
  EXPECT_EQ(cluster->cli(at.from, {"CLUSTER", "COUNTKEYSINSLOT", std::to_string(at.slot)}), "0");
  EXPECT_TRUE(set(*tier, "{moving}moved", "m2", {}, 1s));
  const auto several = set_many(*tier, {{"{moving}x", "x"}, {"elsewhere", "e"}, {"{moving}y", "y", 10s}}, 1s);
  for (const auto& outcome : several) EXPECT_TRUE(outcome) << text(outcome);
  const auto found = get_many(*tier, {"{moving}moved", "{moving}new", "elsewhere", "{moving}y", "{moving}z"});
  EXPECT_EQ(found[0].value(), "m2");
  EXPECT_EQ(found[1].value(), "n");
  EXPECT_EQ(found[2].value(), "e");
  EXPECT_EQ(found[3].value(), "y");
  EXPECT_EQ(found[4].value(), Found());
  EXPECT_TRUE(erase(*tier, "{moving}moved").value()) << "there was one, on the other side";
  EXPECT_FALSE(erase(*tier, "{moving}moved").value());
  const auto erased = erase_many(*tier, {"{moving}new", "{moving}none", "elsewhere"});
  EXPECT_TRUE(erased[0].value());
  EXPECT_FALSE(erased[1].value());
  EXPECT_TRUE(erased[2].value());
  cluster->end_move(at.slot, at.from, at.to);
  EXPECT_EQ(get(*tier, "{moving}x").value(), "x") << "MOVED";
  const ClusterStatus status = *cluster_status(*tier);
  EXPECT_GT(status.asked, 0U);
  EXPECT_LE(status.most_hops, 3U);
  cluster->move(at.slot, at.to, at.from);
}

TEST_F(ClusterTier, F20_AKeyThatHasNotMovedYetIsErasedWhereItIs) {
  const auto tier = make();
  const Place at = place("{staying}");
  ASSERT_TRUE(set(*tier, "{staying}k", "v"));
  cluster->begin_move(at.slot, at.from, at.to);
  EXPECT_EQ(get(*tier, "{staying}k").value(), "v");
  EXPECT_TRUE(set(*tier, "{staying}k", "w", {}, 1s));
  EXPECT_EQ(cluster->cli(at.from, {"GET", "{staying}k"}), "w")
      << "not on both sides, which would stop the move";
  EXPECT_TRUE(erase(*tier, "{staying}k").value());
  cluster->move_keys(at.slot, at.from, at.to);
  cluster->end_move(at.slot, at.from, at.to);
  EXPECT_EQ(get(*tier, "{staying}k").value(), Found());
  cluster->move(at.slot, at.to, at.from);
}

TEST_F(ClusterTier, F20_ALeaseWaitsForTheEndOfTheMoveOrItsDeadline) {
  const auto tier = make();
  const Place at = place("{leased}");
  ASSERT_TRUE(set(*tier, "{leased}k", "v"));
  cluster->begin_move(at.slot, at.from, at.to);
  const testing::Lateness lateness;
  const TimePoint began = system_clock().now();
  const auto late = acquire(*tier, "{leased}k", 'a', 10s, "v", 300ms);
  EXPECT_FAILS(late, Errc::timed_out);
  EXPECT_NE(text(late).find("TRYAGAIN"), std::string::npos) << text(late);
  EXPECT_LE(system_clock().now() - began - lateness.since(began), 400ms);
  auto waiting =
      std::async(std::launch::async, [&] { return acquire(*tier, "{leased}k", 'b', 10s, "v", 20s); });
  const auto waits = cluster_status(*tier)->waits;
  ASSERT_TRUE(eventually([&] { return cluster_status(*tier)->waits > waits; }));
  cluster->move_keys(at.slot, at.from, at.to);
  cluster->end_move(at.slot, at.from, at.to);
  EXPECT_EQ(waiting.get()->kind, LeaseReply::Kind::granted);
  EXPECT_TRUE(fill(*tier, "{leased}k", 'b', "w").value());
  cluster->move(at.slot, at.to, at.from);
}

TEST_F(ClusterTier, F20_NodesThatDoNotAgreeAreGivenUp) {
  const auto tier = make();
  const Place at = place("{torn}");
  ASSERT_EQ(get(*tier, "{torn}").value(), Found());
  cluster->assign(at.from, at.slot, at.to);
  for (const auto& outcome : {get(*tier, "{torn}"), get_many(*tier, {"{torn}"})[0]}) {
    EXPECT_FAILS(outcome, Errc::unavailable);
    EXPECT_NE(text(outcome).find("do not agree"), std::string::npos) << text(outcome);
  }
  const ClusterStatus status = *cluster_status(*tier);
  EXPECT_EQ(status.most_hops, 16U);
  EXPECT_LE(status.moved, 2 * 16U);
  cluster->assign(at.from, at.slot, at.from);
  EXPECT_TRUE(eventually([&] { return get(*tier, "{torn}").has_value(); }));
}

TEST_F(ClusterTier, F20_ASweepFindsKeysThatMove) {
  const auto tier = make();
  const Place at = place("{swept}");
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("p" + std::to_string(i) + (i % 3 == 0 ? "{swept}" : ""));
  for (const auto& name : names) ASSERT_TRUE(set(*tier, name, "v"));
  ASSERT_TRUE(set(*tier, "q", "v"));
  ASSERT_EQ(acquire(*tier, "p leased", 'a')->kind, LeaseReply::Kind::granted);
  cluster->begin_move(at.slot, at.from, at.to);
  cluster->cli(at.from, {"MIGRATE", "127.0.0.1", std::to_string(cluster->node(at.to).port()), "", "0", "5000",
                         "KEYS", "p0{swept}", "p3{swept}"});
  EXPECT_EQ(erase_prefix(*tier, "p").value(), names.size());
  for (const auto& outcome : get_many(*tier, {names.begin(), names.end()}))
    EXPECT_EQ(outcome.value(), Found());
  EXPECT_FALSE(fill(*tier, "p leased", 'a', "late").value()) << "the lease is void";
  EXPECT_EQ(get(*tier, "q").value(), "v");
  cluster->move_keys(at.slot, at.from, at.to);
  cluster->end_move(at.slot, at.from, at.to);
  cluster->move(at.slot, at.to, at.from);
}

TEST_F(ClusterTier, ReplicasAnswerReadsWhenAskedTo) {
  ClusterOptions options = parse_cluster_url(cluster->url());
  options.replica_reads = true;
  const auto tier = make_cluster_tier(options);
  EXPECT_TRUE(tier->may_lag());
  options.replica_reads = false;
  EXPECT_FALSE(make_cluster_tier(options)->may_lag());
  const Place at = place("weak");
  const auto replica = cluster->replica_of(at.from);
  ASSERT_TRUE(set(*tier, "weak", "v"));
  cluster->cli(at.from, {"CONFIG", "RESETSTAT"});
  ASSERT_TRUE(eventually([&] { return get(*tier, "weak").value() == "v"; }));
  EXPECT_EQ(get_many(*tier, {"weak"})[0].value(), "v");
  EXPECT_EQ(calls(at.from, "get"), "0");
  EXPECT_NE(calls(replica, "get"), "0");
  cluster->node(replica).stop();
  EXPECT_EQ(get(*tier, "weak").value(), "v") << "then the primary";
  EXPECT_EQ(get_many(*tier, {"weak"})[0].value(), "v");
  cluster->restart(replica);
  ASSERT_TRUE(eventually([&] { return cluster->healthy(); }, 30s));
}

TEST_F(ClusterTier, TlsAndPasswordsServeAllNodes) {
  RedisCluster single({.primaries = 1, .replicas = 0, .password = "secret", .tls = true});
  ClusterOptions options = parse_cluster_url(single.url());
  options.node.ca_file = single.node(0).ca_file();
  const auto tier = make_cluster_tier(options);
  const auto stored = set(*tier, "k", "v");
  EXPECT_TRUE(stored) << text(stored);
  options.seeds = {"rediss://:wrong@127.0.0.1:" + std::to_string(single.node(0).port())};
  EXPECT_FAILS(get(*make_cluster_tier(options), "k"), Errc::denied);
}

TEST_F(ClusterTier, CertificatesAreReadOnceForAllNodes) {
  RedisCluster single({.primaries = 1, .replicas = 0, .tls = true});
  single.cli(0, {"CONFIG", "SET", "cluster-announce-ip", "127.0.0.1"});
  const testing::TempDir place;
  ClusterOptions options;
  options.seeds = {"rediss://localhost:" + std::to_string(single.node(0).port())};
  options.node.ca_file = place.file("ca.crt");
  std::filesystem::copy(single.node(0).ca_file(), options.node.ca_file);
  const auto tier = make_cluster_tier(options);
  std::filesystem::remove(options.node.ca_file);
  const auto stored = set(*tier, "k", "v");
  EXPECT_TRUE(stored) << text(stored);
  EXPECT_EQ(cluster_status(*tier)->nodes.size(), 2U) << "the seed, and the node by the name it gives itself";
}

TEST_F(ClusterTier, TheWatchHearsAllPrimariesAndFollowsThem) {
  const auto tier = make();
  const auto log = std::make_shared<WatchLog>();
  ASSERT_TRUE(get(*tier, "any"));
  const auto watch = tier->shared()->watch({"w:"}, log);
  ASSERT_TRUE(log->comes("watching"));
  for (int i = 0; i < 30; ++i) {
    const std::string key = "w:" + std::to_string(i);
    ASSERT_TRUE(set(*tier, key, "v"));
    EXPECT_TRUE(log->comes("changed " + key)) << i;
  }
  EXPECT_EQ(acquire(*tier, "w:}{", 'a')->kind, LeaseReply::Kind::granted);
  EXPECT_TRUE(log->comes("lease_changed w:}{"));
  ASSERT_TRUE(set(*tier, "other", "v"));
  const auto before = system_clock().now();
  EXPECT_TRUE(eventually([&] { return log->proven_until() > before; }));
  EXPECT_FALSE(log->told("changed other"));

  const Place at = place("w:0");
  const auto heir = cluster->replica_of(at.from);
  cluster->fail_over_to(heir);
  // Whatever the client does next tells it that the primary is another one.
  ASSERT_TRUE(eventually([&] {
    static_cast<void>(set(*tier, "w:0", "x"));
    return log->told("lost") && log->count("watching") >= 2;
  }));
  log->clear();
  // Once more if the watch was still moving: what happens meanwhile it does not tell.
  EXPECT_TRUE(eventually([&] {
    cluster->cli(heir, {"SET", "w:0", "by somebody else"});
    return log->told("changed w:0");
  }));
  EXPECT_THROW((void)tier->shared()->watch({"a", "ab"}, log), ConfigError);
}

TEST_F(ClusterTier, AfterItsEndEverythingIsShutDown) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "k", "v"));
  std::atomic<int> ended{0};
  for (int i = 0; i < 100; ++i) {
    tier->get("k" + std::to_string(i), in(5s), [&](const Result<Found>&) { ++ended; });
  }
  tier->close();
  EXPECT_EQ(ended, 100);
  EXPECT_FAILS(get(*tier, "k"), Errc::shutdown);
  EXPECT_FAILS(get_many(*tier, {"k"})[0], Errc::shutdown);
  EXPECT_FAILS(erase_prefix(*tier, ""), Errc::shutdown);
}

}  // namespace
}  // namespace terrace::redis
