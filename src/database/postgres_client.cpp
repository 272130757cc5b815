#include "database/postgres_client.hpp"

#include <boost/asio/post.hpp>

#include "database/postgres_dial.hpp"
#include "runtime/io_context.hpp"

namespace terrace::postgres {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using namespace std::chrono_literals;

namespace {

constexpr Duration backoff_base = 20ms;
/// The most replies one connection may owe: a statement sent after a slow one waits for it.
constexpr std::size_t max_in_flight = 16;
constexpr std::size_t max_waiting_bytes = std::size_t{64} << 20;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

Error closed_error() {
  return {Errc::shutdown, "the PostgreSQL tier was closed"};
}

/// Errors that another attempt will hardly change.
bool is_lasting(const Error& why) {
  return why == Errc::denied || why == Errc::incompatible;
}

}  // namespace

Client::Client(Runtime& runtime, PostgresOptions options)
    : runtime_(runtime),
      io_(io_context(runtime)),
      options_(std::move(options)),
      target_(options_),
      backoff_(backoff_base, options_.reconnect_cap, random_seed()),
      presence_("PostgreSQL " + target_.label),
      retry_timer_(io_),
      deadline_timer_(io_) {}

void Client::start() {
  asio::post(io_, [self = shared_from_this()] {
    if (!self->closed_) self->dial();
  });
}

// ---- Connecting

void Client::dial() {
  dialing_ = true;
  runtime_.post_blocking([self = shared_from_this()] {
    const TimePoint deadline = after(self->clock().now(), self->options_.connect_timeout);
    auto made = postgres::dial(self->target_, self->clock(), deadline);
    asio::post(self->io_, [self, made = std::move(made)]() mutable { self->dialled(std::move(made)); });
  });
}

void Client::dialled(Result<Session> made) {
  dialing_ = false;
  if (closed_) return;
  if (made) {
    ++connects_;
    refusal_.reset();
    pipelines_.push_back(
        std::make_shared<Pipeline>(io_, clock(), std::move(*made), target_.label, weak_from_this()));
    pipelines_.back()->start();
    publish();
    presence_.reached(clock().now());
    return flush();
  }
  const Error& why = made.error();
  ++failed_connects_;
  publish(&why.context);
  retry_after(is_lasting(why) ? backoff_.slow() : backoff_.next());
  if (!pipelines_.empty()) return;
  refusal_ = why;
  presence_.missed(clock().now(), why.context);
  end_all(take_waiting(), why);
}

void Client::retry_after(Duration wait) {
  pausing_ = true;
  retry_timer_.expires_at(after(clock().now(), wait));
  retry_timer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (ec || self->closed_) return;
    self->pausing_ = false;
    if (self->pipelines_.empty()) return self->dial();
    self->flush();
  });
}

void Client::on_lost(Pipeline& pipeline, const std::string& why) {
  const Error lost(Errc::io_error, "connection to PostgreSQL " + target_.label + " lost: " + one_line(why) +
                                       "; the effect is unknown");
  auto unanswered = pipeline.close();
  if (clock().now() - pipeline.since() >= options_.reconnect_cap) backoff_.reset();
  std::erase_if(pipelines_, [&](const auto& each) { return each.get() == &pipeline; });
  if (pipelines_.empty() && !dialing_ && !pausing_) retry_after(backoff_.next());
  publish(&lost.context);
  end_all(std::move(unanswered), lost);
  flush();
}

void Client::shut_down() {
  if (closed_) return;
  closed_ = true;
  retry_timer_.cancel();
  deadline_timer_.cancel();
  auto pending = take_waiting();
  for (const auto& pipeline : std::exchange(pipelines_, {})) pending.splice(pending.end(), pipeline->close());
  {
    std::lock_guard lock(mutex_);
    inbox_closed_ = true;
    pending.splice(pending.end(), inbox_);
  }
  publish();
  end_all(std::move(pending), closed_error());
}

PostgresStats Client::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void Client::publish(const std::string* trouble) {
  std::lock_guard lock(mutex_);
  stats_.connections = static_cast<unsigned>(pipelines_.size());
  stats_.connects = connects_;
  stats_.failed_connects = failed_connects_;
  if (trouble != nullptr) stats_.last_error = *trouble;
}

// ---- Exchanges

