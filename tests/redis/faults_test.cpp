// What the Redis tier does when the server or the network fails; named after the rows of the list of faults.
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <random>

#include "redis/redis_test.hpp"
#include "redis/resp.hpp"
#include "support/acceptor.hpp"
#include "support/lateness.hpp"

namespace terrace::redis {
namespace {

namespace asio = boost::asio;

const testing::Lateness lateness;

/// What has passed, less what this machine was late meanwhile.
Duration since(TimePoint begin) {
  return system_clock().now() - begin - lateness.since(begin);
}

/// How late an operation may be on a busy machine; the contract's 10 ms holds on a quiet one.
constexpr Duration slack = 250ms;

TEST(RedisFaults, F01_FrozenEveryOperationEndsByItsDeadlineThenTheBreakerOpens) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url(), .open_time = 300ms});
  ASSERT_TRUE(set(*tier, "k", "v"));
  server.freeze();
  for (int i = 0; i < 5; ++i) {
    const auto begin = system_clock().now();
    EXPECT_FAILS(get(*tier, "k", 50ms), Errc::timed_out);
    EXPECT_GE(system_clock().now() - begin, 50ms);
    EXPECT_LT(since(begin), 50ms + slack);
  }
  const auto begin = system_clock().now();
  for (int i = 0; i < 100; ++i) {
    const auto refused = get(*tier, "k", 10s);
    EXPECT_FAILS(refused, Errc::unavailable);
    EXPECT_NE(text(refused).find("breaker"), std::string::npos) << text(refused);
  }
  EXPECT_LT(since(begin), slack) << "costs nothing any more";
  EXPECT_TRUE(redis_status(*tier)->breaker_open);
  EXPECT_EQ(tier->stats().breaker_open, true);
  server.thaw();
  ASSERT_TRUE(comes_back(*tier));
  EXPECT_EQ(get(*tier, "k").value(), "v");
  EXPECT_FALSE(redis_status(*tier)->breaker_open);
  EXPECT_EQ(tier->stats().breaker_open, false);
}

/// A fifth of the replies comes 400 ms late. Never do five operations in a row run out of time.
TEST(RedisFaults, F38_InABrownOutTheBreakerOpensAndCallersStopPaying) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy)});
  ASSERT_TRUE(set(*tier, "k", "v"));
  proxy.delay_replies(5, 400ms);
  int slow = 0;
  for (int i = 0; i < 200 && !redis_status(*tier)->breaker_open; ++i) {
    const auto found = get(*tier, "k", 250ms);
    if (!found && found.error() == Errc::timed_out) ++slow;
  }
  ASSERT_TRUE(redis_status(*tier)->breaker_open);
  EXPECT_LE(slow, 6);
  EXPECT_NE(text(get(*tier, "k")).find("operations within 10 s timed out"), std::string::npos)
      << text(get(*tier, "k"));
  // It stays open: an ill server does not answer enough probes in a row.
  const auto begin = system_clock().now();
  int paid = 0;
  while (since(begin) < 2500ms) {
    const auto found = get(*tier, "k", 250ms);
    if (!found && found.error() == Errc::timed_out) ++paid;
  }
  EXPECT_EQ(paid, 0);
  EXPECT_EQ(redis_status(*tier)->breaker_openings, 1U);
  EXPECT_EQ(redis_status(*tier)->connects, 1U) << "the connection is kept";
  proxy.delay_replies(0, 0ms);
  ASSERT_TRUE(comes_back(*tier));
  EXPECT_EQ(get(*tier, "k").value(), "v");
}

TEST(RedisFaults, F01_FrozenForLongTheConnectionIsRenewed) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(set(*tier, "k", "v"));
  server.freeze();
  const auto begin = system_clock().now();
  EXPECT_FAILS(get(*tier, "k", 30s), Errc::io_error);
  EXPECT_LT(since(begin), 2s);
  EXPECT_FAILS(get(*tier, "k", 30s), Errc::unavailable);
  server.thaw();
  ASSERT_TRUE(comes_back(*tier));
  EXPECT_EQ(get(*tier, "k").value(), "v");
  EXPECT_GE(redis_status(*tier)->connects, 2U);
}

