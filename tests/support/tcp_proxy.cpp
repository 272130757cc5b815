#include "support/tcp_proxy.hpp"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <future>
#include <list>
#include <string>
#include <thread>

namespace terrace::testing {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using Time = std::chrono::steady_clock::time_point;

class TcpProxy::Impl {
 public:
  explicit Impl(int target_port)
      : target_(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(target_port)),
        acceptor_(io_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Impl() {
    io_.stop();
    thread_.join();
  }

  /// One connection: two sockets, and in each direction the pieces under way.
  class Link;

  /// On the proxy's thread, and done when it returns.
  void run(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(io_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  void stall(bool& direction, bool on);
  void reset_all();

  asio::io_context io_;
  Tcp::endpoint target_;
  Tcp::acceptor acceptor_;
  std::atomic<std::uint64_t> accepted_{0};
  // On the proxy's thread only.
  std::chrono::milliseconds delay_{0};
  std::size_t late_nth_ = 0;
  std::chrono::milliseconds late_by_{0};
  std::size_t slice_ = 0;
  bool requests_stalled_ = false;
  bool replies_stalled_ = false;
  std::size_t reset_after_ = 0;
  std::list<std::weak_ptr<Link>> links_;

 private:
  void accept();
  std::thread thread_;
};

class TcpProxy::Impl::Link : public std::enable_shared_from_this<Link> {
 public:
  Link(Impl& proxy, Tcp::socket client)
      : proxy_(proxy), up_(proxy, std::move(client)), down_(proxy, Tcp::socket(proxy.io_)) {}

  void start() {
    down_.socket.async_connect(proxy_.target_, [self = shared_from_this()](const ErrorCode& ec) {
      if (ec) return self->reset();
      ErrorCode ignored;
      self->up_.socket.set_option(Tcp::no_delay(true), ignored);
      self->down_.socket.set_option(Tcp::no_delay(true), ignored);
      self->read(self->up_, self->down_);
      self->read(self->down_, self->up_);
    });
  }

  void reset() {
    ErrorCode ignored;
    for (auto* end : {&up_, &down_}) {
      end->socket.set_option(asio::socket_base::linger(true, 0), ignored);
      end->socket.close(ignored);
    }
  }

  void go_on() {
    deliver(up_);
    deliver(down_);
  }

 private:
  struct Piece {
    Time due;
    std::string bytes;
  };
  /// One side: its socket, and what is on its way to it.
  struct End {
    End(Impl& proxy, Tcp::socket s) : socket(std::move(s)), timer(proxy.io_) {}
    Tcp::socket socket;
    asio::steady_timer timer;
    std::deque<Piece> coming;
    bool delivering = false;
    std::string buffer = std::string(64 * 1024, '\0');
  };

  void read(End& from, End& to) {
    from.socket.async_read_some(
        asio::buffer(from.buffer), [self = shared_from_this(), &from, &to](ErrorCode ec, std::size_t n) {
          if (ec) return self->reset();
          const Time due = std::chrono::steady_clock::now() + self->proxy_.delay_ + self->late(to);
          self->cut(std::string_view(from.buffer).substr(0, n), due, to);
          self->deliver(to);
          self->read(from, to);
        });
  }

  void cut(std::string_view bytes, Time due, End& to) {
    const std::size_t slice = &to == &up_ && proxy_.slice_ > 0 ? proxy_.slice_ : bytes.size();
    for (; !bytes.empty(); bytes.remove_prefix(std::min(slice, bytes.size()))) {
      to.coming.push_back({due, std::string(bytes.substr(0, slice))});
    }
  }

  std::chrono::milliseconds late(const End& to) {
    const std::size_t nth = proxy_.late_nth_;
    const bool is_late = &to == &up_ && nth > 0 && ++replies_ % nth == 0;
    return is_late ? proxy_.late_by_ : std::chrono::milliseconds(0);
  }

  [[nodiscard]] bool stalled(const End& to) const {
    return &to == &up_ ? proxy_.replies_stalled_ : proxy_.requests_stalled_;
  }

  void deliver(End& to) {
    if (to.delivering || to.coming.empty() || stalled(to)) return;
    to.delivering = true;
    to.timer.expires_at(to.coming.front().due);
    to.timer.async_wait([self = shared_from_this(), &to](const ErrorCode&) {
      if (self->stalled(to)) {
        to.delivering = false;
        return;
      }
      self->write(to);
    });
  }

  void write(End& to) {
    auto bytes = std::make_shared<std::string>(std::move(to.coming.front().bytes));
    to.coming.pop_front();
    asio::async_write(to.socket, asio::buffer(*bytes),
                      [self = shared_from_this(), &to, bytes](ErrorCode ec, std::size_t) {
                        to.delivering = false;
                        if (ec || (&to == &self->up_ && self->last_before_reset(bytes->size())))
                          return self->reset();
                        self->deliver(to);
                      });
  }

  bool last_before_reset(std::size_t bytes) {
    passed_ += bytes;
    if (proxy_.reset_after_ == 0 || passed_ < proxy_.reset_after_) return false;
    proxy_.reset_after_ = 0;
    return true;
  }

  Impl& proxy_;
  End up_;    // towards the client
  End down_;  // towards the server
  std::size_t passed_ = 0;
  std::size_t replies_ = 0;  // pieces
};

void TcpProxy::Impl::accept() {
  acceptor_.async_accept([this](const ErrorCode& ec, Tcp::socket client) {
    if (ec) return;
    ++accepted_;
    auto link = std::make_shared<Link>(*this, std::move(client));
    links_.push_back(link);
    link->start();
    accept();
  });
}

void TcpProxy::Impl::stall(bool& direction, bool on) {
  direction = on;
  for (auto& known : links_) {
    if (auto link = known.lock()) link->go_on();
  }
}

void TcpProxy::Impl::reset_all() {
  for (auto& known : links_) {
    if (auto link = known.lock()) link->reset();
  }
}

TcpProxy::TcpProxy(int target_port) : impl_(std::make_unique<Impl>(target_port)) {}
TcpProxy::~TcpProxy() = default;

int TcpProxy::port() const noexcept {
  return impl_->acceptor_.local_endpoint().port();
}
std::uint64_t TcpProxy::accepted() const noexcept {
  return impl_->accepted_;
}

void TcpProxy::retarget(int port) {
  impl_->run([&] { impl_->target_.port(static_cast<std::uint16_t>(port)); });
}
void TcpProxy::delay(std::chrono::milliseconds each_way) {
  impl_->run([&] { impl_->delay_ = each_way; });
}
void TcpProxy::delay_replies(std::size_t nth, std::chrono::milliseconds by) {
  impl_->run([&] {
    impl_->late_nth_ = nth;
    impl_->late_by_ = by;
  });
}
void TcpProxy::slice_replies(std::size_t bytes) {
  impl_->run([&] { impl_->slice_ = bytes; });
}
void TcpProxy::stall(bool on) {
  impl_->run([&] {
    impl_->stall(impl_->requests_stalled_, on);
    impl_->stall(impl_->replies_stalled_, on);
  });
}
void TcpProxy::hold_replies(bool on) {
  impl_->run([&] { impl_->stall(impl_->replies_stalled_, on); });
}
void TcpProxy::reset_all() {
  impl_->run([&] { impl_->reset_all(); });
}
void TcpProxy::reset_after(std::size_t reply_bytes) {
  impl_->run([&] { impl_->reset_after_ = reply_bytes; });
}

}  // namespace terrace::testing
