// Clients that mean no good, or are broken.
#include <gmock/gmock.h>

#include <random>

#include "service/admin_fixture.hpp"
#include "support/lateness.hpp"

namespace terrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AdminHostileTest : public AdminTest {
 protected:
  void SetUp() override { start(); }
  [[nodiscard]] bool still_serves() const { return get("/healthz").status == 200; }
  /// The status of the answer to these bytes; 0: closed without one.
  [[nodiscard]] unsigned said(const std::string& bytes) const {
    HttpClient client(server_->port());
    try {
      client.send(bytes);
      return client.read().status;
    } catch (const boost::system::system_error&) {
      return 0;
    }
  }
};

TEST_F(AdminHostileTest, HeadersAreBounded) {
  EXPECT_EQ(said("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + std::string(100'000, 'x') + "\r\n\r\n"),
            431U);
  EXPECT_EQ(said("GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\nHost: localhost\r\n\r\n"), 431U);
  std::string many = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 10'000; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(said(many + "\r\n"), 431U);
  EXPECT_TRUE(still_serves());
}

TEST_F(AdminHostileTest, BodiesAreBoundedAndReadForNobodyWithoutTheToken) {
  const std::string put = "PUT /api/v1/caches/users/entry?key=k HTTP/1.1\r\nHost: localhost\r\n";
  const std::string allowed = put + "Authorization: Bearer " + token + "\r\n";
  EXPECT_EQ(said(allowed + "Content-Length: 99999999999\r\n\r\n"), 413U);
  EXPECT_EQ(said(allowed + "Transfer-Encoding: chunked\r\n\r\n10000000\r\n" + std::string(1000, ' ')), 413U);
  EXPECT_EQ(said(put + "Content-Length: 1000000\r\n\r\n"), 401U) << "told before a byte of the body has come";
  EXPECT_EQ(said("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"), 413U);
  EXPECT_EQ(said("GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"), 413U);
  EXPECT_EQ(said("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"), 200U);
  EXPECT_EQ(said(allowed + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}"), 400U);
  EXPECT_EQ(said(allowed + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400U);
  EXPECT_TRUE(still_serves());
}

TEST_F(AdminHostileTest, ABodyIsAskedForWhereTheClientWaitsForThat) {
  HttpClient client(server_->port());
  client.send("PUT /api/v1/caches/users/entry?key=k HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
              token + "\r\nExpect: 100-continue\r\nContent-Length: 14\r\n\r\n");
  EXPECT_EQ(client.read().status, 100U);
  client.send(R"({"value": "v"})");
  EXPECT_EQ(client.read().status, 200U);
}

TEST_F(AdminHostileTest, GarbageIsRefused) {
  EXPECT_EQ(said("hello\r\n\r\n"), 400U);
  EXPECT_EQ(said("GET / HTTP/9.9\r\n\r\n"), 400U);
  EXPECT_EQ(said("GET / HTTP/1.1\r\n\r\n"), 400U) << "no Host";
  EXPECT_EQ(said("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"), 400U);
  EXPECT_EQ(said("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400U);
  EXPECT_EQ(said("CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400U);
  EXPECT_EQ(said("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405U);
  EXPECT_EQ(said("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"), 404U);
  EXPECT_EQ(said("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\nb\r\n\r\n"), 400U);
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(random() % 300, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    HttpClient(server_->port()).send(bytes);
  }
  EXPECT_TRUE(still_serves());
}

TEST_F(AdminHostileTest, WhoSendsTooSlowlyIsLeft) {
  start({.listen = "127.0.0.1:0", .token = token, .request_timeout = 300ms});
  const testing::Lateness lateness;
  const auto begun = std::chrono::steady_clock::now();
  HttpClient slow(server_->port()), silent(server_->port()), half(server_->port());
  half.send("PUT /api/v1/caches/users/entry?key=k HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
            token + "\r\nContent-Length: 100\r\n\r\n{");
  slow.send("GET / HTTP/1.1\r\n");
  // A byte now and then does not prolong it.
  std::jthread dripping([&](const std::stop_token& stop) {
    const auto drip = [&] {
      try {
        if (std::chrono::steady_clock::now() - begun < 10s) slow.send("X");
      } catch (const boost::system::system_error&) {
      }
      return stop.stop_requested();
    };
    (void)testing::eventually(drip, 10s);
  });
  EXPECT_TRUE(silent.is_closed());
  EXPECT_TRUE(half.is_closed());
  EXPECT_TRUE(slow.is_closed());
  const auto took = std::chrono::steady_clock::now() - begun - lateness.since(begun);
  EXPECT_LT(took, 3s);
  EXPECT_TRUE(still_serves());
}

TEST_F(AdminHostileTest, IdleConnectionsShutNobodyOut) {
  std::vector<std::unique_ptr<HttpClient>> idle;
  for (int i = 0; i < 100; ++i) {
    idle.push_back(std::make_unique<HttpClient>(server_->port()));
    idle.back()->send("GET / HT");
  }
  EXPECT_TRUE(still_serves());
  EXPECT_TRUE(idle.front()->is_closed()) << "the one that has waited longest makes room";
}

TEST_F(AdminHostileTest, ConnectionsUnderWayAreNotBrokenOffForNewOnes) {
  tier_->plan({testing::Fault::Kind::hold});
  HttpClient asking(server_->port());
  asking.send("GET /api/v1/caches/users/explain?key=k HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
              token + "\r\n\r\n");
  ASSERT_TRUE(testing::eventually([&] { return tier_->held() > 0; }));
  std::vector<std::unique_ptr<HttpClient>> idle;
  for (int i = 0; i < 100; ++i) idle.push_back(std::make_unique<HttpClient>(server_->port()));
  EXPECT_TRUE(still_serves());
  tier_->release();
  EXPECT_EQ(asking.read().status, 200U);
}

TEST_F(AdminHostileTest, ClientsThatGoAwayLeaveNothingBehind) {
  for (int i = 0; i < 100; ++i) {
    HttpClient client(server_->port());
    client.send("GET /api/v1/caches/users/entry?key=k HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                token + "\r\n\r\n");
  }
  EXPECT_TRUE(still_serves());
}

TEST_F(AdminHostileTest, WhatIsNoTextInAKeyBreaksNoJson) {
  const std::string key = "</script><img src=x onerror=alert(1)>\"\xff\x01";
  cache_.set(key, "\xfe").value();
  const auto found =
      get("/api/v1/caches/users/entry?key=%3C/script%3E%3Cimg%20src=x%20onerror=alert(1)%3E%22%FF%01");
  EXPECT_EQ(found.header("Content-Type"), "application/json");
  EXPECT_EQ(found.json().at("kind"), "hit");
  EXPECT_TRUE(found.json().at("value").is_object());
}

TEST_F(AdminHostileTest, DeepAndLargeJsonIsRefusedOrTaken) {
  const auto put = [&](const std::string& value) {
    return ask("PUT", "/api/v1/caches/users/entry?key=k", R"({"value": )" + value + "}").status;
  };
  EXPECT_EQ(put(std::string(100'000, '[')), 400U);
  EXPECT_EQ(put(std::string(200, '[') + std::string(200, ']')), 400U);
  EXPECT_EQ(put("\"" + std::string(1'000'000, 'x') + "\""), 200U);
  EXPECT_EQ(put("1e999"), 400U);
  EXPECT_EQ(put("\"\xff\""), 400U);
}

}  // namespace
}  // namespace terrace