TEST(RedisFaults, F01_FrozenUnderLoadIsNoticedAllTheSame) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url(), .failures_to_open = 1'000'000});
  ASSERT_TRUE(set(*tier, "k", "v"));
  server.freeze();
  std::atomic<int> pending{0};
  const bool noticed = eventually(
      [&] {
        ++pending;
        tier->get("k", in(1min), [&](const Result<Found>&) { --pending; });
        return !connected(*tier);
      },
      2500ms);
  EXPECT_TRUE(noticed) << "what the kernel takes from us is no sign of life";
  EXPECT_TRUE(eventually([&] { return pending == 0; }));
}

TEST(RedisFaults, F02_AHalfDeadConnectionIsNoticedWithinTwoSeconds) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy), .connect_timeout = 200ms});
  ASSERT_TRUE(eventually([&] { return get(*tier, "k").has_value(); }))
      << "on a loaded machine connecting may take longer";
  proxy.stall(true);
  EXPECT_TRUE(eventually([&] { return !connected(*tier); }, 2000ms + 100ms));
  proxy.stall(false);
  EXPECT_TRUE(comes_back(*tier));
}

TEST(RedisFaults, F03_KilledInMidPipelineEachOperationEndsOnce) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(get(*tier, "k"));
  constexpr int count = 20'000;
  std::vector<std::atomic<int>> ends(count);
  std::atomic<int> done{0}, wrong{0};
  const std::string value(200, 'v');
  for (int i = 0; i < count; ++i) {
    if (i == count / 2) server.kill9();
    tier->set("k" + std::to_string(i), value, {}, in(20s), [&, i](const Result<void>& outcome) {
      ++ends[static_cast<std::size_t>(i)];
      ++done;
      if (!outcome && outcome.error() != Errc::io_error && outcome.error() != Errc::unavailable) ++wrong;
    });
  }
  ASSERT_TRUE(eventually([&] { return done == count; })) << done;
  EXPECT_EQ(wrong, 0);
  tier->close();
  for (const auto& times : ends) ASSERT_EQ(times, 1);
}

TEST(RedisFaults, F04_RepliesInOneByteSlices) {
  RedisServer server;
  TcpProxy proxy(server.port());
  proxy.slice_replies(1);
  const auto tier = make_redis_tier({.url = url_of(proxy), .key_prefix = "p:"});
  const std::string value = "a\r\n$3\r\n" + std::string(3000, 'x');
  ASSERT_TRUE(set(*tier, "k", value));
  ASSERT_TRUE(set(*tier, "l", "other"));
  const auto found = get_many(*tier, {"k", "none", "l", "k"});
  EXPECT_EQ(found[0].value(), value);
  EXPECT_EQ(found[1].value(), std::nullopt);
  EXPECT_EQ(found[2].value(), "other");
  EXPECT_EQ(found[3].value(), value);
  EXPECT_EQ(erase_prefix(*tier, "").value(), 2U);
}

TEST(RedisFaults, F04_ResetInMidReply) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy)});
  std::vector<std::string> names;
  std::vector<std::string_view> keys;
  for (int i = 0; i < 500; ++i) names.push_back("k" + std::to_string(i));
  for (const auto& name : names) {
    keys.push_back(name);
    ASSERT_TRUE(set(*tier, name, name + std::string(100, '.')));
  }
  proxy.slice_replies(1000);
  proxy.reset_after(10'000);
  int good = 0, lost = 0;
  const auto found = get_many(*tier, keys);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (found[i]) {
      ++good;
      EXPECT_EQ(found[i].value(), names[i] + std::string(100, '.'));
    } else {
      ++lost;
      EXPECT_FAILS(found[i], Errc::io_error);
    }
  }
  EXPECT_GT(good, 0);
  EXPECT_GT(lost, 0);
  ASSERT_TRUE(comes_back(*tier));
  EXPECT_EQ(get(*tier, "k7").value(), "k7" + std::string(100, '.'));
}

/// A client as one writes it first: on a time-out it goes on to the next request. The mutant of F05.
std::string second_answer_of_a_naive_client(int port) {
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
  std::string both;
  add_command(both, {"GET", "a"});  // sent; its time runs out; given up
  add_command(both, {"GET", "b"});
  asio::write(socket, asio::buffer(both));
  std::string reply;
  asio::read_until(socket, asio::dynamic_buffer(reply), "\r\n");
  asio::read_until(socket, asio::dynamic_buffer(reply), "value\r\n");
  return reply;
}

