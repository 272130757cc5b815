#include "redis/client.hpp"

#include <charconv>

#include "base/assert.hpp"
#include "redis/server_error.hpp"
#include "runtime/tls.hpp"

namespace terrace::redis {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr Duration first_reconnect_pause = 20ms;
/// From replica to replica to primary.
constexpr unsigned max_hops = 4;

bool is_port(const std::string& text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535;
}

}  // namespace

class Client::Hello final : public Exchange {
 public:
  explicit Hello(Client& client)
      : greeting_(client.target_, client.manner_ == Manner::reads_replica), client_(client) {
    replies = greeting_.encode(payload);
    if (client_.manner_ == Manner::follows_primary) replies += greeting_.encode_questions(payload);
  }
  void on_node(std::size_t index, const Node& reply) override { greeting_.take(index, reply); }
  void on_end(const Error* failure) override {
    if (failure == nullptr) failure = greeting_.refused();
    const bool stranger = client_.manner_ == Manner::follows_primary && greeting_.is_cluster();
    const Error cluster(Errc::unavailable, "Redis " + client_.target_.label() +
                                               " is a node of a cluster, which has a part of the keys; use "
                                               "redis-cluster:// with the same address");
    client_.greeted(failure == nullptr && stranger ? &cluster : failure, facts(), greeting_.is_replica());
  }

 private:
  [[nodiscard]] ServerFacts facts() const {
    return greeting_.facts(client_.target_.label() == client_.label_ ? "" : client_.label_);
  }

  Greeting greeting_;
  Client& client_;
};

/// Asks a replica for its primary: ["slave", host, port, state, offset].
class Client::Role final : public Exchange {
 public:
  explicit Role(Client& client) : client_(client) { add_command(payload, {"ROLE"}); }
  void on_node(std::size_t, const Node& reply) override {
    if (reply.depth == 0) {
      if (is_error(reply)) refused_ = server_error(reply.value, client_.target_.label());
    } else {
      if (part_ == 1) host_ = reply.value;
      if (part_ == 2) port_ = reply.value;
      ++part_;
    }
  }
  void on_end(const Error* failure) override {
    client_.follow(failure != nullptr ? failure : refused_ ? &*refused_ : nullptr, host_, port_);
  }

 private:
  Client& client_;
  std::optional<Error> refused_;
  unsigned part_ = 0;
  std::string host_, port_;
};

Client::Client(Outside outside, RedisOptions options)
    : Client(std::move(outside), options, parse_redis_url(options.url), Manner::follows_primary) {}

Client::Client(Outside outside, RedisOptions options, RedisUrl url, Manner manner,
               std::shared_ptr<asio::ssl::context> tls)
    : outside_(std::move(outside)),
      clock_(outside_.scheduler.clock()),
      options_(std::move(options)),
      url_(std::move(url)),
      manner_(manner),
      allowed_({url_.host}, joined(options_.allowed_hosts, url_.allowed_hosts)),
      label_(url_.label()),
      tls_(std::move(tls)),
      target_(url_),
      backoff_(first_reconnect_pause, options_.reconnect_cap, random_seed()),
      breaker_(options_.failures_to_open, options_.open_time),
      presence_("Redis " + label_),
      retry_timer_(outside_.scheduler),
      deadline_timer_(outside_.scheduler),
      health_timer_(outside_.scheduler) {
  if (url_.transport == Transport::tls && !tls_) {
    tls_ = std::make_shared<asio::ssl::context>(
        make_tls_context("RedisOptions", options_.ca_file, options_.cert_file, options_.key_file));
  }
}

void Client::start() {
  outside_.scheduler.post([self = shared_from_this()] {
    if (self->phase_ == Phase::down) self->begin();
  });
}

// ---- Connecting

/// Begins an attempt, which may lead over replicas.
void Client::begin() {
  check();
  target_ = elsewhere_ && primary_ ? *primary_ : url_;
  elsewhere_ = !elsewhere_;
  hops_ = 0;
  attempt_deadline_ = after(clock_.now(), options_.connect_timeout);
  dial();
}

void Client::dial() {
  phase_ = Phase::dialing;
  auto dialed = [self = shared_from_this()](Result<std::unique_ptr<Stream>> made) {
    self->dial_.reset();
    if (!made) return self->connect_failed(made.error());
    self->phase_ = Phase::greeting;
    self->pipeline_ =
        std::make_shared<Pipeline>(std::move(*made), self->options_.max_value_bytes, self, self->clock_);
    self->pipeline_->start();
    self->greet(std::make_unique<Hello>(*self));
  };
  dial_ = outside_.network->dial(target_, tls(), attempt_deadline_, std::move(dialed));
}

void Client::greet(std::unique_ptr<Exchange> exchange) {
  exchange->deadline = attempt_deadline_;
  watch_deadline(*exchange);
  greeted_at_ = clock_.now();
  Pipeline::Batch batch;
  batch.push_back(std::move(exchange));
  pipeline_->send(std::move(batch));
}

void Client::greeted(const Error* failure, ServerFacts facts, bool is_replica) {
  if (phase_ != Phase::greeting) return;
  if (failure != nullptr && *failure == Errc::timed_out) {
    return connect_failed({Errc::unavailable, "cannot log in to Redis " + target_.label() +
                                                  ": no answer within the connect time limit"});
  }
  if (failure != nullptr) return connect_failed(*failure);
  if (is_replica && manner_ == Manner::follows_primary) return greet(std::make_unique<Role>(*this));
  phase_ = Phase::ready;
  server_ = std::move(facts);
  elsewhere_ = false;
  if (hops_ > 0) primary_ = target_;
  refusal_.reset();
  ready_since_ = clock_.now();
  tells_time_ = server_.time.has_value();
  if (tells_time_) store_clock_.told(*server_.time, greeted_at_, ready_since_);
  time_due_ = after(ready_since_, time_interval);
  role_due_ = manner_ == Manner::follows_primary ? after(ready_since_, role_interval) : no_deadline;
  server_.connection = ++connects_;
  breaker_.reconnected();
  publish();
  presence_.reached(clock_.now());
  arm_health();
  flush();
}

