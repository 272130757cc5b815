#include <chrono>
#include <terrace/runtime.hpp>

#include "support/http_server.hpp"
#include "upkeep/monitor_fixture.hpp"

namespace terrace {
namespace {

using testing::eventually;
using testing::HttpServer;

/// A monitor in real time whose one rule holds from the first sample on.
class MonitorHttp : public ::testing::Test {
 protected:
  void add(WebhookOptions options) {
    options.backoff = 1ms;
    options.max_backoff = 5ms;
    monitor_->add_webhook(std::move(options));
  }
  void start() {
    monitor_->watch(cache_);
    monitor_->add_rule({.name = "cold", .test = [this](const WindowStats&) { return holds_.load(); }});
    monitor_->sample();
  }
  [[nodiscard]] SinkStats sink(std::size_t i = 0) const { return monitor_->sinks()[i]; }

  Cache<int> cache_{{.name = "users"}, {}};
  std::atomic<bool> holds_ = true;
  std::unique_ptr<Monitor> monitor_ = std::make_unique<Monitor>(MonitorOptions{.interval = 20ms});
};

TEST_F(MonitorHttp, APostCarriesTheNotice) {
  HttpServer server([](std::size_t) { return 202; });
  add({.url = server.url("/hook/T0KEN?x=1", "ann:secret@"), .headers = {{"X-Team", "navy"}}});
  start();
  ASSERT_TRUE(eventually([&] { return sink().sent == 1; }));
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.method_string(), "POST");
  EXPECT_EQ(request.target(), "/hook/T0KEN?x=1");
  EXPECT_EQ(request["Content-Type"], "application/json");
  EXPECT_EQ(request["X-Team"], "navy");
  EXPECT_EQ(request["Authorization"], "Basic YW5uOnNlY3JldA==");
  EXPECT_EQ(request["Host"], server.url("").substr(7));
  EXPECT_NE(request.body().find(R"({"kind":"fired","rule":"cold","cache":"users")"), std::string::npos);
  holds_ = false;
  ASSERT_TRUE(eventually([&] { return sink().sent == 2; }));
  EXPECT_NE(server.requests().at(1).body().find(R"({"kind":"recovered")"), std::string::npos);
}

TEST_F(MonitorHttp, AServerInTroubleIsAskedAgain) {
  HttpServer server([](std::size_t n) { return n == 0 ? 500 : n == 1 ? 429 : 200; });
  add({.url = server.url()});
  start();
  ASSERT_TRUE(eventually([&] { return sink().sent == 1; }));
  ASSERT_EQ(server.count(), 3U);
  EXPECT_EQ(server.requests()[0].body(), server.requests()[2].body());
  EXPECT_EQ(sink().failed, 0U);
}

TEST_F(MonitorHttp, ARefusalIsNotRepeated) {
  HttpServer server([](std::size_t) { return 404; });
  add({.url = server.url("/T0KEN")});
  start();
  ASSERT_TRUE(eventually([&] { return sink().failed == 1; }));
  EXPECT_EQ(server.count(), 1U);
  EXPECT_EQ(sink().last_error, server.url("") + " answered 404") << "the path is secret";
}

TEST_F(MonitorHttp, AServerThatIsAwayFails) {
  const std::string url = "http://127.0.0.1:" + std::to_string(testing::free_port());
  add({.url = url + "/T0KEN", .attempts = 3});
  start();
  ASSERT_TRUE(eventually([&] { return sink().failed == 1; }));
  EXPECT_EQ(sink().last_error.find(url + ": while connecting: "), 0U) << sink().last_error;
}

TEST_F(MonitorHttp, WhatIsNoHttpFails) {
  HttpServer server([](std::size_t) { return 200; });
  add({.url = "https" + server.url().substr(4), .attempts = 2});
  start();
  EXPECT_TRUE(eventually([&] { return sink().failed == 1; }));
}

TEST_F(MonitorHttp, OneThatHangsHoldsUpNeitherSamplesNorOthersNorTheEnd) {
  HttpServer hanging([](std::size_t) { return HttpServer::hangs; });
  HttpServer server([](std::size_t) { return 200; });
  add({.url = hanging.url(), .timeout = 1h});
  add({.url = server.url()});
  std::atomic<int> told = 0;
  monitor_->add_sink([&](const AlertNotice&) { ++told; });
  monitor_->add_rule(
      {.name = "flaps", .test = [on = false](const WindowStats&) mutable { return on = !on; }});
  start();
  EXPECT_TRUE(eventually([&] { return hanging.count() == 1 && sink(1).sent > 3 && told > 3; }));
  EXPECT_EQ(sink(0).sent, 0U);
  const auto begin = std::chrono::steady_clock::now();
  monitor_ = nullptr;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s) << "a worker that had to be left behind costs 5 s";
}

TEST_F(MonitorHttp, AnAnswerThatTakesTooLongIsTriedAgain) {
  HttpServer server([](std::size_t n) { return n == 0 ? HttpServer::hangs : 200; });
  add({.url = server.url(), .timeout = 200ms});
  start();
  ASSERT_TRUE(eventually([&] { return sink().sent == 1; }));
  EXPECT_EQ(server.count(), 2U);
  EXPECT_NE(sink().last_error.find("no answer in time while waiting for the answer"), std::string::npos)
      << sink().last_error;
}

TEST_F(MonitorHttp, ItsQueueIsBounded) {
  HttpServer server([](std::size_t) { return HttpServer::hangs; });
  add({.url = server.url(), .timeout = 1h, .max_queue = 2});
  monitor_->add_rule(
      {.name = "flaps", .test = [on = false](const WindowStats&) mutable { return on = !on; }});
  start();
  EXPECT_TRUE(eventually([&] { return sink().dropped > 2; }));
  EXPECT_EQ(sink().waiting, 3U) << "one under way and two";
}

TEST_F(MonitorHttp, TlsIsVerified) {
  testing::TempDir place;
  testing::make_certificate(place.path().string(), "IP:127.0.0.1");
  HttpServer server([](std::size_t) { return 200; }, place.path().string());
  add({.url = server.url(), .ca_file = place.file("server.crt")});
  add({.url = server.url(), .attempts = 1});
  start();
  EXPECT_TRUE(eventually([&] { return sink(0).sent == 1; })) << sink(0).last_error;
  EXPECT_TRUE(eventually([&] { return sink(1).failed == 1; }));
  EXPECT_NE(sink(1).last_error.find("certificate is not accepted"), std::string::npos) << sink(1).last_error;
}

TEST_F(MonitorHttp, ACertificateForAnotherHostIsNotAccepted) {
  testing::TempDir place;
  testing::make_certificate(place.path().string(), "DNS:elsewhere.example");
  HttpServer server([](std::size_t) { return 200; }, place.path().string());
  add({.url = server.url(), .attempts = 1, .ca_file = place.file("server.crt")});
  start();
  EXPECT_TRUE(eventually([&] { return sink().failed == 1; }));
  EXPECT_EQ(server.count(), 0U);
  EXPECT_THROW(monitor_->add_webhook({.url = server.url(), .ca_file = "/not/there"}), ConfigError);
}

/// On virtual time the waits are virtual; the sockets are real.
TEST_F(MonitorTest, AWebhookWorksWithAnyScheduler) {
  HttpServer server([](std::size_t) { return 200; });
  auto cache = make();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  monitor->add_rule(rule());
  monitor->add_webhook({.url = server.url()});
  *holds_ = true;
  scheduler_->advance(5s);
  EXPECT_TRUE(eventually([&] { return monitor->sinks()[0].sent == 1; }));
}

}  // namespace
}  // namespace terrace
