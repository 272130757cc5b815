#pragma once
/// AdminServer: an HTTP endpoint inside the program, for operators, scripts, orchestrators and Prometheus.
///
///     terrace::AdminServer admin({.token = token});
///     admin.add(users);
///     std::cout << admin.url() << '\n';   // http://127.0.0.1:9390
///
/// It serves a status page at /, /healthz (the process is alive), /readyz (the caches are healthy), /metrics,
/// and a JSON API under /api/v1 that reads and changes caches: docs/admin.md.

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
  /// HOST:PORT; put an IPv6 address in brackets. Port 0 takes any free port (see AdminServer::port).
  std::string listen = "127.0.0.1:9390";
  /// Secret. A client that sends it ("Authorization: Bearer …") may see and change keys and values. Printable
  /// ASCII without blanks, at least 16 characters. Empty: no client may.
  std::string token = {};
  /// PEM files of the certificate (with its chain) and its key; they turn on HTTPS. Set both or neither.
  std::string tls_certificate = {};
  std::string tls_key = {};
  /// Allows plain HTTP on an address that other machines can reach. Use it only on a trusted network: the
  /// token and the values can be read in transit.
  bool allow_plain_on_public_address = false;
  /// Further names in the Host header that the server answers to, without port, for instance that of a proxy
  /// or of a Kubernetes service. Always allowed are localhost, the host of `listen`, and, on an address that
  /// other machines can reach, every IP address and the name of this machine. Requests with another Host are
  /// refused with status 421, because a web site could send them from a browser (DNS rebinding).
  std::vector<std::string> hosts = {};
  /// How long a client may take for its request, counted from the connection or from the end of the last
  /// answer; also how long a connection is kept open for the next request. 100 ms … 1 h.
  Duration request_timeout = std::chrono::seconds(30);

  /// Throws ConfigError that names the wrong option and says what would be right. It never shows the token.
  void check() const;
};

/// Loads keys into a cache as the program itself would. Call `done` once, on any thread. The function runs on
/// the server's thread, so it must not block. Usually it calls Warmer::start:
///
///     [&users](std::vector<std::string> keys, std::stop_token stop, Handler<WarmReport> done) {
///       terrace::Warmer<User> warmer(users);
///       warmer.add_keys(std::move(keys), [](std::string_view key) { return load_user(key); });
///       warmer.start(std::move(done), stop);
///     }
using Warming =
    std::function<void(std::vector<std::string> keys, std::stop_token stop, Handler<WarmReport> done)>;

/// The server has its own thread; a slow tier delays only the requests that need it. Thread safe. Caches may
/// be closed or destroyed before or after the server.
class AdminServer {
 public:
  /// The server listens when the constructor returns. If no monitor or metrics are given, it makes its own,
  /// and add() registers caches with them; the program fills those that it passes in. Throws ConfigError for
  /// wrong options, a port in use, or a certificate that cannot be read.
  explicit AdminServer(AdminOptions options = {}, std::shared_ptr<Monitor> monitor = {},
                       std::shared_ptr<Metrics> metrics = {});
  /// Same as close().
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Serves the cache from now on. Throws ConfigError if another cache with that name is served already.
  void add(CacheHandle cache);
  /// Returns false if no cache has that name.
  bool remove(std::string_view cache);
  /// Sets what POST …/warm does for a cache. Without it, warming copies keys from lower levels into the
  /// levels above and loads nothing. Throws ConfigError if no cache has that name.
  void add_warming(std::string_view cache, Warming warming);

  /// For example "https://127.0.0.1:9390". A server that listens on every address uses the name of this
  /// machine.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] unsigned short port() const noexcept;

  /// Accepts no more requests, ends connections that wait for one, and gives answers under way 2 s.
  /// Idempotent.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace terrace
