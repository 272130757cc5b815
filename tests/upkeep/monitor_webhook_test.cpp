#include <gtest/gtest.h>

#include <terrace/testing.hpp>

#include "upkeep/http_url.hpp"
#include "upkeep/webhook.hpp"

namespace terrace::upkeep {
namespace {

using namespace std::chrono_literals;

/// Answers when, and as, the test says.
class FakePost final : public Post {
 public:
  void post(std::string body, Handler<Result<void>> done) override {
    bodies.push_back(std::move(body));
    done_ = std::move(done);
  }
  void close() override { closed = true; }
  void answer(Result<void> outcome) { std::exchange(done_, nullptr)(std::move(outcome)); }
  [[nodiscard]] bool asked() const { return static_cast<bool>(done_); }

  std::vector<std::string> bodies;
  bool closed = false;

 private:
  Handler<Result<void>> done_;
};

class MonitorWebhook : public ::testing::Test {
 protected:
  void send(const std::string& rule) { outlet_->send({.kind = AlertNotice::Kind::fired, .rule = rule}); }
  [[nodiscard]] std::string last() const {
    const std::string& body = post_->bodies.back();
    const auto begin = body.find("\"rule\":\"") + 8;
    return body.substr(begin, body.find('"', begin) - begin);
  }
  static Error away() { return {Errc::unavailable, "http://host:80 answered 503"}; }

