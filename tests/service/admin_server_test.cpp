// Every endpoint, over real sockets.
#include <gmock/gmock.h>

#include "service/admin_fixture.hpp"

namespace terrace {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

class AdminServerTest : public AdminTest {
 protected:
  void SetUp() override { start(); }
};

TEST_F(AdminServerTest, TellsThatItLivesAndIsReady) {
  const auto live = ask("GET", "/healthz", {}, {});
  EXPECT_EQ(live.status, 200U);
  EXPECT_EQ(live.json().at("live"), true);
  EXPECT_FALSE(live.json().at("version").as_string().empty());
  const auto ready = ask("GET", "/readyz", {}, {});
  EXPECT_EQ(ready.status, 200U);
  EXPECT_EQ(ready.json()["ready"], true);
  EXPECT_EQ(ready.json()["idle"], true);
}

TEST_F(AdminServerTest, IsNotReadyWithTheReasonsWhenACacheIsNotHealthy) {
  for (int i = 0; i < 200; ++i) (void)cache_.get("miss" + std::to_string(i));
  const auto ready = get("/readyz");
  EXPECT_EQ(ready.status, 503U);
  EXPECT_EQ(ready.json()["ready"], false);
  const auto issue = ready.json()["issues"].as_array().at(0).as_object();
  EXPECT_EQ(issue.at("kind"), "hit_rate");
  EXPECT_EQ(issue.at("cache"), "users");
  EXPECT_EQ(ask("GET", "/healthz", {}, {}).status, 200U) << "it lives all the same";
}

TEST_F(AdminServerTest, ShowsMetricsAsText) {
  cache_.set("k", "v").value();
  (void)cache_.get("k");
  const auto metrics = ask("GET", "/metrics", {}, {});
  EXPECT_EQ(metrics.status, 200U);
  EXPECT_EQ(metrics.header("Content-Type"), Metrics::content_type);
  EXPECT_THAT(metrics.body, HasSubstr("terrace_hits_total{"));
  EXPECT_THAT(metrics.body, HasSubstr("cache=\"users\""));
}

TEST_F(AdminServerTest, ShowsTheStatsOfAllCachesAndOfOne) {
  cache_.set("k", "v").value();
  for (int i = 0; i < 4; ++i) (void)cache_.get("k");
  const auto all = ask("GET", "/api/v1/stats", {}, {}).json();
  EXPECT_EQ(all.at("healthy"), true);
  EXPECT_EQ(all.at("caches").as_array().size(), 1U);
  const auto one = ask("GET", "/api/v1/caches/users", {}, {}).json();
  EXPECT_EQ(one.at("name"), "users");
  EXPECT_EQ(one.at("levels").at(0).at("name"), "memory");
  EXPECT_EQ(one.at("levels").at(0).at("hits"), 4U);
  EXPECT_EQ(one.at("window").at("hits"), 4U);
  EXPECT_EQ(one.at("writes"), 1U);
  const auto none = ask("GET", "/api/v1/caches/user", {}, {});
  EXPECT_EQ(none.status, 404U);
  EXPECT_THAT(none.body, HasSubstr("did you mean users?"));
}

TEST_F(AdminServerTest, ShowsHealthAndAlerts) {
  EXPECT_EQ(get("/api/v1/health").json().at("healthy"), true);
  EXPECT_EQ(get("/api/v1/alerts").json().at("alerts"), json::array());
}

TEST_F(AdminServerTest, AlertsThatFireAreShown) {
  monitor_ = std::make_shared<Monitor>();
  monitor_->watch(cache_);
  monitor_->add_rule({.name = "busy", .when = "requests > 0", .severity = Severity::critical});
  start();
  (void)cache_.get("k");
  monitor_->sample();
  const auto alerts = get("/api/v1/alerts").json().at("alerts").as_array();
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].at("rule"), "busy");
  EXPECT_EQ(alerts[0].at("severity"), "critical");
  EXPECT_EQ(get("/api/v1/stats").json().at("alerts").as_array().size(), 1U);
}

TEST_F(AdminServerTest, GetsSetsAndErasesAnEntry) {
  EXPECT_EQ(get("/api/v1/caches/users/entry?key=k").json().at("kind"), "miss");
  const auto set = ask("PUT", "/api/v1/caches/users/entry?key=k", R"({"value": "Ada", "ttl": "10m"})");
  EXPECT_EQ(set.status, 200U) << set.body;
  EXPECT_EQ(cache_.get("k"), "Ada");
  const auto found = get("/api/v1/caches/users/entry?key=k").json();
  EXPECT_EQ(found.at("kind"), "hit");
  EXPECT_EQ(found.at("level"), "memory");
  EXPECT_EQ(found.at("value"), "Ada");
  EXPECT_EQ(found.at("schema"), "str");
  EXPECT_NEAR(found.at("remaining_s").to_number<double>(), 600, 20);
  EXPECT_EQ(ask("DELETE", "/api/v1/caches/users/entry?key=k").json().at("erased"), true);
  EXPECT_EQ(cache_.get("k"), std::nullopt);
  EXPECT_EQ(ask("DELETE", "/api/v1/caches/users/entry?key=k").json().at("erased"), false);
}

