#include "sim/sim_network.hpp"

#include <boost/asio/error.hpp>

namespace terrace::sim {

using namespace std::chrono_literals;
using redis::ErrorCode;
using redis::Stream;

/// One connection, with both of its directions.
class Wire final : public std::enable_shared_from_this<Wire> {
 public:
  Wire(std::shared_ptr<SimNetwork> network, SimServer& server, SimRedis::SessionId session)
      : network_(std::move(network)), server_(server), session_(session) {}

  // ---- The process's end

  void send(std::string bytes) {
    if (closed_) return;
    watches_ = watches_ || bytes.find("TRACKING") != std::string::npos;
    to_server([self = shared_from_this(), bytes = std::move(bytes)] {
      if (self->broken_) return;
      self->server_.redis_.receive(self->session_, bytes);
      self->server_.wake();
    });
  }
  void read(std::span<char> into, std::shared_ptr<Stream::Listener> listener) {
    into_ = into;
    reader_ = std::move(listener);
    if (!inbox_.empty() || failure_) {
      network_->host_.post([self = shared_from_this()] { self->answer_read(); });
    }
  }
  void close() {
    if (std::exchange(closed_, true)) return;
    reader_.reset();
    to_server([self = shared_from_this()] { self->leave_server(); });
  }
  [[nodiscard]] bool open() const noexcept { return !closed_ && !failure_; }
  [[nodiscard]] const ErrorCode& failure() const noexcept { return failure_; }

  [[nodiscard]] bool watches() const noexcept { return watches_; }

  // ---- The server's end

  void deliver(std::string bytes) {
    to_client([self = shared_from_this(), bytes = std::move(bytes)] {
      if (self->closed_ || self->broken_) return;
      self->inbox_ += bytes;
      self->answer_read();
    });
  }
  void server_closed() {
    to_client([self = shared_from_this()] { self->fail(boost::asio::error::eof); });
  }

  // ---- Faults

  void reset() {
    broken_ = true;
    leave_server();
    network_->events_.soon(network_->delay(), &network_->host_, [self = shared_from_this()] {
      self->inbox_.clear();
      self->fail(boost::asio::error::connection_reset);
    });
  }
  void forget() {
    broken_ = true;
    leave_server();
  }
  /// The path is free again.
  void release() {
    for (auto& [to_host, task] : std::exchange(held_, {})) arrive(to_host, std::move(task));
  }

 private:
  void to_server(Task task) { travel(false, to_server_, std::move(task)); }
  void to_client(Task task) { travel(true, to_client_, std::move(task)); }

  /// Arrives after what was sent before it in the same direction.
  void travel(bool to_host, TimePoint& last, Task task) {
    last = std::max(after(network_->events_.now(), network_->delay()), last);
    network_->events_.at(last, nullptr,
                         [self = shared_from_this(), to_host, task = std::move(task)]() mutable {
                           self->arrive(to_host, std::move(task));
                         });
  }
  void arrive(bool to_host, Task task) {
    if (network_->stalled_) {
      held_.emplace_back(to_host, std::move(task));
    } else if (to_host) {
      network_->host_.post(std::move(task));
    } else {
      task();
    }
  }
  void leave_server() {
    server_.redis_.disconnect(session_);
    server_.wires_.erase(session_);
  }
  void fail(const ErrorCode& why) {
    if (failure_ || closed_) return;
    failure_ = why;
    answer_read();
  }
  void answer_read() {
    if (!reader_ || (inbox_.empty() && !failure_)) return;
    const auto reader = std::exchange(reader_, nullptr);
    if (inbox_.empty()) return reader->on_read(failure_, 0);
    const std::size_t size = std::min(inbox_.size(), into_.size());
    inbox_.copy(into_.data(), size);
    inbox_.erase(0, size);
    reader->on_read({}, size);
  }

  const std::shared_ptr<SimNetwork> network_;
  SimServer& server_;
  const SimRedis::SessionId session_;
  TimePoint to_server_{}, to_client_{};
  std::deque<std::pair<bool, Task>> held_;
  bool broken_ = false;  // nothing passes any more
  bool closed_ = false;  // by the process
  bool watches_ = false;
  std::string inbox_;
  ErrorCode failure_;
  std::span<char> into_;
  std::shared_ptr<Stream::Listener> reader_;
};

namespace {

class SimStream final : public Stream {
 public:
  SimStream(std::shared_ptr<Wire> wire, SimHost& host) : wire_(std::move(wire)), host_(host) {}
  ~SimStream() override { SimStream::close(); }

  void read_some(std::span<char> into, std::shared_ptr<Listener> listener) override {
    wire_->read(into, std::move(listener));
  }
  void write_some(std::string_view from, std::shared_ptr<Listener> listener) override {
    const std::size_t written = write_now(from);
    host_.post([ec = written == 0 ? ErrorCode(boost::asio::error::broken_pipe) : ErrorCode(), written,
                listener = std::move(listener)] { listener->on_written(ec, written); });
  }
  std::size_t write_now(std::string_view from) override {
    if (!wire_->open()) return 0;
    wire_->send(std::string(from));
    return from.size();
  }
  void close() noexcept override { wire_->close(); }

