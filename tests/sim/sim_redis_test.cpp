/// The model of a server: turns, what is pushed and when, expiry.

#include <gtest/gtest.h>

#include <terrace/testing/fake_clock.hpp>

#include "sim/sim_client.hpp"

namespace terrace::sim {
namespace {

using namespace std::chrono_literals;

class SimRedisTest : public ::testing::Test {
 protected:
  testing::FakeClock clock;
  SimRedis server{clock, {}};
};

TEST_F(SimRedisTest, RequestsArriveInPieces) {
  SimClient client(server);
  const std::string bytes = encoded({"SET", "k", "v"}) + encoded({"GET", "k"});
  for (const char byte : bytes) {
    server.receive(client.id(), std::string_view(&byte, 1));
    server.turn();
  }
  EXPECT_EQ(client.read(), "+OK\r\n$1\r\nv\r\n");
}

TEST_F(SimRedisTest, APongOvertakesTheInvalidationsOfItsTurn) {
  SimClient writer(server), watcher(server, true);
  writer.send({"SET", "k", "v"});
  watcher.send({"PING"});
  EXPECT_TRUE(server.turn());
  EXPECT_EQ(writer.read(), "+OK\r\n");
  EXPECT_EQ(watcher.read(), "+PONG\r\n" + told({"k"}));
  EXPECT_FALSE(server.turn());
}

TEST_F(SimRedisTest, OneTurnTellsEachKeyOnceAndForEachPrefix) {
  SimClient writer(server), watcher(server);
  watcher.ask({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "b", "PREFIX", "a"});
  writer.send({"SET", "b", "1"});
  writer.send({"SET", "a2", "1"});
  writer.send({"SET", "a1", "1"});
  writer.send({"DEL", "b", "c"});
  server.turn();
  EXPECT_EQ(watcher.read(), told({"a1", "a2"}) + told({"b"}));
}

TEST_F(SimRedisTest, AFlushIsToldAtOnceAndKeysAtTheEnd) {
  SimClient writer(server), watcher(server, true);
  writer.send({"SET", "k", "v"});
  writer.send({"FLUSHALL"});
  watcher.send({"PING"});
  server.turn();
  EXPECT_EQ(watcher.read(), told_all() + "+PONG\r\n" + told({"k"}));
}

TEST_F(SimRedisTest, ExpiryIsToldWhenTheServerSeesIt) {
  SimClient writer(server), watcher(server, true);
  writer.ask({"SET", "k", "v", "PX", "10"});
  writer.ask({"SET", "l", "v", "PX", "10"});
  watcher.read();
  clock.advance(10ms);
  EXPECT_EQ(watcher.read(), "");
  EXPECT_EQ(writer.ask({"GET", "k"}), "_\r\n");
  EXPECT_EQ(watcher.read(), told({"k"}));
  server.cron();
  EXPECT_EQ(watcher.read(), told({"l"}));
}

TEST_F(SimRedisTest, ScanPagesShowEveryKeyOnce) {
  SimClient client(server);
  for (int i = 0; i < 40; ++i) client.ask({"SET", "k" + std::to_string(i), "v"});
  std::multiset<std::string> found;
  for (std::string cursor = "0";;) {
    std::string page = client.ask({"SCAN", cursor, "COUNT", "7"});
    std::vector<std::string> parts;
    for (std::size_t at = 0; (at = page.find("\r\n", at)) != std::string::npos; at += 2)
      parts.push_back(page.substr(at + 2, page.find("\r\n", at + 2) - at - 2));
    cursor = parts[1];
    for (const auto& part : parts)
      if (part.starts_with('k')) found.insert(part);
    if (cursor == "0") break;
  }
  EXPECT_EQ(found.size(), 40U);
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), 40U);
}

TEST_F(SimRedisTest, APasswordIsAsked) {
  SimRedis closed(clock, {.password = "secret"});
  const auto id = closed.connect();
  closed.receive(id, encoded({"GET", "k"}) + encoded({"AUTH", "wrong"}) + encoded({"HELLO", "3"}) +
                         encoded({"HELLO", "3", "AUTH", "default", "secret"}) + encoded({"GET", "k"}));
  closed.turn();
  const std::string out = closed.take_output(id);
  EXPECT_TRUE(out.starts_with("-NOAUTH Authentication required.\r\n-WRONGPASS ")) << out;
  EXPECT_NE(out.find("-NOAUTH HELLO"), std::string::npos) << out;
  EXPECT_TRUE(out.ends_with("_\r\n")) << out;
}

TEST_F(SimRedisTest, NonsenseEndsTheConnection) {
  SimClient client(server);
  server.receive(client.id(), "nonsense");
  server.turn();
  EXPECT_FALSE(client.is_open());
  EXPECT_TRUE(client.read().starts_with("-ERR"));
}

}  // namespace
}  // namespace terrace::sim
