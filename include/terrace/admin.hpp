#pragma once
/// AdminServer: an HTTP endpoint inside the program, for operators, scripts, orchestrators and Prometheus.
///
///     terrace::AdminServer admin({.token = token});
///     admin.add(users);
///     std::cout << admin.url() << '\n';   // http://127.0.0.1:9390
///
/// A status page at /, /healthz (the process lives), /readyz (the caches are healthy), /metrics, and a JSON
/// API under /api/v1 to look at caches and to change them: docs/admin.md.

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <terrace/cache_handle.hpp>
#include <terrace/metrics.hpp>
#include <terrace/monitor.hpp>
#include <terrace/warmer.hpp>
#include <vector>

namespace terrace {

struct AdminOptions {
  /// HOST:PORT; an IPv6 address in brackets. Port 0: any free one (AdminServer::port tells).
  std::string listen = "127.0.0.1:9390";
  /// Secret. Whoever sends it ("Authorization: Bearer …") may see keys and values and change them. Printable
  /// ASCII without blanks, at least 16 characters; none: nobody may.
  std::string token = {};
  /// PEM files of the certificate (with its chain) and its key: HTTPS. Both or neither.
  std::string tls_certificate = {};
  std::string tls_key = {};
  /// Plain HTTP where other machines reach it: only where the network itself is trusted, for token and values
  /// can be read on their way.
  bool allow_plain_on_public_address = false;
  /// How long a client may take for its request, from the connection or the end of the last answer; also how
  /// long a connection is kept for the next one. 100 ms … 1 h.
  Duration request_timeout = std::chrono::seconds(30);

  /// Throws ConfigError naming the option that is wrong and what would be right, never the token.
  void check() const;
};

/// Loads keys into a cache as the program itself would; `done` is to be called once, on any thread. Called on
/// the server's thread, so it must not block. As a rule Warmer::start:
///
///     [&users](std::vector<std::string> keys, std::stop_token stop, Handler<WarmReport> done) {
///       terrace::Warmer<User> warmer(users);
///       warmer.add_keys(std::move(keys), [](std::string_view key) { return load_user(key); });
///       warmer.start(std::move(done), stop);
///     }
using Warming =
    std::function<void(std::vector<std::string> keys, std::stop_token stop, Handler<WarmReport> done)>;

/// Has a thread of its own; slow tiers hold up nobody else. Thread safe. Caches may be closed or destroyed
/// before or after it.
class AdminServer {
 public:
  /// Listens when it returns. Without a monitor or metrics it makes its own, which add() tells of the caches;
  /// those that are given are the program's to fill. Throws ConfigError: the options, a port that is in use,
  /// a certificate that cannot be read.
  explicit AdminServer(AdminOptions options = {}, std::shared_ptr<Monitor> monitor = {},
                       std::shared_ptr<Metrics> metrics = {});
  /// As close().
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// From now on it is served. Throws ConfigError: another cache of that name is.
  void add(CacheHandle cache);
  /// False: there is none of that name.
  bool remove(std::string_view cache);
  /// What POST …/warm does for a cache. Without, it brings keys up from lower levels and loads nothing.
  /// Throws ConfigError: there is no cache of that name.
  void add_warming(std::string_view cache, Warming warming);

  /// "https://127.0.0.1:9390". For a server on every address: with the name of this machine.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] unsigned short port() const noexcept;

  /// Takes no more requests, ends what waits for one, gives answers under way 2 s. Idempotent.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace terrace
