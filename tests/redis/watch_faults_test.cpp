// What a watch does when the server or the network fails; named after the rows of the list of faults.
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <sstream>

#include "redis/resp.hpp"
#include "redis/shared_test.hpp"
#include "support/lateness.hpp"

namespace terrace::redis {
namespace {

namespace asio = boost::asio;

const testing::Lateness lateness;

/// What has passed, less what this machine was late meanwhile.
Duration since(TimePoint begin) {
  return system_clock().now() - begin - lateness.since(begin);
}
/// How late things may be on a busy machine.
constexpr Duration slack = 300ms;

/// The ids of connections that track, or of those that do not.
std::vector<std::string> connection_ids(const RedisServer& server, bool tracking) {
  std::istringstream list(server.cli({"CLIENT", "LIST", "TYPE", "normal"}));
  std::vector<std::string> ids;
  for (std::string line; std::getline(list, line);) {
    if (line.find("name=terrace") == std::string::npos) continue;
    if ((line.find("flags=tB") != std::string::npos) == tracking)
      ids.push_back(line.substr(3, line.find(' ') - 3));
  }
  return ids;
}

/// A cache that believes what changed() says and nothing else: the mutant of F06 and F07.
bool naive_cache_is_stale(const WatchLog& log, const std::string& changed_key) {
  return !log.told("changed " + changed_key) && !log.told("changed_all");
}

TEST(RedisWatchFaults, F06_AKilledWatchIsLostAndComesBack) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url(), .key_prefix = "p:"});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  ASSERT_TRUE(get(*tier, "k"));
  for (std::size_t round = 1; round <= 5; ++round) {
    const auto ids = connection_ids(server, true);
    ASSERT_EQ(ids.size(), 1U);
    const auto begin = system_clock().now();
    server.cli({"CLIENT", "KILL", "ID", ids[0]});
    ASSERT_TRUE(log->comes("lost", round));
    ASSERT_TRUE(log->comes("watching", round + 1));
    EXPECT_LT(since(begin), 2s + slack);
  }
  server.cli({"SET", "p:k", "v"});
  EXPECT_TRUE(log->comes("changed k"));
  EXPECT_EQ(redis_status(*tier)->connects, 1U) << "the data connection is another one";
  EXPECT_EQ(redis_status(*tier)->watch_connects, 6U);
  EXPECT_NE(redis_status(*tier)->last_watch_error.find("lost"), std::string::npos);
}

TEST(RedisWatchFaults, F06_WhatChangesMeanwhileIsNotToldLater) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy), .connect_timeout = 200ms, .reconnect_cap = 100ms});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  proxy.stall(true);
  proxy.reset_all();
  ASSERT_TRUE(log->comes("lost"));
  server.cli({"SET", "meanwhile", "v"});
  proxy.stall(false);
  ASSERT_TRUE(log->comes("watching", 2));
  ASSERT_TRUE(set(*tier, "end", "v"));
  ASSERT_TRUE(log->comes("changed end"));
  EXPECT_TRUE(naive_cache_is_stale(*log, "meanwhile")) << "who does not heed lost() serves it for ever";
  EXPECT_EQ(log->story(), "watching; lost; watching; changed end; ");
}

TEST(RedisWatchFaults, F06_AServerThatRestartsIsWatchedAgain) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  server.kill9();
  ASSERT_TRUE(log->comes("lost"));
  EXPECT_FALSE(redis_status(*tier)->watching);
  const auto other = std::make_shared<WatchLog>();
  const auto second = tier->shared()->watch({"a"}, other);
  EXPECT_TRUE(other->comes("lost")) << "a new watch is told how it stands";
  server.stop();
  server.start();
  EXPECT_TRUE(log->comes("watching", 2));
  EXPECT_TRUE(other->comes("watching"));
  EXPECT_EQ(log->count("lost"), 1U) << "once, not at every attempt";
  ASSERT_TRUE(eventually([&] { return connected(*tier); })) << "that connection comes by itself";
  ASSERT_EQ(acquire(*tier, "k", 'a')->kind, LeaseReply::Kind::granted) << "the scripts are sent again";
}

