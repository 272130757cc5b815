#pragma once
/// RedisServer: a Redis (or Valkey) of its own for a test, on a free loopback port, gone at the end.

#include <optional>
#include <string>
#include <vector>

#include "support/child_process.hpp"

namespace terrace::testing {

struct RedisServerOptions {
  int port = 0;  ///< 0: a free one
  std::string password = {};
  bool tls = false;  ///< the port speaks TLS only, with a certificate made for it
  std::string tls_names = "DNS:localhost,IP:127.0.0.1";  ///< whom the certificate is for
  bool tls_expired = false;                              ///< the certificate was valid in 2020
  bool unix_socket = false;                              ///< beside the port
  bool own_clock = false;                                ///< its wall clock can be set: set_clock()
  std::vector<std::string> arguments = {};               ///< more of the command line: {"--maxmemory", "2mb"}
};

class RedisServer {
 public:
  explicit RedisServer(RedisServerOptions options = {});

  /// True when there is a server program on this machine; tests that need one skip or fail otherwise.
  static bool available();

  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::string unix_url() const { return "unix://" + secret() + socket_path(); }
  [[nodiscard]] int port() const noexcept { return port_; }
  [[nodiscard]] std::string socket_path() const { return place_.file("redis.sock"); }
  /// PEM file of the authority that signed the server's certificate (TLS).
  [[nodiscard]] std::string ca_file() const { return place_.file("ca.crt"); }
  [[nodiscard]] std::string log() const;

  void start();  ///< returns when it answers; throws with the server's log when it does not
  void stop();
  void kill9() { process_.kill9(); }
  void restart() { stop(), start(); }
  void freeze();  ///< SIGSTOP; returns when it stands still
  void thaw();
  /// The wall clock of the server is so far ahead of that of this machine (negative: behind).
  void set_clock(std::chrono::nanoseconds ahead) const;

  /// What `redis-cli` prints for these arguments, without the last line end.
  std::string cli(const std::vector<std::string>& arguments) const;

 private:
  [[nodiscard]] std::string secret() const {
    return options_.password.empty() ? "" : ":" + options_.password + "@";
  }
  [[nodiscard]] std::vector<std::string> cli_command() const;
  void make_certificates() const;

  RedisServerOptions options_;
  TempDir place_;
  int port_;
  ChildProcess process_;
};

}  // namespace terrace::testing
