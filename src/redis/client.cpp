#include "redis/client.hpp"

#include <boost/asio/post.hpp>

#include "redis/server_error.hpp"

namespace terrace::redis {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr Duration backoff_base = 20ms;
constexpr Duration idle_before_ping = 500ms;
constexpr Duration ping_limit = 500ms;
/// With replies owed and nothing moving for this long the connection is dead; with `idle_before_ping` that
/// makes 1.75 s till a dead peer is noticed.
constexpr Duration stall_limit = 1250ms;
/// A caller that gave less time than this says nothing about the server.
constexpr Duration shortest_blame = 1ms;
/// More replies owed to nobody than this: the connection is renewed rather than waited for.
constexpr std::size_t max_given_up = 16 * 1024;
constexpr std::size_t batch_bytes = 1 << 20;
/// From replica to replica to primary.
constexpr unsigned max_hops = 4;

}  // namespace

class Client::Ping final : public Exchange {
 public:
  explicit Ping(Client& client) : client_(client) { add_command(payload, {"PING"}); }
  void on_node(std::size_t, const Node&) override {}
  void on_end(const Error* failure) override { client_.pinged(failure == nullptr); }

 private:
  Client& client_;
};

class Client::Hello final : public Exchange {
 public:
  explicit Hello(Client& client)
      : greeting_(client.target_, client.manner_ == Manner::reads_replica), client_(client) {
    replies = greeting_.encode(payload);
    if (client_.manner_ == Manner::follows_primary) replies += greeting_.encode_questions(payload);
  }
  void on_node(std::size_t index, const Node& reply) override { greeting_.take(index, reply); }
  void on_end(const Error* failure) override {
    client_.greeted(failure ? failure : greeting_.refused(), facts(), greeting_.is_replica());
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

Client::Client(asio::io_context& io, const Clock& clock, RedisOptions options)
    : Client(io, clock, options, parse_redis_url(options.url), Manner::follows_primary) {}

Client::Client(asio::io_context& io, const Clock& clock, RedisOptions options, RedisUrl url, Manner manner)
    : io_(io),
      clock_(clock),
      options_(std::move(options)),
      url_(std::move(url)),
      manner_(manner),
      label_(url_.label()),
      target_(url_),
      backoff_(backoff_base, options_.reconnect_cap, random_seed()),
      breaker_(options_.failures_to_open, options_.open_time),
      retry_timer_(io),
      deadline_timer_(io),
      health_timer_(io) {
  if (url_.transport == Transport::tls) {
    tls_.emplace(make_tls_context(options_.ca_file, options_.cert_file, options_.key_file));
  }
}

void Client::start() {
  asio::post(io_, [self = shared_from_this()] {
    if (self->phase_ == Phase::down) self->begin();
  });
}

// ---- Connecting

/// An attempt, which may lead over replicas.
void Client::begin() {
  target_ = elsewhere_ && primary_ ? *primary_ : url_;
  elsewhere_ = !elsewhere_;
  hops_ = 0;
  attempt_deadline_ = after(clock_.now(), options_.connect_timeout);
  dial();
}

void Client::dial() {
  phase_ = Phase::dialing;
  dialer_ = std::make_shared<Dialer>(io_, target_, tls());
  dialer_->start(attempt_deadline_, [self = shared_from_this()](Result<Stream> made) {
    self->dialer_.reset();
    if (!made) return self->connect_failed(made.error());
    self->phase_ = Phase::greeting;
    self->pipeline_ =
        std::make_shared<Pipeline>(std::move(*made), self->options_.max_value_bytes, self, self->clock_);
    self->pipeline_->start();
    self->greet(std::make_unique<Hello>(*self));
  });
}

void Client::greet(std::unique_ptr<Exchange> exchange) {
  exchange->deadline = attempt_deadline_;
  watch_deadline(*exchange);
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
  ++connects_;
  if (!breaker_.closed()) breaker_.probe_succeeded();
  publish();
  arm_health();
  flush();
}

/// From a replica on to its primary.
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

/// All is answered.
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
  Error kept = why;  // it may belong to what is closed next
  if (hops_ > 0) {
    kept.context += " (" + label_ + " is a replica; this is where its primary should be)";
  }
  phase_ = Phase::down;
  refusal_ = kept;
  ++failed_connects_;
  if (pipeline_) pipeline_->close();
  pipeline_.reset();
  publish(&kept.context);
  retry_after(kept == Errc::denied ? backoff_.slow() : backoff_.next());
  end_all(take_waiting(), kept);
}

/// The connection is gone. Operations meanwhile wait for the next attempt, or are refused till it succeeded.
void Client::drop(const std::string& why, bool refuse_meanwhile) {
  const Error lost(Errc::io_error,
                   "connection to Redis " + label_ + " lost: " + why + "; the effect is unknown");
  auto unanswered = pipeline_->close();
  if (phase_ == Phase::greeting) {
    connect_failed({Errc::unavailable, "cannot log in to Redis " + target_.label() + ": " + why});
    return end_all(std::move(unanswered), lost);  // the greeting: it leaves the set of deadlines
  }
  pipeline_.reset();
  phase_ = Phase::down;
  leaving_ = false;
  health_timer_.cancel();
  if (clock_.now() - ready_since_ >= options_.reconnect_cap) backoff_.reset();
  if (refuse_meanwhile) refusal_ = Error(Errc::unavailable, "Redis " + label_ + " is not reached: " + why);
  publish(&lost.context);
  retry_after(backoff_.next());
  end_all(std::move(unanswered), lost);
}

void Client::retry_after(Duration wait) {
  retry_timer_.expires_at(after(clock_.now(), wait));
  retry_timer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (!ec && self->phase_ == Phase::down) self->begin();
  });
}

