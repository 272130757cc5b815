/// `terrace warm`.

#include <atomic>
#include <future>

#include "cli/operated.hpp"
#include "support/http_server.hpp"

namespace terrace::cli_test {
namespace {

using namespace terrace::cli;
using ::testing::HasSubstr;

/// Each source both ways.
class Warm : public Operated, public ::testing::WithParamInterface<bool> {
 protected:
  Ended run(std::vector<std::string> words) {
    return terrace(GetParam() ? at_server(std::move(words)) : at_config(std::move(words)));
  }
  /// Entries that only the lowest tier has.
  void fill() {
    for (const char* key : {"a", "b", "c"})
      ASSERT_EQ(terrace(at_config({"set", "users", key, "1"})).code, exit_ok);
    redis_.cli({"FLUSHALL"});
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, Warm, ::testing::Values(true, false),
                         [](const auto& way) { return way.param ? "Server" : "Config"; });

TEST_P(Warm, BringsTheKeysOfAFileUp) {
  fill();
  const std::string keys = folder_.file("keys", "a\nb\nnothing\nc\n");
  const Ended ended = run({"warm", "users", "--keys", keys, "--concurrency", "2", "--json"});
  ASSERT_EQ(ended.code, exit_ok) << ended.err;
  const auto report = boost::json::parse(ended.out);
  EXPECT_EQ(report.at("total"), 4U);
  EXPECT_EQ(report.at("present"), 3U);
  EXPECT_EQ(report.at("absent"), 1U);
  EXPECT_EQ(report.at("failed"), 0U);
  for (const char* key : {"a", "b", "c"}) {
    const auto levels = boost::json::parse(terrace(at_config({"explain", "users", key, "--json"})).out);
    EXPECT_EQ(levels.at("levels").at(1).at("kind"), "hit") << "in Redis again";
  }
  const Ended text = run({"warm", "users", "--keys", keys});
  EXPECT_THAT(text.out, HasSubstr("users: 4 keys in "));
  EXPECT_THAT(text.out, HasSubstr("  already in a level\n"));
}

TEST_P(Warm, TakesTheHottestOfALog) {
  fill();
  std::string lines;
  for (const char* path : {"/a", "/b", "/a", "/c", "/b", "/a"})
    lines += std::string("h - - [t] \"GET ") + path + " HTTP/1.1\" 200 1\n";
  const std::string log = folder_.file("access.log", lines);
  const Ended ended = run(
      {"warm", "users", "--log", log, "--pattern", "GET /([a-z]+)", "--key", "{1}", "--top", "2", "--json"});
  ASSERT_EQ(ended.code, exit_ok) << ended.err;
  EXPECT_EQ(boost::json::parse(ended.out).at("present"), 2U);
}

TEST_P(Warm, RefusesWhatCannotBeRight) {
  const std::string keys = folder_.file("keys", "a\n");
  EXPECT_EQ(run({"warm", "users"}).code, exit_usage);
  EXPECT_EQ(run({"warm", "users", "--keys", folder_.path("none")}).code, exit_usage);
  EXPECT_EQ(run({"warm", "users", "--keys", folder_.file("empty", "")}).code, exit_usage);
  EXPECT_EQ(run({"warm", "users", "--keys", keys, "--top", "3"}).code, exit_usage);
  EXPECT_EQ(run({"warm", "users", "--keys", keys, "--concurrency", "0"}).code, exit_usage);
  const Ended log = run({"warm", "users", "--log", keys});
  EXPECT_EQ(log.code, exit_usage);
  EXPECT_THAT(log.err, HasSubstr("keys"));
  const Ended cache = run({"warm", "usres", "--keys", keys});
  EXPECT_EQ(cache.code, exit_usage);
  EXPECT_THAT(cache.err, HasSubstr("did you mean users?"));
}

TEST(WarmFailures, AreListedAndFail) {
  const testing::HttpServer server([](std::size_t) { return 200U; }, {},
                                   R"({"total": 2, "warmed": 1, "failed": 1,
    "failures": [{"key": "a\u001b", "attempts": 3, "error": "loader_failed: no"}]})");
  const testing::TempDir place;
  std::ofstream(place.file("keys")) << "a\nb\n";
  const Ended ended = terrace({"warm", "c", "--keys", place.file("keys"), "--server", server.url()});
  EXPECT_EQ(ended.code, exit_failed);
  EXPECT_EQ(ended.err, "terrace: a\\x1b: loader_failed: no (3 attempts)\n");
  EXPECT_THAT(ended.out, HasSubstr("1  failed"));
}

class WarmInterrupted : public ::testing::Test {
 protected:
  /// Waits for the first batch, which is not answered until go_ is set.
  [[nodiscard]] bool under_way() {
    return testing::eventually([&] { return asked_.load(); });
  }

  std::atomic<bool> asked_ = false;
  std::promise<void> go_;
  testing::TempDir place_;
};

TEST_F(WarmInterrupted, CtrlCAwaitsWhatIsUnderWayAndReports) {
  testing::HttpServer server(
      [&](std::size_t) {
        asked_ = true;
        go_.get_future().wait();
        return 200U;
      },
      {}, R"({"total": 1, "warmed": 1})");
  std::ofstream(place_.file("keys")) << "a\nb\nc\n";
  Program program(
      {"warm", "c", "--keys", place_.file("keys"), "--concurrency", "1", "--server", server.url()});
  ASSERT_TRUE(under_way());
  program.signal(SIGINT);
  EXPECT_TRUE(
      testing::eventually([&] { return program.err().find("starts no more keys") < program.err().size(); }));
  go_.set_value();
  const Ended ended = program.wait();
  EXPECT_EQ(ended.code, exit_interrupted) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("1  loaded"));
  EXPECT_THAT(ended.out, HasSubstr("2  not started"));
  EXPECT_EQ(server.count(), 1U);
}

TEST_F(WarmInterrupted, ASecondCtrlCEndsIt) {
  const testing::HttpServer server([&](std::size_t) {
    asked_ = true;
    return testing::HttpServer::hangs;
  });
  std::ofstream(place_.file("keys")) << "a\n";
  Program program({"warm", "c", "--keys", place_.file("keys"), "--server", server.url()});
  ASSERT_TRUE(under_way());
  program.signal(SIGINT);
  EXPECT_TRUE(
      testing::eventually([&] { return program.err().find("starts no more keys") < program.err().size(); }));
  EXPECT_TRUE(testing::eventually([&] {
    program.signal(SIGINT);
    return program.has_ended();
  }));
  EXPECT_EQ(program.wait().code, 1000 + SIGINT);
}

}  // namespace
}  // namespace terrace::cli_test