TEST(RedisFaults, F05_ALateReplyNeverReachesAnotherCaller) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy), .failures_to_open = 1000});
  ASSERT_TRUE(set(*tier, "a", "a-value"));
  ASSERT_TRUE(set(*tier, "b", "b-value"));
  proxy.delay(40ms);
  EXPECT_NE(second_answer_of_a_naive_client(proxy.port()).find("a-value"), std::string::npos)
      << "the scenario shows the bug where there is one";
  for (int round = 0; round < 5; ++round) {
    EXPECT_FAILS(get(*tier, "a", 20ms), Errc::timed_out);
    EXPECT_EQ(get(*tier, "b").value(), "b-value");
    EXPECT_FAILS(get_many(*tier, {"a", "a", "a"}, 20ms)[2], Errc::timed_out);
    EXPECT_FAILS(set(*tier, "c", "c", {}, 20ms), Errc::timed_out);
    EXPECT_EQ(get_many(*tier, {"b", "none"})[0].value(), "b-value");
  }
  EXPECT_EQ(redis_status(*tier)->connects, 1U) << "and the connection was kept";
}

TEST(RedisFaults, F05_RandomTimeOutsUnderLoad) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy), .failures_to_open = 1'000'000});
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(set(*tier, std::to_string(i), "value of " + std::to_string(i)));
  proxy.delay(3ms);
  proxy.slice_replies(7);
  std::atomic<int> wrong{0}, late{0}, good{0};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 150; ++i) {
        const std::string key = std::to_string(random() % 50);
        const auto found = get(*tier, key, std::chrono::milliseconds(1 + random() % 20));
        if (!found) {
          ++(found.error() == Errc::timed_out ? late : wrong);
        } else {
          ++(*found == "value of " + key ? good : wrong);
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(late, 0);
  EXPECT_GT(good, 0);
}

TEST(RedisFaults, F16_AFullServerRefusesWritesAndStillErases) {
  RedisServer server({.arguments = {"--maxmemory", "8mb", "--maxmemory-policy", "noeviction"}});
  const auto tier = make_redis_tier({.url = server.url()});
  Result<void> outcome;
  for (int i = 0; i < 200 && outcome; ++i)
    outcome = set(*tier, "k" + std::to_string(i), std::string(100'000, 'v'));
  EXPECT_FAILS(outcome, Errc::unavailable);
  EXPECT_NE(text(outcome).find("full"), std::string::npos) << text(outcome);
  EXPECT_TRUE(get(*tier, "k0").value());
  EXPECT_TRUE(erase(*tier, "k0").value());
  EXPECT_GT(erase_prefix(*tier, "k").value(), 10U);
  EXPECT_TRUE(set(*tier, "k", "v"));
}

TEST(RedisFaults, F19_ServersThatCannotServeSaySo) {
  RedisServer server({.arguments = {"--lua-time-limit", "50"}});
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(set(*tier, "k", "v"));
  server.cli({"REPLICAOF", "127.0.0.1", "1"});
  server.cli({"CONFIG", "SET", "replica-serve-stale-data", "no"});
  EXPECT_FAILS(get(*tier, "k"), Errc::unavailable) << "MASTERDOWN";
  server.cli({"REPLICAOF", "NO", "ONE"});
  EXPECT_EQ(get(*tier, "k").value(), "v");

  std::jthread script([&] {
    try {
      server.cli({"EVAL", "while true do end", "0"});
    } catch (const std::runtime_error&) {
    }
  });
  Result<Found> busy;
  EXPECT_TRUE(eventually([&] { return !(busy = get(*tier, "k", 3s)); }));
  EXPECT_FAILS(busy, Errc::unavailable);
  EXPECT_NE(text(busy).find("BUSY"), std::string::npos) << text(busy);
  server.cli({"SCRIPT", "KILL"});
  EXPECT_TRUE(comes_back(*tier));
}

/// What was said to it is forgotten with the connection, its time limit too.
TEST(RedisFaults, F03_AServerThatHangsUpDuringTheLoginIsTriedAgain) {
  std::unique_ptr<RedisServer> server = std::make_unique<RedisServer>();
  const int port = server->port();
  TcpProxy proxy(port);
  server.reset();  // the proxy accepts, finds nobody, and hangs up
  const auto tier = make_redis_tier({.url = url_of(proxy), .connect_timeout = 100ms, .reconnect_cap = 20ms});
  ASSERT_TRUE(eventually([&] { return redis_status(*tier)->failed_connects >= 100; }, 20s));
  EXPECT_FAILS(get(*tier, "k"), Errc::unavailable);
  RedisServer again({.port = port});
  EXPECT_TRUE(comes_back(*tier));
}

/// More than the connection takes at a time is sent as soon as there is room, not when the next PING is due.
TEST(RedisFaults, F01_WhatWaitsForAFullLineIsSentWhenItIsEmpty) {
  constexpr int count = 140'000;
  constexpr Duration pause_before_ping = 500ms;
  Duration longest_pause = Duration::max();
  for (int attempt = 0; attempt < 5 && longest_pause >= pause_before_ping; ++attempt) {
    RedisServer server;  // once more, when this machine was busy
    const auto tier = make_redis_tier({.url = server.url(), .failures_to_open = 1'000'000});
    ASSERT_TRUE(get(*tier, "k"));
    server.freeze();
    std::atomic<int> done{0};
    Duration longest{};
    TimePoint last{};
    for (int i = 0; i < count; ++i) {
      tier->get("k", in(30s), [&](const Result<Found>&) {
        const TimePoint now = system_clock().now();
        if (done > 0) longest = std::max(longest, now - last);
        last = now;
        ++done;
      });
    }
    server.thaw();
    ASSERT_TRUE(eventually([&] { return done == count; }, 40s)) << done;
    longest_pause = longest;
  }
  EXPECT_LT(longest_pause, pause_before_ping);
}

TEST(RedisFaults, F39_AnAbsentServerCostsNothingAndIsNotStormed) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(set(*tier, "k", "v"));
  server.stop();
  ASSERT_TRUE(eventually([&] { return redis_status(*tier)->failed_connects > 0; }));
  int asked = 0;
  for (const auto begin = system_clock().now(); system_clock().now() - begin < 1s; ++asked) {
    EXPECT_FAILS(get(*tier, "k", 10s), Errc::unavailable);
  }
  EXPECT_GT(asked, 1000) << "each ends at once";
  EXPECT_LT(redis_status(*tier)->failed_connects, 30U);
  EXPECT_EQ(tier->stats().reachable, false);
  server.start();
  ASSERT_TRUE(comes_back(*tier));
  EXPECT_EQ(tier->stats().reachable, true);
  EXPECT_EQ(get(*tier, "k").value(), std::nullopt);
}

TEST(RedisFaults, AnUnreachableServerIsNoReasonToThrow) {
  const auto tier = make_redis_tier({.url = "redis://127.0.0.1:" + std::to_string(testing::free_port())});
  const auto begin = system_clock().now();
  const auto outcome = get(*tier, "k", 10s);
  EXPECT_FAILS(outcome, Errc::unavailable);
  EXPECT_NE(text(outcome).find("refused"), std::string::npos) << text(outcome);
  EXPECT_LT(since(begin), slack);
  const auto nowhere = make_redis_tier({.url = "unix:///nowhere/redis.sock"});
  EXPECT_FAILS(get(*nowhere, "k"), Errc::unavailable);
  const auto unknown = make_redis_tier({.url = "redis://no-such-host.invalid"});
  EXPECT_FAILS(get(*unknown, "k"), Errc::unavailable);
}

TEST(RedisFaults, TheFirstOperationsWaitForTheConnectionButNotLonger) {
  RedisServer server;
  TcpProxy proxy(server.port());
  proxy.stall(true);
  const auto tier = make_redis_tier({.url = url_of(proxy), .connect_timeout = 400ms});
  auto begin = system_clock().now();
  EXPECT_FAILS(get(*tier, "k", 50ms), Errc::timed_out);
  EXPECT_LT(since(begin), 50ms + slack);
  EXPECT_FAILS(get(*tier, "k", 30s), Errc::unavailable) << "at the connect time limit";
  EXPECT_LT(since(begin), 400ms + slack);
  begin = system_clock().now();
  EXPECT_FAILS(get(*tier, "k", 30s), Errc::unavailable) << "at once from now on";
  EXPECT_LT(since(begin), slack);
  proxy.stall(false);
  EXPECT_TRUE(comes_back(*tier));
}

TEST(RedisFaults, ABrokenConnectionIsRenewedBeforeTheNextOperationFails) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(set(*tier, "k", "v"));
  server.cli({"CLIENT", "KILL", "TYPE", "normal"});
  ASSERT_TRUE(eventually([&] { return redis_status(*tier)->last_error.find("lost") != std::string::npos; }));
  EXPECT_EQ(get(*tier, "k").value(), "v");
}

/// A server that answers the greeting, and everything after it with these bytes; with no answer it hangs up
/// on the greeting.
class HostileServer {
 public:
  explicit HostileServer(std::string answer, std::string hello = "+hello\r\n")
      : answer_(std::move(answer)), greeting_(hello + "+info\r\n+info\r\n"), thread_([this] { serve(); }) {}
  ~HostileServer() { acceptor_.stop(); }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(acceptor_.port()); }

 private:
  void serve() {
    boost::system::error_code ec;
    while (auto socket = acceptor_.accept()) {
      std::string buffer(4096, '\0');
      socket->read_some(asio::buffer(buffer), ec);
      if (answer_.empty()) continue;
      asio::write(*socket, asio::buffer(greeting_), ec);
      if (!ec) socket->read_some(asio::buffer(buffer), ec);
      if (!ec) asio::write(*socket, asio::buffer(answer_), ec);
    }
  }

  std::string answer_;
  std::string greeting_;
  testing::Acceptor acceptor_;
  std::jthread thread_;
};