/// Continues from a replica to its primary.
void Client::follow(const Error* failure, const std::string& host, const std::string& port) {
  if (phase_ != Phase::greeting) return;
  const std::string replica = "Redis " + target_.label() + " is a replica";
  if (failure != nullptr) {
    return connect_failed(
        {Errc::unavailable, replica + " and does not name its primary: " + failure->context});
  }
  if (host.empty() || port.empty()) {
    return connect_failed({Errc::unavailable, replica + " that was a primary a moment ago"});
  }
  if (!is_port(port)) {
    return connect_failed({Errc::unavailable, replica + " and names a primary without a port"});
  }
  if (!allowed_.contain(host)) {
    ++refused_hosts_;
    return connect_failed(host_not_allowed(target_.label() + " is a replica and", host));
  }
  if (++hops_ > max_hops) {
    return connect_failed(
        {Errc::unavailable, replica + " of " + host + ":" + port + ", the last of " +
                                std::to_string(max_hops + 1) +
                                " servers that each named another; name the primary in the URL"});
  }
  pipeline_->close();
  pipeline_.reset();
  if (target_.transport == Transport::unix_socket) target_.transport = Transport::tcp;
  target_.host = host;
  target_.port = port;
  dial();
}

/// All replies have arrived.
void Client::leave() {
  leaving_ = false;
  health_timer_.cancel();
  pipeline_->close();
  pipeline_.reset();
  phase_ = Phase::down;
  const std::string why = "Redis " + target_.label() + " has become a replica";
  publish(&why);
  begin();
}

void Client::find_primary() {
  if (phase_ != Phase::ready || manner_ != Manner::follows_primary) return;
  leaving_ = true;
  if (!pipeline_->waits_for_replies()) leave();
}

void Client::connect_failed(const Error& why) {
  Error kept = why;  // it may belong to an object that is closed next
  if (hops_ > 0) {
    kept.context += " (" + label_ + " is a replica; this is where its primary should be)";
  }
  phase_ = Phase::down;
  refusal_ = kept;
  ++failed_connects_;
  Pipeline::Batch greeting;
  if (pipeline_) greeting = pipeline_->close();
  pipeline_.reset();
  publish(&kept.context);
  presence_.missed(clock_.now(), kept.context);
  retry_after(kept == Errc::denied ? backoff_.slow() : backoff_.next());
  end_all(std::move(greeting), kept);
  end_all(take_waiting(), kept);
}

/// The connection is lost. Operations meanwhile wait for the next attempt, or are rejected until it succeeds.
void Client::drop(const std::string& why, bool refuse_meanwhile) {
  if (phase_ == Phase::greeting) {
    // A proxy that does not know the command hangs up, and says nothing.
    return connect_failed({Errc::unavailable, "cannot log in to Redis " + target_.label() + ": " + why +
                                                  " (" + std::string(needs_resp3) + ")"});
  }
  const Error lost(Errc::io_error,
                   "connection to Redis " + label_ + " lost: " + why + "; the effect is unknown");
  auto unanswered = pipeline_->close();
  pipeline_.reset();
  phase_ = Phase::down;
  leaving_ = false;
  health_timer_.cancel();
  if (clock_.now() - ready_since_ >= options_.reconnect_cap) backoff_.reset();
  if (refuse_meanwhile) refusal_ = Error(Errc::unavailable, "Redis " + label_ + " cannot be reached: " + why);
  publish(&lost.context);
  retry_after(backoff_.next());
  end_all(std::move(unanswered), lost);
}

void Client::retry_after(Duration wait) {
  retry_timer_.set(after(clock_.now(), wait), [self = shared_from_this()] {
    if (self->phase_ == Phase::down) self->begin();
  });
}

void Client::shut_down() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  retry_timer_.cancel();
  deadline_timer_.cancel();
  health_timer_.cancel();
  if (dial_) dial_->cancel();
  dial_.reset();
  auto pending = take_waiting();
  if (pipeline_) {
    for (auto& exchange : pipeline_->close()) pending.push_back(std::move(exchange));
    pipeline_.reset();
  }
  {
    std::lock_guard lock(mutex_);
    inbox_closed_ = true;
    for (auto& exchange : inbox_) pending.push_back(std::move(exchange));
    inbox_.clear();
  }
  publish();
  end_all(std::move(pending), Error(Errc::shutdown, "the Redis tier was closed"));
}

RedisStatus Client::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void Client::check() const {
  const bool connected = phase_ == Phase::greeting || phase_ == Phase::ready;
  TERRACE_ASSERT(connected == (pipeline_ != nullptr));
  TERRACE_ASSERT(!dial_ || phase_ == Phase::dialing);
  TERRACE_ASSERT(!leaving_ || phase_ == Phase::ready || phase_ == Phase::closed);
  TERRACE_ASSERT(waiting_bytes_ == 0 || !waiting_.empty());
}

void Client::publish(const std::string* trouble) {
  check();
  std::lock_guard lock(mutex_);
  status_.connected = phase_ == Phase::ready;
  status_.breaker_open = !breaker_.closed();
  status_.connects = connects_;
  status_.failed_connects = failed_connects_;
  status_.breaker_openings = breaker_.openings();
  status_.refused_hosts = refused_hosts_;
  if (trouble != nullptr) status_.last_error = *trouble;
}

}  // namespace terrace::redis