void Client::shut_down() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  retry_timer_.cancel();
  deadline_timer_.cancel();
  health_timer_.cancel();
  if (dialer_) dialer_->cancel();
  dialer_.reset();
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

void Client::publish(const std::string* trouble) {
  std::lock_guard lock(mutex_);
  status_.connected = phase_ == Phase::ready;
  status_.breaker_open = !breaker_.closed();
  status_.connects = connects_;
  status_.failed_connects = failed_connects_;
  status_.breaker_openings = breaker_.openings();
  if (trouble != nullptr) status_.last_error = *trouble;
}

// ---- Exchanges

void Client::submit(std::unique_ptr<Exchange> exchange) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    if (!inbox_closed_) {
      first = inbox_.empty();
      inbox_.push_back(std::move(exchange));
    }
  }
  if (exchange) {
    const Error closed(Errc::shutdown, "the Redis tier was closed");
    exchange->on_end(&closed);
  } else if (first) {
    asio::post(io_, [self = shared_from_this()] { self->drain(); });
  }
}

void Client::drain() {
  Pipeline::Batch arrived;
  {
    std::lock_guard lock(mutex_);
    arrived.swap(inbox_);
  }
  const TimePoint now = clock_.now();
  for (auto& exchange : arrived) admit(std::move(exchange), now);
  flush();
}

void Client::admit(std::unique_ptr<Exchange> exchange, TimePoint now) {
  exchange->submitted_at = now;
  if (auto why = refusal(*exchange)) return end(std::move(exchange), &*why);
  enqueue(std::move(exchange));
}

std::optional<Error> Client::refusal(const Exchange& exchange) const {
  if (phase_ == Phase::closed) return Error(Errc::shutdown, "the Redis tier was closed");
  if (refusal_) return refusal_;
  if (!breaker_.closed()) {
    return Error(Errc::unavailable, "Redis " + label_ + ": the breaker is open, since " +
                                        std::to_string(options_.failures_to_open) +
                                        " operations in a row ran out of time");
  }
  if (waiting_bytes_ > 0 &&
      waiting_bytes_ + exchange.payload.size() > 2 * options_.max_value_bytes + batch_bytes) {
    return Error(Errc::overloaded, "Redis " + label_ + ": " + std::to_string(waiting_bytes_) +
                                       " bytes wait to be sent; the connection does not keep up");
  }
  return std::nullopt;
}

void Client::enqueue(std::unique_ptr<Exchange> exchange) {
  exchange->ticket = first_waiting_ + waiting_.size();
  waiting_bytes_ += exchange->payload.size();
  watch_deadline(*exchange);
  waiting_.push_back(std::move(exchange));
}

void Client::flush() {
  Pipeline::Batch unfit;
  while (phase_ == Phase::ready && !leaving_ && !waiting_.empty() && pipeline_->can_send()) {
    Pipeline::Batch batch;
    for (std::size_t bytes = 0;
         !waiting_.empty() && bytes < batch_bytes && batch.size() < Pipeline::max_in_flight;) {
      auto exchange = std::move(waiting_.front());
      waiting_.pop_front();
      ++first_waiting_;
      if (!exchange) continue;
      waiting_bytes_ -= exchange->payload.size();
      if (exchange->for_node && server_.unfit) {
        unfit.push_back(std::move(exchange));
        continue;
      }
      bytes += exchange->payload.size();
      exchange->server = &server_;
      batch.push_back(std::move(exchange));
    }
    if (batch.empty()) break;
    pipeline_->send(std::move(batch));
  }
  if (!unfit.empty()) end_all(std::move(unfit), Error(*server_.unfit));
}

