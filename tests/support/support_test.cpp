#include <gtest/gtest.h>
#include <signal.h>

#include "support/child_process.hpp"
#include "support/redis_server.hpp"
#include "support/tcp_proxy.hpp"

namespace terrace::testing {
namespace {

TEST(ChildProcess, EndsWithItsObject) {
  const TempDir place;
  pid_t pid = 0;
  {
    ChildProcess child({"sleep", "1000"}, place.file("log"));
    pid = child.pid();
    EXPECT_TRUE(child.running());
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(ChildProcess, ReportsWhatAProgramPrints) {
  EXPECT_EQ(run_program({"echo", "a b"}), "a b\n");
  EXPECT_THROW(run_program({"false"}), std::runtime_error);
}

TEST(RedisServer, StartsAnswersFreezesAndComesBack) {
  RedisServer server;
  EXPECT_EQ(server.cli({"SET", "k", "v"}), "OK");
  server.freeze();
  server.thaw();
  EXPECT_EQ(server.cli({"GET", "k"}), "v");
  server.restart();
  EXPECT_EQ(server.cli({"EXISTS", "k"}), "0");
}

TEST(RedisServer, SaysWhyItDoesNotStart) {
  try {
    RedisServer server({.arguments = {"--no-such-option", "1"}});
    FAIL() << "it started";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("no-such-option"), std::string::npos) << e.what();
  }
}

TEST(TcpProxy, PassesSlicesAndResets) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto ask = [&] {
    return run_program({"redis-cli", "-p", std::to_string(proxy.port()), "ECHO", "some words"});
  };
  proxy.slice_replies(1);
  EXPECT_EQ(ask(), "some words\n");
  EXPECT_EQ(proxy.accepted(), 1U);
}

}  // namespace
}  // namespace terrace::testing
