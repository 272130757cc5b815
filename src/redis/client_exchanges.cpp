/// The exchanges of a client: how they arrive, wait, are sent and end.

#include "base/assert.hpp"
#include "redis/client.hpp"

namespace terrace::redis {

namespace {

constexpr std::size_t batch_bytes = 1 << 20;

}  // namespace

void Client::submit(std::unique_ptr<Exchange> exchange) {
  if (!home_.here()) {
    const Error away = made_before_fork("the Redis tier");
    return exchange->on_end(&away);
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
    const Error closed(Errc::shutdown, "the Redis tier was closed");
    exchange->on_end(&closed);
  } else if (first) {
    outside_.scheduler.post([self = shared_from_this()] { self->drain(); });
  }
}

void Client::drain() {
  check();
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
    return Error(Errc::unavailable,
                 "Redis " + label_ + ": the circuit breaker is open, because " + breaker_.why());
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
      TERRACE_ASSERT(waiting_bytes_ >= exchange->payload.size());
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
  if (!exchange->own) breaker_.on_success(pipeline_->last_received());
  end(std::move(exchange), nullptr);
}

/// Also called when the last reply was owed to an exchange that was given up, which has no receiver.
void Client::on_idle() {
  if (leaving_) return leave();
  flush();  // the line may have been full
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

}  // namespace terrace::redis
