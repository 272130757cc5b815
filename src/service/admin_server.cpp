#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <terrace/admin.hpp>
#include <terrace/bytes.hpp>
#include <thread>

#include "base/fork.hpp"
#include "base/threads.hpp"
#include "service/admin_listener.hpp"
#include "service/server_tls.hpp"

namespace terrace {

using namespace service;

namespace asio = boost::asio;

void AdminOptions::check() const {
  constexpr std::size_t least_token = 16;
  const bool printable =
      std::all_of(token.begin(), token.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!token.empty() && (token.size() < least_token || !printable)) {
    throw ConfigError(
        "AdminOptions::token is too short to be safe, or has blanks or characters that are not printable "
        "ASCII: "
        "give 16 characters or more, for instance from `openssl rand -hex 24`");
  }
  if (tls_certificate.empty() != tls_key.empty()) {
    throw ConfigError(std::string("AdminOptions::") + (tls_key.empty() ? "tls_key" : "tls_certificate") +
                      " is missing: TLS needs both a certificate and its key, as PEM files");
  }
  for (const std::string& host : hosts) {
    if (HostNames::is_name(host)) continue;
    throw ConfigError(
        "AdminOptions::hosts has " + printable_key(host) +
        ", which is not the name or the IP address of a host: write it without scheme, port and "
        "brackets, as in cache.example.org");
  }
  if (request_timeout < std::chrono::milliseconds(100) || request_timeout > std::chrono::hours(1)) {
    throw ConfigError("AdminOptions::request_timeout must be from 100 ms to 1 h");
  }
}

namespace {

ListenAddress checked_address(const AdminOptions& options) {
  options.check();
  ListenAddress where = parse_listen(options.listen);
  if (where.is_loopback() || !options.tls_certificate.empty() || options.allow_plain_on_public_address) {
    return where;
  }
  throw ConfigError("admin: other machines reach " + options.listen +
                    ", and without TLS others on the network can read the token and the values: give "
                    "tls_certificate and tls_key, listen on 127.0.0.1, or, where the network itself is "
                    "trusted, set allow_plain_on_public_address");
}

/// The names by which clients may call the server. Only its own names are right on loopback, where any page in
/// a browser of this machine may try others. On another address clients also use its IP addresses.
HostNames names_of(const ListenAddress& where, const std::vector<std::string>& hosts) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1", where.host,
                                 where.endpoint.address().to_string()};
  if (!where.is_loopback()) names.push_back(asio::ip::host_name());
  names.insert(names.end(), hosts.begin(), hosts.end());
  return HostNames(std::move(names), !where.is_loopback());
}

}  // namespace

class AdminServer::Impl {
 public:
  Impl(const AdminOptions& options, std::shared_ptr<Monitor> monitor, std::shared_ptr<Metrics> metrics)
      : own_monitor_(monitor == nullptr),
        own_metrics_(metrics == nullptr),
        where_(checked_address(options)),
        tls_(!options.tls_certificate.empty()),
        monitor_(own_monitor_ ? std::make_shared<Monitor>() : std::move(monitor)),
        metrics_(own_metrics_ ? std::make_shared<Metrics>() : std::move(metrics)),
        api_(monitor_),
        routes_(api_, monitor_, metrics_, options.token, names_of(where_, options.hosts)),
        host_{routes_, {.request = options.request_timeout}, std::make_shared<asio::io_context>(1)},
        listener_(where_, server_tls(options.tls_certificate, options.tls_key), host_) {
    listener_.start();
    thread_ = start_thread("the admin endpoint", [this] { host_.io->run(); });
  }

  const HomeProcess home_;

  ~Impl() { close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void close() {
    if (!home_.here()) return;
    const std::lock_guard lock(closing_);
    if (!thread_.joinable()) return;
    asio::post(*host_.io, [this] { listener_.close(); });
    thread_.join();
    if (own_monitor_) monitor_->close();
  }

  void add(const CacheHandle& cache) {
    api_.add(cache);
    try {
      if (own_monitor_) monitor_->watch(cache);
      if (own_metrics_) metrics_->add(cache);
    } catch (...) {
      api_.remove(cache.name());
      throw;
    }
  }

  bool remove(std::string_view cache) {
    if (own_monitor_) monitor_->unwatch(cache);
    if (own_metrics_) metrics_->remove(cache);
    return api_.remove(cache);
  }

  void add_warming(std::string_view cache, Warming warming) { api_.add_warming(cache, std::move(warming)); }

  [[nodiscard]] std::string url() const {
    const bool everywhere = where_.endpoint.address().is_unspecified();
    std::string host = everywhere ? asio::ip::host_name() : where_.host;
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    return (tls_ ? "https://" : "http://") + host + ":" + std::to_string(port());
  }
  [[nodiscard]] unsigned short port() const noexcept { return listener_.port(); }

 private:
  const bool own_monitor_, own_metrics_;
  const ListenAddress where_;
  const bool tls_;
  const std::shared_ptr<Monitor> monitor_;
  const std::shared_ptr<Metrics> metrics_;
  AdminApi api_;
  AdminRoutes routes_;
  SessionHost host_;
  AdminListener listener_;
  std::mutex closing_;
  std::thread thread_;
};

AdminServer::AdminServer(AdminOptions options, std::shared_ptr<Monitor> monitor,
                         std::shared_ptr<Metrics> metrics)
    : impl_(std::make_unique<Impl>(options, std::move(monitor), std::move(metrics))) {}
AdminServer::~AdminServer() {
  if (!impl_->home_.here()) static_cast<void>(impl_.release());  // its thread belongs to the parent
}
void AdminServer::add(CacheHandle cache) {
  impl_->add(cache);
}
bool AdminServer::remove(std::string_view cache) {
  return impl_->remove(cache);
}
void AdminServer::add_warming(std::string_view cache, Warming warming) {
  impl_->add_warming(cache, std::move(warming));
}
std::string AdminServer::url() const {
  return impl_->url();
}
unsigned short AdminServer::port() const noexcept {
  return impl_->port();
}
void AdminServer::close() {
  impl_->close();
}

}  // namespace terrace