TEST_F(AdminServerTest, KeysOfAnyBytesComeByPercentCodes) {
  const std::string key("a/b&c=d+e%\0\xff", 12);
  cache_.set(key, "v").value();
  const auto found = get("/api/v1/caches/users/entry?key=a/b%26c%3Dd%2Be%25%00%FF").json();
  EXPECT_EQ(found.at("kind"), "hit");
  EXPECT_EQ(found.at("key"), (json::object{{"$bytes", "YS9iJmM9ZCtlJQD/"}}));
  EXPECT_EQ(ask("POST", "/api/v1/caches/users/invalidate", R"({"keys": [{"$bytes": "YS9iJmM9ZCtlJQD/"}]})")
                .json()
                .at("invalidated"),
            1U);
  EXPECT_EQ(cache_.get(key), std::nullopt);
}

TEST_F(AdminServerTest, InvalidatesInEachWay) {
  const auto invalidate = [&](const std::string& what) {
    cache_.set("a:1", "v", {.tags = {"t"}}).value();
    cache_.set("a:2", "v").value();
    const auto reply = ask("POST", "/api/v1/caches/users/invalidate", what);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return std::pair(reply.json().at("invalidated").to_number<int>(), cache_.get("a:1").has_value());
  };
  EXPECT_EQ(invalidate(R"({"keys": ["a:1"]})"), std::pair(1, false));
  EXPECT_EQ(invalidate(R"({"prefix": "a:"})"), std::pair(2, false));
  EXPECT_EQ(invalidate(R"({"glob": "*:1"})"), std::pair(1, false));
  EXPECT_EQ(invalidate(R"({"tag": "t"})"), std::pair(1, false));
  EXPECT_EQ(invalidate(R"({"tag": "other"})").second, true);
  cache_.define_group("g", {"a:1"});
  EXPECT_EQ(invalidate(R"({"group": "g"})"), std::pair(1, false));
  EXPECT_EQ(ask("POST", "/api/v1/caches/users/clear").json().at("cleared"), true);
  EXPECT_EQ(cache_.get("a:2"), std::nullopt);
}

TEST_F(AdminServerTest, ExplainsAKey) {
  cache_.set("k", "v").value();
  const auto explained = get("/api/v1/caches/users/explain?key=k").json();
  EXPECT_EQ(explained.at("levels").as_array().size(), 2U);
  EXPECT_EQ(explained.at("levels").at(1).at("level"), "map");
  EXPECT_EQ(explained.at("levels").at(1).at("kind"), "hit");
}

TEST_F(AdminServerTest, WarmsFromLowerLevelsOrAsTheProgramSays) {
  Cache<std::string>({.name = "users", .scheduler = runtime_}, {tier_}).set("below", "v").value();
  const auto warmed = ask("POST", "/api/v1/caches/users/warm", R"({"keys": ["below", "nowhere"]})").json();
  EXPECT_EQ(warmed.at("present"), 1U);
  EXPECT_EQ(warmed.at("absent"), 1U);
  server_->add_warming("users", [&](auto keys, auto stop, auto done) {
    Warmer<std::string> warmer(cache_);
    warmer.add_keys(std::move(keys), [](std::string_view key) { return "loaded " + std::string(key); });
    warmer.start(std::move(done), std::move(stop));
  });
  EXPECT_EQ(ask("POST", "/api/v1/caches/users/warm", R"({"keys": ["nowhere"]})").json().at("warmed"), 1U);
  EXPECT_EQ(cache_.get("nowhere"), "loaded nowhere");
  EXPECT_THROW(server_->add_warming("user", nullptr), ConfigError);
}