TEST(RedisWatchFaults, F07_AHalfDeadWatchIsNoticedAndProvesNothing) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy), .connect_timeout = 200ms});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  ASSERT_TRUE(log->comes("proven"));
  proxy.stall(true);
  const auto begin = system_clock().now();
  server.cli({"SET", "meanwhile", "v"});
  const auto changed = system_clock().now();
  ASSERT_TRUE(log->comes("lost"));
  EXPECT_LT(since(begin), 1s + slack);
  EXPECT_LT(log->proven_until(), changed) << "the gate of whoever trusts proofs shuts";
  EXPECT_TRUE(naive_cache_is_stale(*log, "meanwhile"));
  proxy.stall(false);
  const auto back = system_clock().now();
  EXPECT_TRUE(log->comes("watching", 2));
  EXPECT_LT(since(back), 2s + slack);
}

TEST(RedisWatchFaults, F07_AFrozenServerIsNoticed) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  ASSERT_TRUE(log->comes("proven"));
  server.freeze();
  const auto frozen = system_clock().now();
  ASSERT_TRUE(log->comes("lost"));
  EXPECT_LT(since(frozen), 1s + slack);
  server.thaw();
  EXPECT_TRUE(log->comes("watching", 2));
  EXPECT_TRUE(log->comes("proven", 4));
}

TEST(RedisWatchFaults, F08_ALostDataConnectionDoesNotTouchTheWatch) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  ASSERT_TRUE(get(*tier, "k"));
  const auto ids = connection_ids(server, false);
  ASSERT_EQ(ids.size(), 1U);
  server.cli({"CLIENT", "KILL", "ID", ids[0]});
  ASSERT_TRUE(eventually([&] { return redis_status(*tier)->connects == 2; }));
  server.cli({"SET", "k", "v"});
  EXPECT_TRUE(log->comes("changed k"));
  EXPECT_EQ(log->story(), "watching; changed k; ");
}

/// A connection without any cleverness.
class Raw {
 public:
  explicit Raw(int port) {
    socket_.connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
    socket_.set_option(asio::ip::tcp::no_delay(true));
  }
  void send(std::initializer_list<std::string_view> command) {
    std::string bytes;
    add_command(bytes, command);
    asio::write(socket_, asio::buffer(bytes));
  }
  /// Reads till this has come; everything since the last clear().
  const std::string& read_until(const std::string& marker) {
    while (seen_.find(marker) == std::string::npos) {
      char piece[4096];
      seen_.append(piece, socket_.read_some(asio::buffer(piece)));
    }
    return seen_;
  }
  void clear() { seen_.clear(); }

 private:
  asio::io_context io_;
  asio::ip::tcp::socket socket_{io_};
  std::string seen_;
};

using WallMicros = std::chrono::sys_time<std::chrono::microseconds>;

/// Changes p:k, then takes its time; answers with the time of the change.
constexpr std::string_view slow_change =
    "local t = redis.call('TIME') redis.call('SET', 'p:k', 'v') "
    "local n = 0 for i = 1, 5e6 do n = n + i end "
    "return string.format('at%d%06d;', t[1], t[2])";

WallMicros change_time(const std::string& answer) {
  return WallMicros(std::chrono::microseconds(std::stoll(answer.substr(answer.find("at") + 2))));
}

/// One turn of the server changes a key, takes its time, and then reads what the tracking connection sent
/// before and during it; with one change before and one after, whichever way round the server serves them.
/// The mutant: a PONG proves what was before its own PING.
TEST(RedisWatchFaults, F09_APongOvertakesAnInvalidationTheSecondPingDoesNot) {
  RedisServer server;
  Raw tracked(server.port()), foreign(server.port());
  tracked.send({"HELLO", "3"});
  tracked.send({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "p:"});
  tracked.read_until("+OK");
  int single_wrong = 0;
  for (int round = 0; round < 20; ++round) {
    foreign.send({"PING", "ready"});  // who spoke last is served first
    foreign.read_until("ready");
    tracked.clear();
    foreign.clear();
    server.freeze();
    foreign.send({"EVAL", slow_change, "0"});
    tracked.send({"PING", "filler"});
    server.thaw();
    const auto thawed = system_clock().now();
    while (since(thawed) < 20ms) std::this_thread::yield();
    const auto sent = std::chrono::system_clock::now();
    tracked.send({"PING", "first"});
    tracked.read_until("first");
    const bool before = change_time(foreign.read_until(";")) < sent;
    tracked.send({"PING", "second"});
    const std::string seen = tracked.read_until("second");
    const auto told = seen.find("invalidate");
    if (before && seen.find("first") < told) ++single_wrong;
    EXPECT_LT(told, seen.find("second"));
  }
  EXPECT_GT(single_wrong, 0) << "the scenario shows the bug where there is one";
}

