// terrace serve, and the status page of a replay.
#include <gmock/gmock.h>

#include <csignal>
#include <regex>

#include "cli/program.hpp"
#include "support/child_process.hpp"
#include "support/http_client.hpp"

namespace terrace::cli_test {
namespace {

using ::testing::HasSubstr;
using testing::HttpClient;
using ::testing::StartsWith;

constexpr const char* token = "token-for-tests-0123456789";

/// The port in the address that the program names; 0: it ended without.
unsigned short served_port(Program& program) {
  std::string said;
  std::smatch found;  // points into it
  const auto named = [&] {
    said = program.out() + program.err();
    return std::regex_search(said, found, std::regex("http://127\\.0\\.0\\.1:([0-9]+)")) ||
           said.find("terrace: admin") < said.size();
  };
  if (!testing::eventually(named) || found.empty()) return 0;
  return static_cast<unsigned short>(std::stoul(found[1]));
}

class ServeTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string config(const std::string& more = {}) const {
    const std::string path = place_.file("terrace.toml");
    std::ofstream(path) << "[admin]\nlisten = \"127.0.0.1:0\"\ntoken = \"" << token << "\"\n"
                        << more << "\n[caches.users]\ntiers = [\"sqlite:" << place_.file("users.db")
                        << "\"]\nttl = \"10m\"\n";
    return path;
  }
  const testing::TempDir place_;
};

TEST_F(ServeTest, ServesTheCachesOfAConfiguration) {
  Program program({"serve", "--config", config()});
  const unsigned short port = served_port(program);
  ASSERT_NE(port, 0) << program.err();
  EXPECT_THAT(program.out(), StartsWith("http://127.0.0.1:")) << "for scripts";
  HttpClient client(port);
  EXPECT_EQ(client.request("GET", "/readyz").status, 200U);
  EXPECT_THAT(client.request("GET", "/metrics").body, HasSubstr("cache=\"users\""));
  const testing::HttpHeaders authorized{{"Authorization", std::string("Bearer ") + token}};
  const std::string entry = "/api/v1/caches/users/entry?key=42";
  EXPECT_EQ(
      client.request("PUT", entry, R"j({"value": [42, "Ada"], "schema": "(i64,str)"})j", authorized).status,
      200U);
  const auto found = client.request("GET", entry, {}, authorized).json();
  EXPECT_EQ(found.at("value"), (boost::json::array{42, "Ada"}));
  EXPECT_EQ(client.request("PUT", entry, R"({"value": [42, "Ada"]})", authorized).status, 400U);
  program.signal(SIGTERM);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err.find(token), std::string::npos);
}

TEST_F(ServeTest, WhatItSetIsThereForTheNext) {
  const testing::HttpHeaders authorized{{"Authorization", std::string("Bearer ") + token}};
  const std::string entry = "/api/v1/caches/users/entry?key=k";
  for (int run = 0; run < 2; ++run) {
    Program program({"serve", "--config", config()});
    const unsigned short port = served_port(program);
    ASSERT_NE(port, 0) << program.err();
    HttpClient client(port);
    if (run == 0) {
      EXPECT_EQ(client.request("PUT", entry, R"({"value": "v"})", authorized).status, 200U);
    } else {
      EXPECT_EQ(client.request("GET", entry, {}, authorized).json().at("level"), "sqlite");
    }
    program.signal(SIGINT);
    EXPECT_EQ(program.wait().code, 0);
  }
}

TEST_F(ServeTest, APortInUseAndAWrongAddressAreUsageErrors) {
  Program first({"serve", "--config", config()});
  const unsigned short port = served_port(first);
  ASSERT_NE(port, 0);
  const std::string taken = "127.0.0.1:" + std::to_string(port);
  const Ended second = terrace({"serve", "--config", config(), "--listen", taken});
  EXPECT_EQ(second.code, 2);
  EXPECT_THAT(second.err, HasSubstr(taken + " is in use"));
  const Ended open = terrace({"serve", "--config", config(), "--listen", "0.0.0.0:0"});
  EXPECT_EQ(open.code, 2);
  EXPECT_THAT(open.err, HasSubstr("without TLS"));
  EXPECT_EQ(terrace({"serve", "--config", place_.file("none.toml")}).code, 2);
  EXPECT_NE(terrace({"serve"}).code, 0);
}

TEST_F(ServeTest, AReplayIsShownAsItRunsAndAfterwards) {
  const std::string trace = place_.file("trace.keys");
  std::ofstream(trace) << "1\n2\n1\n1\n";
  Program program({"replay", trace, "--serve=127.0.0.1:0", "--origin-latency", "1ms"});
  const unsigned short port = served_port(program);
  ASSERT_NE(port, 0) << program.err();
  HttpClient client(port);
  ASSERT_TRUE(
      testing::eventually([&] { return program.out().find("Status page: http://") < program.out().size(); }));
  EXPECT_THAT(program.out(), HasSubstr("memory"));
  const auto stats = client.request("GET", "/api/v1/caches/replay").json();
  EXPECT_EQ(stats.at("loads"), 2U);
  EXPECT_EQ(stats.at("levels").at(0).at("hits"), 2U);
  program.signal(SIGINT);
  EXPECT_EQ(program.wait().code, 0);
}

TEST_F(ServeTest, ATimeLimitEndsAReplay) {
  const std::string trace = place_.file("trace.keys");
  {
    std::ofstream out(trace);
    for (int i = 0; i < 100'000; ++i) out << i << "\n";
  }
  const Ended ended =
      terrace({"replay", trace, "--origin-latency", "5ms", "--time-limit", "200ms", "--json"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.err, HasSubstr("the time limit is reached"));
  EXPECT_THAT(ended.out, HasSubstr("\"interrupted\":true"));
  EXPECT_EQ(terrace({"replay", trace, "--time-limit", "soon"}).code, 2);
}

}  // namespace
}  // namespace terrace::cli_test