TEST_F(AdminServerTest, WrongCallsAreToldWhatWouldBeRight) {
  const auto wrong = [&](const std::string& method, const std::string& target, const std::string& body = {}) {
    const auto reply = ask(method, target, body);
    EXPECT_EQ(reply.status, 400U) << target << " " << reply.body;
    return std::string(reply.json().at("error").at("message").as_string());
  };
  const std::string users = "/api/v1/caches/users/";
  EXPECT_THAT(wrong("GET", users + "entry"), HasSubstr("\"key\" is missing"));
  EXPECT_THAT(wrong("GET", users + "entry?key="), HasSubstr("key"));
  EXPECT_THAT(wrong("GET", users + "entry?key=a&key=b"), HasSubstr("given twice"));
  EXPECT_THAT(wrong("GET", users + "entry?key=%zz"), HasSubstr("cannot be read"));
  EXPECT_THAT(wrong("PUT", users + "entry?key=k", "{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(wrong("PUT", users + "entry?key=k", "[1]"), HasSubstr("JSON object"));
  EXPECT_THAT(wrong("PUT", users + "entry?key=k", "{}"), HasSubstr("\"value\" is missing"));
  EXPECT_THAT(wrong("PUT", users + "entry?key=k", R"({"value": 1})"), HasSubstr("the schema has str"));
  EXPECT_THAT(wrong("PUT", users + "entry?key=k", R"({"value": "v", "tll": 5})"),
              HasSubstr("did you mean ttl?"));
  EXPECT_THAT(wrong("PUT", users + "entry?key=k", R"({"value": "v", "ttl": "soon"})"), HasSubstr("\"10m\""));
  EXPECT_THAT(wrong("PUT", users + "entry?key=k", R"({"value": "v", "ttl": 0})"), HasSubstr("above 0"));
  EXPECT_THAT(wrong("POST", users + "invalidate", "{}"), HasSubstr("give one of"));
  EXPECT_THAT(wrong("POST", users + "invalidate", R"({"tag": "a", "prefix": "b"})"),
              HasSubstr("give one of"));
  EXPECT_THAT(wrong("POST", users + "warm", R"({"keys": "a"})"), HasSubstr("list of strings"));
}

TEST_F(AdminServerTest, UnknownPathsAndMethods) {
  EXPECT_EQ(get("/nothing").status, 404U);
  EXPECT_EQ(get("/api/v1/caches/users/nothing").status, 404U);
  const auto post = ask("POST", "/metrics");
  EXPECT_EQ(post.status, 405U);
  EXPECT_EQ(post.header("Allow"), "GET, HEAD");
  EXPECT_EQ(ask("OPTIONS", "/api/v1/caches/users/clear").header("Allow"), "POST");
  EXPECT_EQ(ask("GET", "/api/v1/caches/users/clear").status, 405U) << "looking changes nothing";
  const auto head = ask("HEAD", "/metrics");
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.body, "");
  EXPECT_GT(std::stoul(head.header("Content-Length")), 0U);
}

TEST_F(AdminServerTest, AConnectionServesManyRequests) {
  HttpClient client(server_->port());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.request("GET", "/healthz").status, 200U);
  EXPECT_EQ(client.request("GET", "/nothing").status, 404U);
  EXPECT_EQ(client.request("GET", "/healthz").status, 200U);
  client.send(
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.read().json().count("live"), 1U);
  EXPECT_EQ(client.read().json().count("ready"), 1U);
}

TEST_F(AdminServerTest, ASlowTierHoldsUpNobodyElse) {
  tier_->plan({testing::Fault::Kind::hold});
  HttpClient slow(server_->port());
  slow.send("GET /api/v1/caches/users/explain?key=k HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
            token + "\r\n\r\n");
  ASSERT_TRUE(testing::eventually([&] { return tier_->held() > 0; }));
  EXPECT_EQ(get("/api/v1/stats").status, 200U);
  tier_->release();
  EXPECT_EQ(slow.read().status, 200U);
}

TEST_F(AdminServerTest, WhatATierDoesNotAnswerIsToldAsSuch) {
  tier_->plan({.kind = testing::Fault::Kind::fail});
  const auto away = get("/api/v1/caches/users/entry?key=k");
  EXPECT_EQ(away.status, 503U);
  EXPECT_EQ(away.json().at("kind"), "unavailable");
  EXPECT_TRUE(away.json().at("error").is_object());
}

TEST_F(AdminServerTest, ACacheMayGoBeforeTheServer) {
  {
    Cache<int> passing({.name = "passing", .scheduler = runtime_});
    server_->add(passing);
    EXPECT_THROW(server_->add(passing), ConfigError);
    EXPECT_EQ(get("/api/v1/caches/passing").status, 200U);
  }
  EXPECT_EQ(get("/api/v1/caches/passing/entry?key=k").status, 503U);
  EXPECT_TRUE(server_->remove("passing"));
  EXPECT_FALSE(server_->remove("passing"));
  EXPECT_EQ(get("/api/v1/caches/passing").status, 404U);
}

TEST_F(AdminServerTest, ClosesInOrder) {
  HttpClient idle(server_->port());
  ASSERT_EQ(idle.request("GET", "/healthz").status, 200U);
  tier_->plan({testing::Fault::Kind::hold});
  HttpClient asking(server_->port());
  asking.send("GET /api/v1/caches/users/explain?key=k HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
              token + "\r\n\r\n");
  ASSERT_TRUE(testing::eventually([&] { return tier_->held() > 0; }));
  std::thread closing([&] { server_->close(); });
  EXPECT_TRUE(idle.is_closed());
  tier_->release();
  const auto last = asking.read();
  EXPECT_EQ(last.status, 200U) << "an answer under way is given";
  EXPECT_EQ(last.header("Connection"), "close");
  closing.join();
  EXPECT_THROW(HttpClient(server_->port()), boost::system::system_error);
  server_->close();
}

TEST_F(AdminServerTest, AnswersThatComeAfterTheCloseFindNobody) {
  tier_->plan({testing::Fault::Kind::hold});
  HttpClient asking(server_->port());
  asking.send("GET /api/v1/caches/users/explain?key=k HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
              token + "\r\n\r\n");
  ASSERT_TRUE(testing::eventually([&] { return tier_->held() > 0; }));
  server_.reset();
  tier_->release();
}

}  // namespace
}  // namespace terrace