 private:
  const std::shared_ptr<Wire> wire_;
  SimHost& host_;
};

}  // namespace

// ---- SimServer

SimServer::SimServer(Events& events, std::uint64_t seed, SimRedisOptions options,
                     std::function<void()> observe)
    : events_(events),
      random_(seed),
      clock_(events),
      redis_(clock_, std::move(options)),
      observe_(std::move(observe)) {
  cron();
}

void SimServer::cron() {
  events_.soon(100ms, nullptr, [this] {
    redis_.cron();
    observe_();
    wake();
    cron();
  });
}

void SimServer::wake() {
  if (std::exchange(turn_comes_, true)) return;
  const auto busy = std::chrono::microseconds(std::uniform_int_distribution<int>(5, 200)(random_));
  events_.soon(busy, nullptr, [this] { turn(); });
}

void SimServer::turn() {
  turn_comes_ = false;
  redis_.turn();
  observe_();
  send_output();
  if (redis_.busy()) wake();
}

void SimServer::send_output() {
  std::vector<SimRedis::SessionId> gone;
  for (const auto& [session, wire] : wires_) {
    std::string bytes = redis_.take_output(session);
    if (mute_ && bytes.find("invalidate") != std::string::npos) bytes.clear();
    if (!bytes.empty()) wire->deliver(std::move(bytes));
    if (redis_.is_open(session)) continue;
    wire->server_closed();
    gone.push_back(session);
  }
  for (const auto session : gone) wires_.erase(session);
}

// ---- SimNetwork

class SimNetwork::Attempt final : public Dial, public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(std::shared_ptr<SimNetwork> network, const redis::RedisUrl& url, Dialed done)
      : network_(std::move(network)),
        address_(url.host + ":" + url.port),
        label_(url.label()),
        done_(std::move(done)) {}

  void start(TimePoint deadline) {
    limit_ = network_->events_.at(deadline, &network_->host_, [self = shared_from_this()] {
      self->finish(Error(Errc::unavailable, "cannot connect to Redis " + self->label_ +
                                                ": no answer within the connect time limit"));
    });
    go();
  }
  void go() {
    network_->events_.soon(network_->delay(), nullptr, [self = shared_from_this()] { self->arrive(); });
  }
  void cancel() override {
    done_ = nullptr;
    network_->host_.cancel(limit_);
  }

 private:
  void arrive() {
    if (!done_) return;
    if (network_->stalled_) {
      network_->attempts_.push_back(shared_from_this());
      return;
    }
    SimServer* server = network_->directory_(address_);
    const auto session = server != nullptr ? server->redis_.connect() : 0;
    std::shared_ptr<Wire> wire;
    if (session != 0) {
      wire = std::make_shared<Wire>(network_, *server, session);
      server->wires_.emplace(session, wire);
      network_->wires_.push_back(wire);
    }
    network_->events_.soon(network_->delay(), &network_->host_, [self = shared_from_this(), wire] {
      if (!wire) {
        return self->finish(Error(Errc::unavailable, "cannot connect to Redis " + self->label_ +
                                                         ": connecting: Connection refused"));
      }
      auto stream = std::make_unique<SimStream>(wire, self->network_->host_);
      if (self->done_) self->finish(std::unique_ptr<Stream>(std::move(stream)));
    });
  }
  void finish(Result<std::unique_ptr<Stream>> outcome) {
    if (!done_) return;
    network_->host_.cancel(limit_);
    std::exchange(done_, nullptr)(std::move(outcome));
  }

  const std::shared_ptr<SimNetwork> network_;
  const std::string address_;
  const std::string label_;
  Dialed done_;
  Events::Id limit_ = 0;
};

std::shared_ptr<redis::Network::Dial> SimNetwork::dial(const redis::RedisUrl& url, boost::asio::ssl::context*,
                                                       TimePoint deadline, Dialed done) {
  auto attempt = std::make_shared<Attempt>(shared_from_this(), url, std::move(done));
  attempt->start(deadline);
  return attempt;
}

Duration SimNetwork::delay() {
  std::uniform_int_distribution<Duration::rep> jitter(delay_.count() / 2, 2 * delay_.count());
  return Duration(jitter(random_)) + slow_;
}

std::vector<std::shared_ptr<Wire>> SimNetwork::wires() {
  std::erase_if(wires_, [](const auto& wire) { return wire.expired(); });
  std::vector<std::shared_ptr<Wire>> open;
  for (const auto& weak : wires_) {
    if (auto wire = weak.lock(); wire && wire->open()) open.push_back(std::move(wire));
  }
  return open;
}

void SimNetwork::set_stalled(bool stalled) {
  stalled_ = stalled;
  if (stalled) return;
  for (const auto& weak : wires_) {
    if (const auto wire = weak.lock()) wire->release();
  }
  for (const auto& attempt : std::exchange(attempts_, {})) attempt->go();
}

void SimNetwork::cut(std::optional<std::size_t> which) {
  const auto open = wires();
  for (std::size_t i = 0; i < open.size(); ++i) {
    if (!which || *which % open.size() == i) open[i]->reset();
  }
}

void SimNetwork::cut_data() {
  for (const auto& wire : wires()) {
    if (!wire->watches()) wire->reset();
  }
}

void SimNetwork::half_open(std::size_t which) {
  if (const auto open = wires(); !open.empty()) open[which % open.size()]->forget();
}

}  // namespace terrace::sim
