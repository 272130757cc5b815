#pragma once
/// Operated: a configuration over a real Redis and SQLite, and a `terrace serve` for it: what the commands
/// for operators are tried on.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <csignal>
#include <optional>

#include "cli/program.hpp"
#include "exit_code.hpp"
#include "support/redis_server.hpp"

namespace terrace::cli_test {

inline constexpr const char* admin_token = "token-for-tests-0123456789";

class Operated : public ::testing::Test {
 protected:
  Operated() {
    config_ = folder_.file(
        "terrace.toml", std::string("[admin]\nlisten = \"127.0.0.1:0\"\ntoken = \"") + admin_token + "\"\n" +
                            "[tiers.near]\nurl = \"" + redis_.url() +
                            "\"\n[tiers.far]\nurl = \"sqlite:" + folder_.path("far.db") +
                            "?scope=fleet\"\n[caches.users]\ntiers = [\"near\", \"far\"]\nttl = \"10m\"\n"
                            "[caches.pages]\nttl = \"1m\"\n");
    token_file_ = folder_.file("token", std::string(admin_token) + "\n");
  }

  /// Starts the server, once.
  [[nodiscard]] const std::string& server() {
    if (!served_) {
      served_.emplace(std::vector<std::string>{"serve", "--config", config_});
      const auto named = [&] { return served_->out().find('\n') != std::string::npos; };
      EXPECT_TRUE(testing::eventually(named)) << served_->err();
      address_ = served_->out().substr(0, served_->out().find('\n'));
    }
    return address_;
  }
  void stop_server() {
    served_->signal(SIGTERM);
    EXPECT_EQ(served_->wait().code, 0);
  }

  [[nodiscard]] std::vector<std::string> at_server(std::vector<std::string> words) {
    words.insert(words.end(), {"--server", server(), "--token-file", token_file_});
    return words;
  }
  [[nodiscard]] std::vector<std::string> at_config(std::vector<std::string> words) const {
    words.insert(words.end(), {"--config", config_});
    return words;
  }

  TempFolder folder_;
  testing::RedisServer redis_;
  std::string config_, token_file_;

 private:
  std::optional<Program> served_;
  std::string address_;
};

}  // namespace terrace::cli_test
