/// A server leads to another host: it is asked, and sees credentials, only when it is configured or allowed.

#include "redis/allowed_hosts.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <terrace/redis_cluster.hpp>

#include "redis/greeting.hpp"
#include "redis/redis_test.hpp"
#include "redis/redis_url.hpp"
#include "support/acceptor.hpp"

namespace terrace::redis {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

/// Takes connections, hears what is sent, and answers each command by its first words.
class Puppet {
 public:
  using Answers = std::vector<std::pair<std::string, std::string>>;

  explicit Puppet(const std::string& address, Answers answers = {})
      : answers_(std::move(answers)), acceptor_(address), thread_([this] { serve(); }) {}
  ~Puppet() { acceptor_.stop(); }

  [[nodiscard]] int port() const { return acceptor_.port(); }
  [[nodiscard]] std::string text() const { return acceptor_.address() + ":" + std::to_string(port()); }
  [[nodiscard]] std::string heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  void answers(Answers answers) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
  }

 private:
  void serve() {
    while (auto socket = acceptor_.accept()) {
      boost::system::error_code ec;
      std::string buffer(65'536, '\0');
      while (!ec) {
        const auto size = socket->read_some(asio::buffer(buffer), ec);
        if (ec) break;
        std::string reply;
        {
          const std::lock_guard lock(mutex_);
          const std::string_view said(buffer.data(), size);
          heard_ += said;
          if (said.find("PING") != std::string_view::npos) break;  // a replica's, which would stay
          for (std::size_t at = 0; at < said.size(); ++at) {
            for (const auto& [word, answer] : answers_) {
              if (said.substr(at).starts_with("\r\n" + word + "\r\n")) reply += answer;
            }
          }
        }
        if (!reply.empty()) asio::write(*socket, asio::buffer(reply), ec);
      }
    }
  }

  mutable std::mutex mutex_;
  std::string heard_;
  Answers answers_;
  testing::Acceptor acceptor_;
  std::jthread thread_;
};

const std::string as_replica = "%1\r\n$4\r\nrole\r\n$7\r\nreplica\r\n";
const std::string as_primary = "%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
std::string role(const std::string& host, int port) {
  return "*5\r\n" + bulk("slave") + bulk(host) + ":" + std::to_string(port) + "\r\n" + bulk("connect") +
         ":0\r\n";
}
Puppet::Answers replica_of(const std::string& host, int port) {
  return {{"HELLO", as_replica}, {"INFO", "+i\r\n"}, {"ROLE", role(host, port)}};
}
/// Two halves of the slots, each of one node.
std::string slots(const std::string& host_a, int port_a, const std::string& host_b, int port_b) {
  const auto range = [](int first, int last, const std::string& host, int port) {
    return "*3\r\n:" + std::to_string(first) + "\r\n:" + std::to_string(last) + "\r\n*3\r\n" + bulk(host) +
           ":" + std::to_string(port) + "\r\n" + bulk("id");
  };
  return "*2\r\n" + range(0, 8191, host_a, port_a) + range(8192, 16383, host_b, port_b);
}

bool is_one_printable_line(const std::string& said) {
  return std::all_of(said.begin(), said.end(), [](unsigned char c) { return c >= ' ' && c != 0x7f; });
}

/// The refusal: it names the host and the remedy, and is one line.
template <class T>
void expect_refused(const Result<T>& outcome, const std::string& host) {
  EXPECT_FAILS(outcome, Errc::denied);
  const std::string said = text(outcome);
  EXPECT_NE(said.find(host), std::string::npos) << said;
  EXPECT_NE(said.find("allowed_hosts"), std::string::npos) << said;
  EXPECT_TRUE(is_one_printable_line(said)) << said;
}

TEST(AllowedHosts, AreThoseConfiguredAndThoseNamed) {
  const AllowedHosts hosts({"Cache.example", "10.0.0.1", "0:0::1"},
                           {"10.1.0.0/16", "*.Nodes.example", "other", "fd00::/8"});
  for (const auto* fine : {"cache.example", "CACHE.EXAMPLE", "10.0.0.1", "::1", "10.1.255.7",
                           "a.nodes.example", "a.b.nodes.example", "OTHER", "fd12::7"}) {
    EXPECT_TRUE(hosts.contain(fine)) << fine;
  }
  for (const auto* wrong : {"", "10.0.0.2", "10.2.0.1", "nodes.example", ".nodes.example", "xnodes.example",
                            "10.1.0.0.evil", "cache.example.evil", "x.cache.example", "fe80::1", "*",
                            "a.nodes.example\n", "a b", "10.1.0.1\r\n"}) {
    EXPECT_FALSE(hosts.contain(wrong)) << wrong;
  }
  EXPECT_TRUE(AllowedHosts({"localhost"}, {}).contain("127.0.0.1"));
  const AllowedHosts any({}, {"*"});
  EXPECT_TRUE(any.contain("anything.example"));
  EXPECT_FALSE(any.contain("evil\x1b[2J"));
  EXPECT_FALSE(any.contain(std::string(300, 'a')));
  for (const auto* bad : {"", "a b", "10.0.0.0/33", "*x", "a*", "**", "[::1]", "a/b", "*.", "evil\n"}) {
    EXPECT_THROW(AllowedHosts({}, {bad}), ConfigError) << bad;
  }
}

TEST(AllowedHosts, StandInTheUrl) {
  const std::vector<std::string> hosts{"a", "10.0.0.0/8", "*.x"};
  EXPECT_EQ(parse_redis_url("redis://h/3?allowed_hosts=a,10.0.0.0/8,*.x").allowed_hosts, hosts);
  EXPECT_EQ(parse_redis_url("redis://h/3?allowed_hosts=a,10.0.0.0%2F8,*.x").database, 3U);
  EXPECT_EQ(parse_redis_url("unix:///s?db=2&allowed_hosts=a,10.0.0.0/8,*.x").allowed_hosts, hosts);
  EXPECT_EQ(parse_cluster_url("redis-cluster://h,i?allowed_hosts=a,10.0.0.0/8,*.x").node.allowed_hosts,
            hosts);
  EXPECT_THROW(make_redis_tier({.url = "redis://h", .allowed_hosts = {"a b"}}), ConfigError);
}

/// It would never match: what a server leads to is compared by its host.
TEST(AllowedHosts, APortIsRefusedWithTheRemedy) {
  for (const std::string with_port :
       {"127.0.0.9:6379", "cache.example:6379", "*.example:6379", "cache.example:", ":6379", "::1::6379"}) {
    try {
      AllowedHosts({}, {"fine.example", "::1", with_port});
      ADD_FAILURE() << with_port;
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find("entry 3 has a port"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("write it without"), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find(with_port), std::string::npos)
          << "it may be a part of a password";
    }
  }
  EXPECT_THROW(make_redis_tier({.url = "redis://h?allowed_hosts=i:6379"}), ConfigError);
  EXPECT_THROW(make_cluster_tier(parse_cluster_url("redis-cluster://h?allowed_hosts=i:6379")), ConfigError);
}

/// Who may say REPLICAOF to a server must not learn what its clients log in with.
TEST(AllowedHosts, A03_APrimaryThatIsNotAllowedSeesNoPassword) {
  RedisServer server;
  const Puppet thief("127.0.0.9");
  server.cli({"ACL", "SETUSER", "app", "on", ">canary", "~*", "&*", "+@all"});
  const std::string url = "redis://app:canary@127.0.0.1:" + std::to_string(server.port());
  const auto tier = make_redis_tier({.url = url});
  ASSERT_TRUE(set(*tier, "k", "v"));
  server.cli({"REPLICAOF", "127.0.0.9", std::to_string(thief.port())});
  expect_refused(set(*tier, "k", "w"), "127.0.0.9");
  expect_refused(get(*make_redis_tier({.url = url}), "k"), "127.0.0.9");
  EXPECT_EQ(thief.heard().find("canary"), std::string::npos) << thief.heard();
  EXPECT_GE(redis_status(*tier)->refused_hosts, 1U);
  EXPECT_LE(redis_status(*tier)->refused_hosts, 10U) << "it is not asked again and again";
  EXPECT_NE(redis_status(*tier)->last_error.find("allowed_hosts"), std::string::npos);
  const auto led = make_redis_tier({.url = url, .allowed_hosts = {"127.0.0.9"}});
  (void)get(*led, "k", 200ms);
  EXPECT_TRUE(eventually([&] { return thief.heard().find("canary") != std::string::npos; }))
      << "what happened without the list";
}

TEST(AllowedHosts, A03_AHostileReplicaLeadsNowhere) {
  const Puppet thief("127.0.0.9");
  for (const std::string host : {"127.0.0.9", "evil.example", "evil\x1b[2J\nFAKE LOG LINE", "127.0.0.9 "}) {
    const Puppet replica("127.0.0.1", replica_of(host, thief.port()));
    const auto tier = make_redis_tier({.url = "redis://app:canary@" + replica.text()});
    expect_refused(get(*tier, "k"), host.substr(0, 4));
  }
  EXPECT_EQ(thief.heard(), "");
}

TEST(AllowedHosts, TheSameHostIsFineOnAnotherPort) {
  const Puppet primary("127.0.0.1", {{"HELLO", as_primary}, {"INFO", "+i\r\n"}, {"GET", "$1\r\nv\r\n"}});
  const Puppet replica("127.0.0.1", replica_of("127.0.0.1", primary.port()));
  EXPECT_EQ(get(*make_redis_tier({.url = "redis://app:canary@" + replica.text()}), "k").value(), "v");
}

/// "foo" lies in slot 12182, "bar" in 5061.
TEST(AllowedHosts, A03_NodesOfAClusterThatAreNotAllowedSeeNoPassword) {
  const Puppet thief("127.0.0.9", {{"HELLO", as_primary}, {"GET", "$6\r\nstolen\r\n"}});
  Puppet node("127.0.0.1");
  const auto own = [&](const std::string& answer) {
    node.answers({{"HELLO", as_primary},
                  {"SLOTS", slots("127.0.0.1", node.port(), "127.0.0.1", node.port())},
                  {"GET", answer}});
  };
  const std::string url = "redis-cluster://app:canary@" + node.text();
  const std::string there = thief.text();

  for (const std::string& redirect : {"-MOVED 12182 " + there, "-ASK 12182 " + there}) {
    own(redirect + "\r\n");
    const auto tier = make_cluster_tier(parse_cluster_url(url));
    expect_refused(get(*tier, "foo"), "127.0.0.9");
    expect_refused(get_many(*tier, {"foo"})[0], "127.0.0.9");
    EXPECT_EQ(cluster_status(*tier)->refused_hosts, 2U);
  }
  node.answers({{"HELLO", as_primary},
                {"SLOTS", slots("127.0.0.1", node.port(), "127.0.0.9", thief.port())},
                {"GET", "$1\r\nv\r\n"}});
  {
    const auto tier = make_cluster_tier(parse_cluster_url(url));
    EXPECT_EQ(get(*tier, "bar").value(), "v") << "the others serve their slots";
    expect_refused(get(*tier, "foo"), "127.0.0.9");
    EXPECT_GE(cluster_status(*tier)->refused_hosts, 1U);
    EXPECT_NE(cluster_status(*tier)->last_refresh_error.find("127.0.0.9"), std::string::npos);
  }
  node.answers(
      {{"HELLO", as_primary}, {"SLOTS", slots("127.0.0.9", thief.port(), "127.0.0.9", thief.port())}});
  expect_refused(get(*make_cluster_tier(parse_cluster_url(url)), "foo"), "127.0.0.9");
  EXPECT_EQ(thief.heard(), "");

  const auto led = make_cluster_tier(parse_cluster_url(url + "?allowed_hosts=127.0.0.0/8"));
  EXPECT_EQ(get(*led, "foo").value(), "stolen") << "what happened without the list";
  EXPECT_NE(thief.heard().find("canary"), std::string::npos);
}

/// Before there was a bound, 16,384 nodes were 70,000 connections in 13 s, to wherever the server wished.
TEST(AllowedHosts, A06_AMapOfThousandsOfNodesIsNotFollowed) {
  std::string map = "*16384\r\n";
  for (int slot = 0; slot < 16'384; ++slot) {
    const std::string number = ":" + std::to_string(slot) + "\r\n";
    map += "*3\r\n" + number + number + "*2\r\n" +
           bulk("127.1." + std::to_string(slot / 256) + "." + std::to_string(slot % 256)) + ":46999\r\n";
  }
  Puppet node("127.0.0.1", {{"HELLO", as_primary}, {"SLOTS", map}, {"GET", "$1\r\nv\r\n"}});
  const auto tier =
      make_cluster_tier(parse_cluster_url("redis-cluster://app:canary@" + node.text() + "?allowed_hosts=*"));
  const auto outcome = get(*tier, "foo", 2s);
  ASSERT_FALSE(outcome);
  EXPECT_NE(text(outcome).find("1000 nodes"), std::string::npos) << text(outcome);
  EXPECT_LE(cluster_status(*tier)->nodes.size(), 1U) << "the seed alone";
}

// ---- Text of a server

const std::string evil = "evil\x1b[2J\r\n2026-01-01 FAKE LOG LINE\x7f\xc2\x9b\n" + std::string(100'000, '!');

std::string blob_error(const std::string& text) {
  return "!" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

TEST(HostileText, A16_NoReplyWritesLinesOrCommandsIntoMessages) {
  for (const std::string& reply :
       {blob_error(evil), blob_error("TERRACE-TOO-LARGE " + evil), blob_error("WRONGTYPE " + evil),
        blob_error("MOVED 12182 " + evil), blob_error("LOADING " + evil)}) {
    const Puppet server("127.0.0.1", {{"HELLO", as_primary}, {"INFO", "+i\r\n"}, {"GET", reply}});
    const auto tier = make_redis_tier({.url = "redis://" + server.text()});
    const std::string said = text(get(*tier, "k", 2s));
    EXPECT_TRUE(is_one_printable_line(said)) << printable_key(said);
    EXPECT_LT(said.size(), 600U) << printable_key(reply);
  }
}

TEST(HostileText, A16_NoNameOfAHostDoes) {
  const Puppet replica("127.0.0.1", replica_of(evil, 6379));
  const auto led = make_redis_tier({.url = "redis://app:canary@" + replica.text()});
  expect_refused(get(*led, "k", 2s), "\"evil\\x1b[2J");

  Puppet node("127.0.0.1");
  node.answers({{"HELLO", as_primary}, {"SLOTS", slots(evil, 6379, "127.0.0.1", node.port())}});
  const auto tier = make_cluster_tier(parse_cluster_url("redis-cluster://app:canary@" + node.text()));
  expect_refused(get(*tier, "bar", 2s), "\"evil\\x1b[2J");
  EXPECT_TRUE(is_one_printable_line(cluster_status(*tier)->last_refresh_error));
}

TEST(HostileText, A16_WhatInfoTellsDoesNot) {
  ServerFacts facts;
  facts.run_id = "id";
  facts.label = "h:1";
  facts.learn_memory("\nmaxmemory:9\r\nmaxmemory_policy:evil\x1b[2J" + std::string(100'000, '!') + "\r\n");
  ASSERT_TRUE(facts.unfit);
  EXPECT_TRUE(is_one_printable_line(facts.unfit->context)) << printable_key(facts.unfit->context);
  EXPECT_LT(facts.unfit->context.size(), 600U);
}

}  // namespace
}  // namespace terrace::redis
