#pragma once
/// A server over a cache of strings, with one tier in memory that can be held up, and a client.

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <terrace/admin.hpp>
#include <terrace/cache.hpp>
#include <terrace/testing.hpp>

#include "support/child_process.hpp"
#include "support/http_client.hpp"

namespace terrace {

using namespace std::chrono_literals;
using testing::HttpClient;
using testing::HttpHeaders;
using testing::HttpReply;

/// What the program logs while this lives.
class Logged {
 public:
  Logged() {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
    spdlog::set_pattern("%l %v");
  }
  ~Logged() { spdlog::set_default_logger(before_); }
  Logged(const Logged&) = delete;
  Logged& operator=(const Logged&) = delete;
  /// Only while nothing logs.
  [[nodiscard]] std::string text() const { return text_.str(); }
  [[nodiscard]] std::ptrdiff_t lines() const {
    const std::string all = text();
    return std::count(all.begin(), all.end(), '\n');
  }

 private:
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_;
};

class AdminTest : public ::testing::Test {
 protected:
  static inline const std::string token = "token-for-tests-0123456789";

  static AdminOptions options() { return {.listen = "127.0.0.1:0", .token = token}; }
  static HttpHeaders with_token() { return {{"Authorization", "Bearer " + token}}; }

  void start(AdminOptions options = AdminTest::options()) {
    server_.reset();
    server_ = std::make_unique<AdminServer>(std::move(options), monitor_, metrics_);
    server_->add(cache_);
  }
  void TearDown() override {
    tier_->plan(nullptr);
    tier_->release();
  }

  [[nodiscard]] HttpReply ask(const std::string& method, const std::string& target,
                              const std::string& body = {}, const HttpHeaders& headers = with_token()) const {
    return HttpClient(server_->port()).request(method, target, body, headers);
  }
  [[nodiscard]] HttpReply get(const std::string& target) const { return ask("GET", target); }

  const std::shared_ptr<Runtime> runtime_ = Runtime::common();
  const std::shared_ptr<testing::FaultyTier> tier_ =
      std::make_shared<testing::FaultyTier>(std::make_shared<testing::MapTier>(), runtime_);
  Cache<std::string> cache_{{.name = "users", .ttl_jitter = 0, .scheduler = runtime_}, {tier_}};
  std::shared_ptr<Monitor> monitor_;  ///< none: the server's own
  std::shared_ptr<Metrics> metrics_;
  std::unique_ptr<AdminServer> server_;
};

}  // namespace terrace