void Client::submit(std::unique_ptr<Exchange> exchange) {
  if (forked()) {
    const Error why(Errc::unavailable, "the PostgreSQL tier was made before fork(): make one in the child");
    return exchange->on_end(&why);
  }
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    if (!inbox_closed_) {
      first = inbox_.empty();
      inbox_.push_back(std::move(exchange));
    }
  }
  if (exchange) {
    const Error closed = closed_error();
    exchange->on_end(&closed);
  } else if (first) {
    asio::post(io_, [self = shared_from_this()] { self->drain(); });
  }
}

void Client::drain() {
  Line arrived;
  {
    std::lock_guard lock(mutex_);
    arrived.swap(inbox_);
  }
  for (auto& exchange : arrived) admit(std::move(exchange));
  flush();
}

void Client::admit(std::unique_ptr<Exchange> exchange) {
  if (const auto why = refusal()) return end(std::move(exchange), &*why);
  waiting_bytes_ += exchange->bytes();
  if (exchange->deadline != no_deadline) {
    deadlines_.insert(deadlines_.end(), *exchange);
    if (exchange->deadline < deadline_armed_) arm_deadlines(exchange->deadline);
  }
  waiting_.push_back(std::move(exchange));
  waiting_.back()->place = std::prev(waiting_.end());
}

std::optional<Error> Client::refusal() const {
  if (closed_) return closed_error();
  if (refusal_) return refusal_;
  if (waiting_bytes_ <= max_waiting_bytes) return std::nullopt;
  return Error(Errc::overloaded, "PostgreSQL " + target_.label + ": " + std::to_string(waiting_bytes_) +
                                     " bytes wait to be sent; the connections do not keep up");
}

void Client::flush() {
  bool crowded = false;
  while (!waiting_.empty()) {
    Pipeline* const pipeline = freest();
    if (pipeline == nullptr) break;
    crowded = crowded || pipeline->in_flight() > 0;
    waiting_bytes_ -= waiting_.front()->bytes();
    pipeline->send(waiting_);
  }
  const bool wanting = crowded || !waiting_.empty();
  if (wanting && pipelines_.size() < options_.connections && !dialing_ && !pausing_ && !closed_) dial();
}

/// Null: no pipeline can take more.
Pipeline* Client::freest() const {
  Pipeline* best = nullptr;
  for (const auto& pipeline : pipelines_) {
    if (pipeline->overdue() || pipeline->in_flight() >= max_in_flight) continue;
    if (best == nullptr || pipeline->in_flight() < best->in_flight()) best = pipeline.get();
  }
  return best;
}

void Client::on_answered(std::unique_ptr<Exchange> exchange, const Error* refusal) {
  end(std::move(exchange), refusal);
}

void Client::end(std::unique_ptr<Exchange> exchange, const Error* failure) {
  if (exchange->is_linked()) deadlines_.erase(deadlines_.iterator_to(*exchange));
  exchange->on_end(failure);
}

void Client::end_all(Line exchanges, const Error& failure) {
  for (auto& exchange : exchanges) end(std::move(exchange), &failure);
}

Line Client::take_waiting() {
  waiting_bytes_ = 0;
  return std::exchange(waiting_, {});
}

// ---- Time

/// The timer is not cancelled when its exchange ends in time: it then wakes up once for nothing and looks for
/// the next deadline. So a steady stream of operations seldom sets it.
void Client::arm_deadlines(TimePoint when) {
  deadline_armed_ = when;
  deadline_timer_.expires_at(when);
  deadline_timer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (!ec && !self->closed_) self->expire_due();
  });
}

void Client::expire_due() {
  deadline_armed_ = no_deadline;
  const TimePoint now = clock().now();
  while (!deadlines_.empty() && deadlines_.begin()->deadline <= now) expire(*deadlines_.begin());
  if (closed_ || deadlines_.empty()) return;
  if (deadlines_.begin()->deadline < deadline_armed_) arm_deadlines(deadlines_.begin()->deadline);
}

void Client::expire(Exchange& exchange) {
  std::unique_ptr<Exchange> owned;
  if (exchange.carrier != nullptr) {
    owned = exchange.carrier->give_up(exchange.place);
  } else {
    waiting_bytes_ -= exchange.bytes();
    owned = std::move(*exchange.place);
    waiting_.erase(exchange.place);
  }
  const Error late(Errc::timed_out, "PostgreSQL " + target_.label + ": no reply before the deadline");
  end(std::move(owned), &late);
}

}  // namespace terrace::postgres