  testing::FakeScheduler scheduler_;
  std::shared_ptr<FakePost> post_ = std::make_shared<FakePost>();
  std::shared_ptr<WebhookOutlet> outlet_ = std::make_shared<WebhookOutlet>(
      WebhookOutlet::Terms{
          .label = "http://host:80", .attempts = 4, .backoff = 1s, .max_backoff = 3s, .max_queue = 3},
      post_, scheduler_, 42);
};

TEST_F(MonitorWebhook, SendsOneAtATimeInOrder) {
  send("a");
  send("b");
  EXPECT_EQ(post_->bodies.size(), 1U);
  EXPECT_EQ(last(), "a");
  EXPECT_EQ(outlet_->stats().waiting, 2U);
  post_->answer({});
  EXPECT_EQ(last(), "b");
  post_->answer({});
  EXPECT_FALSE(post_->asked());
  EXPECT_EQ(outlet_->stats().sent, 2U);
  EXPECT_EQ(outlet_->stats().waiting, 0U);
}

TEST_F(MonitorWebhook, TriesAgainWithinABoundThatDoubles) {
  send("a");
  for (const Duration bound : {1s, 2s, 3s}) {
    post_->answer(away());
    EXPECT_FALSE(post_->asked()) << "it waits";
    EXPECT_EQ(scheduler_.pending_timers(), 1U);
    scheduler_.advance(bound);
    ASSERT_TRUE(post_->asked());
  }
  EXPECT_EQ(outlet_->stats().failed, 0U);
  post_->answer({});
  EXPECT_EQ(post_->bodies.size(), 4U);
  EXPECT_EQ(outlet_->stats().sent, 1U);
}

TEST_F(MonitorWebhook, GivesUpAfterItsAttemptsAndGoesOn) {
  send("a");
  send("b");
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(last(), "a");
    post_->answer(away());
    if (i < 3) scheduler_.advance(3s);
  }
  EXPECT_EQ(outlet_->stats().failed, 1U);
  EXPECT_EQ(outlet_->stats().last_error, "http://host:80 answered 503");
  EXPECT_EQ(last(), "b");
  post_->answer(away());
  scheduler_.advance(1s);
  EXPECT_TRUE(post_->asked()) << "the bounds begin anew with each notice";
}

TEST_F(MonitorWebhook, WhatIsRefusedIsNotSentAgain) {
  send("a");
  post_->answer(Error(Errc::denied, "http://host:80 answered 404"));
  EXPECT_EQ(outlet_->stats().failed, 1U);
  EXPECT_EQ(scheduler_.pending_timers(), 0U);
}

TEST_F(MonitorWebhook, AFullQueueDropsTheOldestThatWaits) {
  for (const char* rule : {"a", "b", "c", "d", "e", "f"}) send(rule);
  EXPECT_EQ(outlet_->stats().dropped, 2U);
  EXPECT_EQ(outlet_->stats().waiting, 4U) << "one under way and three";
  EXPECT_EQ(last(), "a") << "what is under way is not dropped";
  std::string order;
  while (post_->asked()) {
    order += last();
    post_->answer({});
  }
  EXPECT_EQ(order, "adef");
}

TEST_F(MonitorWebhook, AtTheEndNothingMoreIsSent) {
  send("a");
  post_->answer(away());
  send("b");
  outlet_->close();
  EXPECT_TRUE(post_->closed);
  EXPECT_EQ(scheduler_.pending_timers(), 0U);
  send("c");
  scheduler_.advance(1h);
  EXPECT_EQ(post_->bodies.size(), 1U);
  EXPECT_EQ(outlet_->stats().dropped, 2U);
}

TEST_F(MonitorWebhook, AnAnswerAfterTheEndIsNothing) {
  send("a");
  outlet_->close();
  post_->answer({});
  send("b");
  const std::weak_ptr<WebhookOutlet> gone = outlet_;
  outlet_ = nullptr;
  EXPECT_TRUE(gone.expired());
}

std::string refusal(const WebhookOptions& options) {
  try {
    options.check();
    return "(taken)";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(MonitorWebhookOptions, AMistakeIsNamedWithItsRemedy) {
  const std::string url = "https://hooks.example.org/x";
  EXPECT_EQ(refusal({.url = url}), "(taken)");
  EXPECT_NE(refusal({.url = url, .timeout = 0s}).find("timeout"), std::string::npos);
  EXPECT_NE(refusal({.url = url, .attempts = 0}).find("attempts"), std::string::npos);
  EXPECT_NE(refusal({.url = url, .backoff = 0s}).find("backoff"), std::string::npos);
  EXPECT_NE(refusal({.url = url, .backoff = 2s, .max_backoff = 1s}).find("max_backoff"), std::string::npos);
  EXPECT_NE(refusal({.url = url, .max_queue = 0}).find("max_queue"), std::string::npos);
  EXPECT_NE(refusal({.url = url, .headers = {{"A B", "c"}}}).find("not a valid header name"),
            std::string::npos);
  EXPECT_NE(refusal({.url = url, .headers = {{"A", "c\r\nB: d"}}}).find("control character"),
            std::string::npos);
}

TEST(MonitorWebhookUrl, IsTakenApart) {
  const HttpUrl plain = parse_http_url("http://Example.org");
  EXPECT_FALSE(plain.tls);
  EXPECT_EQ(plain.host, "Example.org");
  EXPECT_EQ(plain.port, "80");
  EXPECT_EQ(plain.target, "/");
  EXPECT_EQ(plain.authorization, "");
  EXPECT_EQ(plain.authority(), "Example.org");
  const HttpUrl full = parse_http_url("HTTPS://ann:p%40ss@[::1]:8443/a/b?c=d/e");
  EXPECT_TRUE(full.tls);
  EXPECT_EQ(full.host, "::1");
  EXPECT_EQ(full.authority(), "[::1]:8443");
  EXPECT_EQ(full.target, "/a/b?c=d/e");
  EXPECT_EQ(full.authorization, "Basic YW5uOnBAc3M=");
  EXPECT_EQ(full.label(), "https://[::1]:8443");
  EXPECT_EQ(parse_http_url("http://host?token=x").target, "/?token=x");
  EXPECT_EQ(parse_http_url("https://office.example/hook/a@b").target, "/hook/a@b");
}

TEST(MonitorWebhookUrl, AMistakeShowsNoneOfItsSecrets) {
  for (const std::string url :
       {"", "hooks.example.org/S3CRET", "ftp://u:S3CRET@host/", "S3CRET://host", "https://u:S3CRET@/x",
        "https://u:S3CRET@ho st/", "https://u:S3CRET@host:99999/S3CRET", "https://u:S3CRET@host:x/",
        "https://S3CRET@host/", "https://u:S3/CRET@host/", "https://u:S3CRET%@host/",
        "https://u:S3CRET#@host/", "https://[S3CRET]/", "https://ho!st:S3CRET/", "http://:S3CRET/",
        "http://u:80/S3CRET@host"}) {
    try {
      parse_http_url(url);
      ADD_FAILURE() << url;
    } catch (const ConfigError& error) {
      const std::string what = error.what();
      EXPECT_EQ(what.find("S3"), std::string::npos) << what;
      EXPECT_EQ(what.find("CRET"), std::string::npos) << what;
      EXPECT_EQ(what.find("webhook URL: "), 0U) << what;
    }
  }
}

}  // namespace
}  // namespace terrace::upkeep