TEST(RedisFaults, A36_HostileRepliesAreErrorsNotCrashes) {
  for (const std::string answer :
       {"$\r\n", "$-1\r\n", "*-1\r\n", "$99999999999\r\n", "HTTP/1.0 400 no\r\n", "*2\r\n$1\r\n", ":5\r\n",
        "+OK\r\n+OK\r\n", "%1\r\n+a\r\n+b\r\n", "|1\r\n+a\r\n+b\r\n_\r\n", "!3\r\nERR\r\n"}) {
    const HostileServer server(answer);
    const auto tier = make_redis_tier({.url = server.url()});
    const auto outcome = get(*tier, "k", 2s);
    EXPECT_FALSE(outcome) << printable_key(answer);
  }
}

TEST(RedisFaults, A36_HostileRepliesAboutThePrimaryAreErrorsNotCrashes) {
  for (const std::string port : {"$3\r\nabc\r\n", ":0\r\n", ":65536\r\n", "$2\r\n-1\r\n", "_\r\n",
                                 "$30\r\n999999999999999999999999999999\r\n", "*1\r\n:7\r\n"}) {
    const HostileServer server("*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n" + port + "$7\r\nconnect\r\n:0\r\n",
                               "%1\r\n$4\r\nrole\r\n$7\r\nreplica\r\n");
    const auto tier = make_redis_tier({.url = server.url()});
    EXPECT_FAILS(get(*tier, "k", 2s), Errc::unavailable);
  }
}

