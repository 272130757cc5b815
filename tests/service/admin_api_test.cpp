// The operations without HTTP, as the command line uses them: on virtual time, without a monitor.
#include "service/admin_api.hpp"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <terrace/cache.hpp>
#include <terrace/testing.hpp>

namespace terrace::service {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

class AdminApiTest : public ::testing::Test {
 protected:
  void SetUp() override { api_.add(cache_); }
  void TearDown() override {
    tier_->plan(nullptr);
    tier_->release();
    scheduler_->advance(1h);
  }

  AdminReply run(AdminOperation operation, const std::string& arguments, const std::string& cache = "any") {
    std::optional<AdminReply> reply;
    api_.run({operation, cache, json::parse(arguments).as_object()},
             [&](AdminReply told) { reply.emplace(std::move(told)); });
    scheduler_->run_ready();
    return std::move(reply.value());
  }

  const std::shared_ptr<testing::FakeScheduler> scheduler_ = std::make_shared<testing::FakeScheduler>();
  const std::shared_ptr<testing::FaultyTier> tier_ = std::make_shared<testing::FaultyTier>(
      std::make_shared<testing::MapTier>(scheduler_->clock()), scheduler_);
  Cache<Document> cache_{{.name = "any", .ttl_jitter = 0, .scheduler = scheduler_}, {tier_}};
  AdminApi api_;
};

TEST_F(AdminApiTest, WithoutAMonitorThereAreCountersOnly) {
  const auto stats = api_.stats();
  EXPECT_FALSE(stats.error.code);
  EXPECT_EQ(stats.body.at("caches").at(0).at("name"), "any");
  EXPECT_TRUE(stats.body.at("caches").at(0).at("window").is_null());
  EXPECT_EQ(api_.health().body.at("healthy"), true);
  EXPECT_EQ(api_.names(), std::vector<std::string>{"any"});
}

TEST_F(AdminApiTest, ACacheOfAnyValuesTakesTheTypeFromTheValueOrTheSchema) {
  using enum AdminOperation;
  EXPECT_EQ(run(set, R"({"key": "s", "value": "v"})").body.at("schema"), "str");
  EXPECT_EQ(run(get, R"({"key": "s"})").body.at("value"), "v");
  EXPECT_EQ(run(set, R"({"key": "s", "value": [1, "v"]})").error, Errc::invalid_argument);
  EXPECT_FALSE(run(set, R"j({"key": "p", "value": [1, "v"], "schema": "(i64,str)"})j").error.code);
  Cache<std::pair<std::int64_t, std::string>> typed({.name = "any", .scheduler = scheduler_}, {tier_});
  EXPECT_EQ(typed.get("p"), std::pair(std::int64_t{1}, std::string("v"))) << "a program reads what was set";
}

TEST_F(AdminApiTest, TtlAndTagsAreKept) {
  using enum AdminOperation;
  EXPECT_FALSE(run(set, R"({"key": "k", "value": "v", "ttl": "90s", "tags": ["t"]})").error.code);
  EXPECT_EQ(run(get, R"({"key": "k"})").body.at("remaining_s"), 90.0);
  EXPECT_EQ(run(invalidate, R"({"tag": "t"})").body.at("invalidated"), 1U);
  EXPECT_EQ(run(get, R"({"key": "k"})").body.at("kind"), "miss");
}

TEST_F(AdminApiTest, ErrorsOfTheCacheCome) {
  using enum AdminOperation;
  const auto unknown = run(get, R"({"key": "k"})", "many");
  EXPECT_EQ(unknown.error, Errc::not_found);
  EXPECT_THAT(std::string(unknown.body.at("error").at("message").as_string()), HasSubstr("caches: any"));
  tier_->plan({.kind = testing::Fault::Kind::fail});
  const auto away = run(get, R"({"key": "k"})");
  EXPECT_EQ(away.error, Errc::unavailable);
  EXPECT_EQ(away.body.at("kind"), "unavailable");
  const auto partly = run(set, R"({"key": "k", "value": "v"})");
  EXPECT_TRUE(partly.error.code);
  EXPECT_EQ(partly.body.at("stored"), false);
  EXPECT_EQ(run(get, R"({"key": ""})").error, Errc::invalid_key);
}

TEST_F(AdminApiTest, OperationsHaveNames) {
  for (const std::string name : {"get", "set", "erase", "invalidate", "clear", "explain", "warm"}) {
    EXPECT_EQ(to_string(admin_operation(name).value()), name);
  }
  EXPECT_EQ(admin_operation("drop"), std::nullopt);
}

}  // namespace
}  // namespace terrace::service