TEST(RedisWatchFaults, F15_AWatcherThatStandsStillCostsTheServerNoMoreThanItsLimit) {
  RedisServer server;
  server.cli({"CONFIG", "SET", "client-output-buffer-limit", "normal 4mb 0 0"});
  struct Slow : WatchLog {
    Latch latch;
    void changed(const std::vector<std::string>& keys) override {
      latch.wait_until(no_deadline);
      WatchLog::changed(keys);
    }
  };
  const auto tier = make_redis_tier({.url = server.url()});
  const auto slow = std::make_shared<Slow>();
  const auto watch = start_watch(*tier, slow);
  const std::string flood =
      "for i = 1, 500 do redis.call('SET', ARGV[1] .. ':' .. i .. string.rep('k', 1000), '') end";
  EXPECT_TRUE(eventually([&, i = 0]() mutable {
    server.cli({"EVAL", flood, "0", std::to_string(i++ % 20)});
    return connection_ids(server, true).empty();
  })) << "the server hangs up";
  EXPECT_FALSE(slow->told("lost"));
  slow->latch.open();
  ASSERT_TRUE(slow->comes("lost"));
  ASSERT_TRUE(slow->comes("watching", 2));
  server.cli({"SET", "end", "v"});
  EXPECT_TRUE(slow->comes("changed end"));
}

TEST(RedisWatchFaults, F19_AServerHeldUpByAScriptAnswersButProvesNothing) {
  RedisServer server({.arguments = {"--lua-time-limit", "50"}});
  const auto tier = make_redis_tier({.url = server.url()});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  ASSERT_TRUE(log->comes("proven"));
  std::jthread script([&] {
    try {
      server.cli({"EVAL", "redis.call('GET', 'k') while true do end", "0"});
    } catch (const std::runtime_error&) {
    }
  });
  Result<LeaseReply> busy;
  ASSERT_TRUE(eventually([&] { return !(busy = acquire(*tier, "k", 'a', 10s, {}, 3s)); }));
  EXPECT_FAILS(busy, Errc::unavailable);
  EXPECT_NE(text(busy).find("BUSY"), std::string::npos) << text(busy);
  const auto held_up = system_clock().now();
  const auto begin = system_clock().now();
  EXPECT_FAILS(fill(*tier, "k", 'a', "v"), Errc::unavailable);
  EXPECT_LT(since(begin), slack);
  EXPECT_TRUE(eventually([&] { return since(held_up) > 1s; }));
  EXPECT_LT(log->proven_until(), held_up);
  server.cli({"SCRIPT", "KILL"});
  EXPECT_TRUE(eventually([&] { return log->proven_until() > held_up; }));
  EXPECT_TRUE(acquire(*tier, "k", 'b'));
}

TEST(RedisWatchFaults, F30_WhoMayNotTrackIsToldAndDoesNotStorm) {
  RedisServer server;
  server.cli(
      {"ACL", "SETUSER", "some", "on", ">canary-pw", "~*", "+@all", "-client|tracking", "-evalsha", "-eval"});
  const auto tier = make_redis_tier(
      {.url = "redis://some:canary-pw@127.0.0.1:" + std::to_string(server.port()), .reconnect_cap = 1s});
  const auto log = std::make_shared<WatchLog>();
  const auto watch = tier->shared()->watch({""}, log);
  ASSERT_TRUE(log->comes("lost"));
  const auto begin = system_clock().now();
  const std::string why = redis_status(*tier)->last_watch_error;
  EXPECT_NE(why.find("NOPERM"), std::string::npos) << why;
  EXPECT_NE(why.find("tracking"), std::string::npos) << why;
  EXPECT_EQ(why.find("canary"), std::string::npos) << why;
  const auto connections = [&] {
    const std::string stats = server.cli({"INFO", "stats"});
    return std::stoi(stats.substr(stats.find("total_connections_received:") + 27));
  };
  const int before = connections();
  const auto denied = acquire(*tier, "k", 'a');
  EXPECT_FAILS(denied, Errc::denied);
  EXPECT_NE(text(denied).find("NOPERM"), std::string::npos) << text(denied);
  EXPECT_TRUE(eventually([&] { return since(begin) > 1s; }));
  EXPECT_LE(connections() - before, 1 + 3) << "half a second at least between attempts";
  server.cli({"ACL", "SETUSER", "some", "+client|tracking", "+evalsha", "+eval"});
  EXPECT_TRUE(log->comes("watching"));
  EXPECT_EQ(acquire(*tier, "k", 'a')->kind, LeaseReply::Kind::granted);
}