/// The greeting that was lost must not be looked for when its time would have been over.
TEST(RedisFaults, F03_AConnectionLostInItsGreetingLeavesNothingBehind) {
  const HostileServer server("");
  const auto tier = make_redis_tier({.url = server.url(), .connect_timeout = 50ms, .reconnect_cap = 5ms});
  EXPECT_TRUE(eventually([&] {
    EXPECT_FAILS(get(*tier, "k"), Errc::unavailable);
    return redis_status(*tier)->failed_connects >= 100;
  }));
}

/// Redis 5, Twemproxy, Envoy, or a server whose HELLO was renamed: the message has the remedy.
TEST(RedisFaults, G3_AServerWithoutResp3IsRefusedWithTheRemedy) {
  const RedisServer renamed({.arguments = {"--rename-command", "HELLO", ""}});
  const HostileServer hangs_up("");
  const HostileServer refuses("+OK\r\n", "-ERR unsupported command 'HELLO'\r\n");
  const HostileServer old("+OK\r\n", "-NOPROTO unsupported protocol version\r\n");
  for (const std::string& url : {renamed.url(), hangs_up.url(), refuses.url(), old.url()}) {
    const auto tier = make_redis_tier({.url = url});
    const auto outcome = get(*tier, "k", 5s);
    EXPECT_FAILS(outcome, Errc::unavailable);
    EXPECT_NE(text(outcome).find("HELLO 3 (RESP3): Redis 6 or newer, or Valkey"), std::string::npos)
        << text(outcome);
  }
}

TEST(RedisFaults, A37_WhatAServerQuotesOfACommandIsNotPassedOn) {
  const HostileServer server("-ERR unknown command 'GET', with args beginning with: 'canary-value'\r\n");
  const auto tier = make_redis_tier({.url = server.url()});
  const auto outcome = get(*tier, "k", 2s);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(text(outcome).find("canary"), std::string::npos) << text(outcome);
}

}  // namespace
}  // namespace terrace::redis
