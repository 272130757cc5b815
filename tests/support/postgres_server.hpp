#pragma once
/// PostgresServer: a PostgreSQL of its own for a test, on a free loopback port, gone at the end. The
/// superuser "postgres" needs no password, everybody else does. Started by root it runs as the user postgres
/// or nobody, for it refuses to be root.

#include <string>
#include <vector>

#include "support/child_process.hpp"

namespace terrace::testing {

class PostgresServer {
 public:
  /// `tls`: it offers TLS, with a certificate of its own for 127.0.0.1.
  explicit PostgresServer(bool tls = false);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// True when there are server programs on this machine; tests that need them skip or fail otherwise.
  static bool available();

  /// `user` may hold a password: "name:secret". `port`: that of a proxy.
  [[nodiscard]] std::string url(const std::string& user = "postgres", int port = 0) const;
  [[nodiscard]] int port() const noexcept { return port_; }
  /// PEM file (tls).
  [[nodiscard]] std::string certificate() const { return place_.file("server.crt"); }
  [[nodiscard]] std::string log() const;

  void start();  ///< returns when it answers; throws with the server's log when it does not
  void stop();   ///< in order, though clients are connected
  void kill9();
  void restart() { stop(), start(); }
  void freeze();  ///< SIGSTOP to all its processes; returns when they stand still
  void thaw();

  /// What `psql` prints for the statement, without the last line end.
  std::string sql(const std::string& statement) const;

 private:
  /// The main process and those it has started.
  [[nodiscard]] std::vector<pid_t> family() const;
  void signal_family(int number) const;
  void make_certificate() const;

  const bool tls_;
  TempDir place_;
  const int port_;
  ChildProcess process_;
};

}  // namespace terrace::testing