void Client::on_answered(std::unique_ptr<Exchange> exchange) {
  breaker_.on_success();
  end(std::move(exchange), nullptr);
  if (leaving_ && phase_ == Phase::ready && !pipeline_->waits_for_replies()) leave();
}

void Client::end(std::unique_ptr<Exchange> exchange, const Error* failure) {
  if (exchange->is_linked()) deadlines_.erase(deadlines_.iterator_to(*exchange));
  exchange->on_end(failure);
}

void Client::end_all(Pipeline::Batch exchanges, const Error& failure) {
  for (auto& exchange : exchanges) end(std::move(exchange), &failure);
}

Pipeline::Batch Client::take_waiting() {
  Pipeline::Batch taken;
  for (auto& exchange : waiting_) {
    if (exchange) taken.push_back(std::move(exchange));
  }
  first_waiting_ += waiting_.size();
  waiting_.clear();
  waiting_bytes_ = 0;
  return taken;
}

// ---- Time

void Client::watch_deadline(Exchange& exchange) {
  if (exchange.deadline == no_deadline) return;
  deadlines_.insert(deadlines_.end(), exchange);
  if (exchange.deadline < deadline_armed_) arm_deadlines(exchange.deadline);
}

/// The timer is left alone when its exchange ends in time: it then wakes up for nothing once, and looks for
/// the next. So a steady stream of operations arms it rarely.
void Client::arm_deadlines(TimePoint when) {
  deadline_armed_ = when;
  deadline_timer_.expires_at(when);
  deadline_timer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (!ec && self->phase_ != Phase::closed) self->expire_due();
  });
}

void Client::expire_due() {
  deadline_armed_ = no_deadline;
  const TimePoint now = clock_.now();
  while (!deadlines_.empty() && deadlines_.begin()->deadline <= now) expire(*deadlines_.begin(), now);
  if (phase_ == Phase::closed) return;
  if (!deadlines_.empty() && deadlines_.begin()->deadline < deadline_armed_) {
    arm_deadlines(deadlines_.begin()->deadline);
  }
  if (pipeline_ && pipeline_->given_up() > max_given_up) drop("too many replies are overdue", true);
}

void Client::expire(Exchange& exchange, TimePoint now) {
  std::unique_ptr<Exchange> owned;
  if (exchange.sent) {
    owned = pipeline_->give_up(exchange.ticket);
  } else {
    waiting_bytes_ -= exchange.payload.size();
    owned = std::move(waiting_[exchange.ticket - first_waiting_]);
  }
  if (phase_ == Phase::ready && now - exchange.submitted_at >= shortest_blame) {
    const bool was_closed = breaker_.closed();
    breaker_.on_failure(now);
    if (was_closed && !breaker_.closed()) {
      publish();
      arm_health();
    }
  }
  const Error late(Errc::timed_out, "Redis " + label_ + ": no reply before the deadline");
  end(std::move(owned), &late);
}

void Client::arm_health() {
  const TimePoint quiet = pipeline_->waits_for_replies()
                              ? after(pipeline_->last_progress(), stall_limit)
                              : after(pipeline_->last_received(), idle_before_ping);
  health_timer_.expires_at(std::min(quiet, breaker_.probe_at()));
  health_timer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (!ec && self->phase_ == Phase::ready) self->check_health();
  });
}

void Client::check_health() {
  const TimePoint now = clock_.now();
  const bool owed = pipeline_->waits_for_replies();
  if (owed && now - pipeline_->last_progress() >= stall_limit) return drop("it does not answer", true);
  if (breaker_.begin_probe(now) || (!owed && now - pipeline_->last_received() >= idle_before_ping)) ping(now);
  arm_health();
}

void Client::ping(TimePoint now) {
  auto ping = std::make_unique<Ping>(*this);
  ping->submitted_at = now;
  ping->deadline = after(now, ping_limit);
  enqueue(std::move(ping));
  flush();
}

void Client::pinged(bool answered) {
  if (breaker_.state() != Breaker::State::half_open || phase_ == Phase::closed) return;
  if (answered) {
    breaker_.probe_succeeded();
  } else {
    breaker_.probe_failed(clock_.now());
    if (phase_ == Phase::ready) arm_health();
  }
  publish();
}

}  // namespace terrace::redis
