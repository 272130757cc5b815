/// Slots, redirects, replies to CLUSTER SLOTS and the topology: what of a cluster needs no socket.

#include <gtest/gtest.h>

#include <random>
#include <terrace/redis_cluster.hpp>

#include "redis/cluster.hpp"
#include "redis/encoding.hpp"
#include "redis/keys.hpp"
#include "redis/redirect.hpp"
#include "redis/slots.hpp"
#include "redis/slots_reply.hpp"

namespace terrace::redis {
namespace {

using namespace std::chrono_literals;

// ---- Slots

TEST(ClusterSlots, AreThoseOfTheSpecification) {
  EXPECT_EQ(crc16("123456789"), 0x31C3);
  EXPECT_EQ(crc16(""), 0);
  EXPECT_EQ(slot_of("foo"), 12182);  // as CLUSTER KEYSLOT of Redis 7 says, here and below
  EXPECT_EQ(slot_of("bar"), 5061);
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("user1000"));
  EXPECT_EQ(slot_of("{user1000}.followers"), slot_of("user1000"));
  EXPECT_EQ(slot_of("foo{}{bar}"), crc16("foo{}{bar}") % slot_count) << "an empty tag is none";
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
  EXPECT_EQ(slot_of("foo{bar"), crc16("foo{bar") % slot_count) << "not closed";
  EXPECT_EQ(slot_of("foo}{bar"), crc16("foo}{bar") % slot_count);
}

TEST(ClusterSlots, EverySlotHasATagAndTheTagIsTheSmallest) {
  for (unsigned slot = 0; slot < slot_count; ++slot) {
    const std::string tag(tag_of(static_cast<Slot>(slot)));
    ASSERT_EQ(slot_of(tag), slot);
    ASSERT_LE(tag.size(), 6U);
  }
  EXPECT_EQ(tag_of(slot_of("0")), "0");
  EXPECT_EQ(tag_of(slot_of("7")), "7");
}

TEST(ClusterSlots, CompanionsLieBesideTheirKeyWhateverBracesItHas) {
  const RedisOptions options{.key_prefix = "p}{:"};
  const Encoding encoding(options, system_clock(), Naming::cluster);
  std::mt19937_64 random(4711);
  constexpr std::string_view letters = "{}a~:\r\n\0*";
  for (int i = 0; i < 20'000; ++i) {
    std::string key;
    for (auto left = random() % 8 + 1; left > 0; --left) key += letters[random() % letters.size()];
    const std::string full = options.key_prefix + key;
    for (const bool lease : {true, false}) {
      std::string part;
      lease ? encoding.add_lease(part, key) : encoding.add_version(part, key);
      const auto from = part.find("\r\n") + 2;
      const std::string companion = part.substr(from, part.size() - from - 2);
      ASSERT_EQ(slot_of(companion), slot_of(full)) << companion;
      ASSERT_EQ(encoding.slot(key), slot_of(full));
      ASSERT_EQ(key_of(companion, lease ? lease_head : version_head, Naming::cluster), full);
      ASSERT_EQ(key_of(companion, lease ? version_head : lease_head, Naming::cluster), std::nullopt);
    }
  }
}

TEST(ClusterSlots, OfOneServerTheCompanionsKeepTheirNames) {
  EXPECT_EQ(key_of("~lease:{k}", lease_head, Naming::single_server), "k");
  EXPECT_EQ(key_of("~lease:{k}x}", lease_head, Naming::single_server), "k}x");
  EXPECT_EQ(key_of("~lease:{k", lease_head, Naming::single_server), std::nullopt);
  EXPECT_EQ(key_of("~lease:{12k", lease_head, Naming::cluster), std::nullopt);
}

// ---- Redirects

std::string shown(std::string_view reply) {
  const auto redirect = Redirect::parse(reply);
  if (!redirect) return "none";
  constexpr const char* kinds[] = {"moved", "ask", "try again", "wait", "down", "readonly"};
  std::string text = kinds[static_cast<int>(redirect->kind)];
  if (redirect->to.port != 0) text += " " + std::to_string(redirect->slot) + " " + redirect->to.text();
  return text;
}

TEST(ClusterRedirect, IsReadFromReplies) {
  EXPECT_EQ(shown("MOVED 3999 127.0.0.1:6381"), "moved 3999 127.0.0.1:6381");
  EXPECT_EQ(shown("ASK 16383 node.example:7000"), "ask 16383 node.example:7000");
  EXPECT_EQ(shown("MOVED 1 ::1:7000"), "moved 1 [::1]:7000");
  EXPECT_EQ(shown("MOVED 1 :7000"), "moved 1 :7000") << "the host of the node that answered";
  EXPECT_EQ(shown("MOVED 1 ?:7000"), "moved 1 :7000");
  EXPECT_EQ(shown("TRYAGAIN Multiple keys request during rehashing of slot"), "try again");
  EXPECT_EQ(shown("LOADING Redis is loading the dataset in memory"), "wait");
  EXPECT_EQ(shown("CLUSTERDOWN Hash slot not served"), "down");
  EXPECT_EQ(shown("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
            "down");
  EXPECT_EQ(shown("READONLY You can't write against a read only replica."), "readonly");
  EXPECT_EQ(
      shown("ERR Error running script (call to f_7fc5): @user_script:2: @user_script: 2: -READONLY You"),
      "readonly");
}

TEST(ClusterRedirect, WhatIsNoneIsAnAnswer) {
  for (const char* reply :
       {"", "MOVED", "MOVED 1", "MOVED 16384 h:1", "MOVED x h:1", "MOVED 1 h", "MOVED 1 h:0",
        "MOVED 1 h:65536", "MOVED 1 h:", "ASK -1 h:1", "MOVEDX 1 h:1", "OOM no", "ERR MOVED"}) {
    EXPECT_EQ(shown(reply), "none") << reply;
  }
}

// ---- CLUSTER SLOTS

std::optional<std::vector<SlotRange>> read(std::string_view wire) {
  ReplyReader reader(1 << 20);
  SlotsReply reply({"asked.example", 7000});
  while (!wire.empty()) {
    const auto space = reader.space();
    const std::size_t piece = std::min(wire.size(), space.size());
    std::copy_n(wire.begin(), piece, space.begin());
    reader.commit(piece);
    wire.remove_prefix(piece);
    ReplyReader::Item item;
    while (reader.next(item) == ReplyReader::Step::node) reply.take(item.node);
  }
  return reply.ranges();
}

TEST(ClusterSlotsReply, IsReadWithAllThatServersMayPutIntoIt) {
  const auto ranges = read(
      "*2\r\n"
      "*4\r\n:0\r\n:5460\r\n"
      "*4\r\n$9\r\n127.0.0.1\r\n:30001\r\n$3\r\nid1\r\n*2\r\n$8\r\nhostname\r\n$1\r\nh\r\n"
      "*3\r\n$3\r\n::1\r\n:30004\r\n$3\r\nid2\r\n"
      "*3\r\n:5461\r\n:16383\r\n*4\r\n_\r\n:30002\r\n$3\r\nid3\r\n*0\r\n");
  ASSERT_TRUE(ranges);
  ASSERT_EQ(ranges->size(), 2U);
  EXPECT_EQ((*ranges)[0].last, 5460);
  ASSERT_EQ((*ranges)[0].nodes.size(), 2U);
  EXPECT_EQ((*ranges)[0].nodes[1].text(), "[::1]:30004");
  EXPECT_EQ((*ranges)[1].first, 5461);
  EXPECT_EQ((*ranges)[1].nodes[0].text(), "asked.example:30002") << "no host: the one that was asked";
  EXPECT_TRUE(read("*0\r\n")->empty());
}

TEST(ClusterSlotsReply, WhatIsNoneIsRefused) {
  for (const char* wire :
       {"+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:0\r\n:5\r\n", "*1\r\n*3\r\n:7\r\n:5\r\n*2\r\n+h\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n+h\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n+h\r\n:0\r\n"}) {
    EXPECT_FALSE(read(wire)) << wire;
  }
}

/// A reply with a range for each of `ranges` slots, served by one of `nodes` nodes; `copies` times each.
std::string reply_of(unsigned ranges, unsigned nodes, unsigned copies = 1) {
  std::string wire = "*" + std::to_string(ranges) + "\r\n";
  for (unsigned i = 0; i < ranges; ++i) {
    const std::string slot = ":" + std::to_string(i % slot_count) + "\r\n";
    wire += "*" + std::to_string(2 + copies) + "\r\n" + slot + slot;
    for (unsigned copy = 0; copy < copies; ++copy) {
      wire += "*2\r\n$1\r\nh\r\n:" + std::to_string(1 + i % nodes) + "\r\n";
    }
  }
  return wire;
}

TEST(ClusterSlotsReply, A06_HasBounds) {
  EXPECT_EQ(read(reply_of(slot_count, most_nodes))->size(), slot_count) << "the largest cluster, in pieces";
  EXPECT_FALSE(read(reply_of(most_nodes + 1, most_nodes + 1))) << "nodes";
  EXPECT_FALSE(read(reply_of(slot_count + 1, 1))) << "ranges";
  EXPECT_FALSE(read(reply_of(slot_count, 1, 9))) << "mentions of a node";
  EXPECT_FALSE(
      read("*2\r\n*3\r\n:0\r\n:16383\r\n*2\r\n+h\r\n:1\r\n"
           "*3\r\n:5\r\n:5\r\n*2\r\n+h\r\n:1\r\n"))
      << "a slot twice";
}

/// With a search through the list of primaries, 100,000 ranges took 50 s.
TEST(ClusterSlotsReply, A06_AHostileReplyTakesTimeInProportion) {
  const auto time = [](unsigned ranges, unsigned nodes) {
    const std::string wire = reply_of(ranges, nodes);
    Duration least = 1h;
    for (int i = 0; i < 5; ++i) {
      const TimePoint began = system_clock().now();
      Topology topology(began, {{"h", 1}}, 7);
      const auto asked = topology.ask(began);
      if (const auto map = read(wire)) topology.answered(began, *asked, *map);
      least = std::min(least, system_clock().now() - began);
    }
    return least;
  };
  const Duration honest = time(slot_count, 6);
  EXPECT_LE(time(slot_count, most_nodes), 20 * honest);
  EXPECT_LE(time(100'000, 60'000), 20 * honest) << "refused early";
}

// ---- Seeds and URLs

std::string refusal(auto make) {
  try {
    make();
  } catch (const ConfigError& wrong) {
    return wrong.what();
  }
  return "accepted";
}

TEST(ClusterUrl, NamesSeedsAndTheLoginOfAllNodes) {
  const auto options = parse_cluster_url("rediss-cluster://ann:s%40c@h1:7000,h2,[::1]:7002/");
  const ClusterEntry entry = parse_seeds(options.seeds);
  EXPECT_EQ(entry.transport, Transport::tls);
  EXPECT_EQ(entry.user, "ann");
  EXPECT_EQ(entry.password, "s@c");
  ASSERT_EQ(entry.seeds.size(), 3U);
  EXPECT_EQ(entry.seeds[0].text(), "h1:7000");
  EXPECT_EQ(entry.seeds[1].text(), "h2:6379");
  EXPECT_EQ(entry.seeds[2].text(), "[::1]:7002");
  const ClusterEntry plain = parse_seeds({"h1:7000", "redis://:pw@h2", "h3"});
  EXPECT_EQ(plain.transport, Transport::tcp);
  EXPECT_EQ(plain.password, "pw");
  EXPECT_EQ(parse_seeds({"h1", "rediss://h2"}).transport, Transport::tls)
      << "a seed without a scheme has none";
}

TEST(ClusterUrl, WhatCannotWorkIsRefusedWithTheRemedy) {
  const auto url = [](std::string_view text) { return refusal([&] { (void)parse_cluster_url(text); }); };
  EXPECT_NE(url("redis://h").find("redis-cluster://"), std::string::npos);
  EXPECT_NE(url("redis-cluster://h1,,h2").find("a seed is empty"), std::string::npos);
  EXPECT_NE(url("redis-cluster://").find("a seed is empty"), std::string::npos);
  EXPECT_NE(url("redis-cluster://h/3").find("database 0 only"), std::string::npos);
  EXPECT_EQ(url("redis-cluster://ann:secret@h:x").find("secret"), std::string::npos);
  const auto seeds = [](std::vector<std::string> list) {
    return refusal([&] { (void)make_cluster_tier({.seeds = std::move(list)}); });
  };
  EXPECT_NE(seeds({}).find("there are none"), std::string::npos);
  EXPECT_NE(seeds({"redis://h/2"}).find("database 0 only"), std::string::npos);
  EXPECT_NE(seeds({"unix:///tmp/s"}).find("over TCP"), std::string::npos);
  EXPECT_NE(seeds({"redis://h", "rediss://h"}).find("mixed"), std::string::npos);
  EXPECT_NE(seeds({"redis://:a@h", "redis://:b@h"}).find("different"), std::string::npos);
  EXPECT_NE(refusal([] {
              (void)make_cluster_tier({.seeds = {"h"}, .node = {.url = "redis://other"}});
            }).find("ClusterOptions::seeds"),
            std::string::npos);
  EXPECT_NE(
      refusal([] { (void)make_cluster_tier({.seeds = {"h"}, .node = {.ca_file = "/x"}}); }).find("rediss://"),
      std::string::npos);
}

}  // namespace
}  // namespace terrace::redis