/// A network of its own with a server in it, reached over a link that can be taken down.
class Elsewhere {
 public:
  Elsewhere() {
    ip({"netns", "add", name_});
    ip({"link", "add", near_, "type", "veth", "peer", "name", far_, "netns", name_});
    ip({"addr", "add", network_ + ".1/24", "dev", near_});
    ip({"link", "set", near_, "up"});
    ip({"-n", name_, "addr", "add", address(), "dev", far_});
    ip({"-n", name_, "link", "set", far_, "up"});
    server_ =
        testing::ChildProcess(inside({testing::find_program({"redis-server", "valkey-server"}), "--bind",
                                      network_ + ".2", "--protected-mode", "no", "--save", ""}),
                              place_.file("log"));
  }
  ~Elsewhere() {
    server_.stop();
    try {
      ip({"netns", "del", name_});
      ip({"link", "del", near_});
    } catch (const std::runtime_error&) {  // gone with the namespace
    }
  }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;

  [[nodiscard]] std::string url() const { return "redis://" + network_ + ".2:6379"; }
  void link(bool up) const { ip({"-n", name_, "link", "set", far_, up ? "up" : "down"}); }

 private:
  [[nodiscard]] std::string address() const { return network_ + ".2/24"; }
  [[nodiscard]] std::vector<std::string> inside(std::vector<std::string> command) const {
    command.insert(command.begin(), {testing::find_program({"ip"}), "netns", "exec", name_});
    return command;
  }
  static void ip(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "ip");
    testing::run_program(arguments);
  }

  const std::string id_ = std::to_string(::getpid() % 10'000);
  const std::string name_ = "terrace-" + id_;
  const std::string near_ = "tn" + id_, far_ = "tf" + id_;
  const std::string network_ = "10.213." + std::to_string(::getpid() % 250 + 1);
  testing::TempDir place_;
  testing::ChildProcess server_;
};

TEST(RedisWatchFaults, F02_F07_ALinkThatGoesDownIsNoticedAndReconnected) {
  if (::geteuid() != 0 || testing::find_program({"ip"}).empty()) {
    GTEST_SKIP() << "needs root and the program ip, for a network of its own";
  }
  std::unique_ptr<Elsewhere> elsewhere;
  try {
    elsewhere = std::make_unique<Elsewhere>();
  } catch (const std::runtime_error& e) {
    GTEST_SKIP() << "this machine allows no network of its own: " << e.what();
  }
  const auto tier = make_redis_tier({.url = elsewhere->url()});
  ASSERT_TRUE(comes_back(*tier));
  const auto log = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, log);
  ASSERT_TRUE(log->comes("proven"));
  ASSERT_TRUE(set(*tier, "k", "v"));
  elsewhere->link(false);
  const auto down = system_clock().now();
  ASSERT_TRUE(log->comes("lost"));
  const auto lost = since(down);
  EXPECT_LT(lost, 1s + slack);
  EXPECT_LT(log->proven_until(), down);
  ASSERT_TRUE(eventually([&] { return !connected(*tier); }));
  const auto noticed = since(down);
  EXPECT_LT(noticed, 2s + slack);
  elsewhere->link(true);
  const auto up = system_clock().now();
  ASSERT_TRUE(log->comes("watching", 2));
  const auto watching = since(up);
  ASSERT_TRUE(eventually([&] { return connected(*tier); }));
  const auto reconnected = since(up);
  EXPECT_LT(watching, 2s + slack);
  EXPECT_LT(reconnected, 3s + slack);
  EXPECT_EQ(get(*tier, "k").value(), "v");
  const auto ms = [](Duration d) { return std::to_string(d / 1ms); };
  RecordProperty("lost_ms", ms(lost));
  RecordProperty("noticed_ms", ms(noticed));
  std::printf(
      "link down: watch lost after %s ms, data connection after %s ms; up: watching after %s ms, "
      "connected after %s ms\n",
      ms(lost).c_str(), ms(noticed).c_str(), ms(watching).c_str(), ms(reconnected).c_str());
}

}  // namespace
}  // namespace terrace::redis
