#include "redis/socket_network.hpp"

#include <boost/asio/steady_timer.hpp>

#include "redis/dialer.hpp"
#include "runtime/io_context.hpp"

namespace terrace::redis {
namespace {

class SocketNetwork final : public Network {
 public:
  /// Throws boost::system::system_error if the system has no file descriptor for Asio, which needs some with
  /// the first timer or socket. Later, on the I/O thread, nobody could catch it.
  explicit SocketNetwork(boost::asio::io_context& io) : io_(io) { boost::asio::steady_timer first(io_); }

  std::shared_ptr<Dial> dial(const RedisUrl& url, boost::asio::ssl::context* tls, TimePoint deadline,
                             Dialed done) override {
    auto dialer = std::make_shared<Dialer>(io_, url, tls);
    dialer->start(deadline, std::move(done));
    return dialer;
  }

 private:
  boost::asio::io_context& io_;
};

}  // namespace

Outside outside_of(Runtime& runtime) {
  return {runtime, std::make_shared<SocketNetwork>(io_context(runtime))};
}

}  // namespace terrace::redis
