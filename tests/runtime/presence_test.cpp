#include "runtime/presence.hpp"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

namespace terrace {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class PresenceTest : public ::testing::Test {
 protected:
  PresenceTest() {
    auto logger =
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_));
    logger->set_pattern("%v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~PresenceTest() override { spdlog::set_default_logger(before_); }

  /// What was told since the last time.
  std::string told() {
    std::string lines = log_.str();
    log_.str({});
    return lines;
  }

  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream log_;
  TimePoint now_{1h};
  Presence presence_{"Redis host:6379"};
};

TEST_F(PresenceTest, EachChangeIsToldOnce) {
  presence_.reached(now_);
  EXPECT_EQ(told(), "") << "that it is there is nothing to tell";
  presence_.missed(now_ += 1s, "connection refused");
  EXPECT_THAT(told(), HasSubstr("Redis host:6379 is away: connection refused"));
  for (int i = 0; i < 100; ++i) presence_.missed(now_ += 1s, "connection refused");
  EXPECT_EQ(told(), "");
  presence_.reached(now_ += 500ms);
  EXPECT_THAT(told(), HasSubstr("Redis host:6379 is back after 100.5 s"));
  presence_.reached(now_ += 1h);
  EXPECT_EQ(told(), "");
}

TEST_F(PresenceTest, OneThatComesAndGoesFillsNoLog) {
  for (int i = 0; i < 99; ++i) {
    presence_.missed(now_ += 50ms, "reset");
    presence_.reached(now_ += 50ms);
  }
  const std::string lines = told();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << "within 10 s one pair: " << lines;
  presence_.missed(now_ += 1ms, "reset");
  EXPECT_EQ(told(), "");
  presence_.missed(now_ += 1s, "reset for good");
  EXPECT_THAT(told(), HasSubstr("is away: reset for good"));
  presence_.reached(now_ += 1s);
  EXPECT_THAT(told(), HasSubstr("is back after 2.0 s")) << "since it was missed first";
}

}  // namespace
}  // namespace terrace
