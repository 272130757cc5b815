/// Time in a client: deadlines that pass, and servers that become silent.

#include <algorithm>

#include "base/assert.hpp"
#include "redis/client.hpp"
#include "redis/role_question.hpp"
#include "redis/time_question.hpp"

namespace terrace::redis {

using namespace std::chrono_literals;

namespace {

constexpr Duration idle_before_ping = 500ms;
constexpr Duration ping_limit = 500ms;
constexpr Duration shortest_probe = 100ms;
/// With replies owed and no progress for this long the connection is dead; together with `idle_before_ping`,
/// a dead peer is noticed within 1.75 s.
constexpr Duration stall_limit = 1250ms;
/// A deadline shorter than this says nothing about the server.
constexpr Duration shortest_blame = 1ms;
/// If more replies are owed to exchanges that were given up, the connection is replaced rather than waited
/// for.
constexpr std::size_t max_given_up = 16 * 1024;

}  // namespace

class Client::Ping final : public Exchange {
 public:
  Ping(Client& client, bool probe) : client_(client), probe_(probe) {
    add_command(payload, {"PING"});
    own = true;
  }
  void on_node(std::size_t, const Node&) override {}
  void on_end(const Error* failure) override {
    if (probe_) client_.probed(failure == nullptr);
  }

 private:
  Client& client_;
  const bool probe_;
};

// ---- Deadlines

void Client::watch_deadline(Exchange& exchange) {
  if (exchange.deadline == no_deadline) return;
  deadlines_.insert(deadlines_.end(), exchange);
  if (exchange.deadline < deadline_armed_) arm_deadlines(exchange.deadline);
}

/// The timer is not cancelled when its exchange ends in time: it then wakes up once for nothing and looks for
/// the next deadline. So a steady stream of operations seldom sets it.
void Client::arm_deadlines(TimePoint when) {
  deadline_armed_ = when;
  deadline_timer_.set(when, [self = shared_from_this()] {
    if (self->phase_ != Phase::closed) self->expire_due();
  });
}

void Client::expire_due() {
  check();
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
    TERRACE_ASSERT(pipeline_);
    owned = pipeline_->give_up(exchange.ticket);
  } else {
    TERRACE_ASSERT(exchange.ticket - first_waiting_ < waiting_.size());
    TERRACE_ASSERT(waiting_bytes_ >= exchange.payload.size());
    waiting_bytes_ -= exchange.payload.size();
    owned = std::move(waiting_[exchange.ticket - first_waiting_]);
  }
  if (phase_ == Phase::ready && !exchange.own && now - exchange.submitted_at >= shortest_blame) {
    last_limit_ = now - exchange.submitted_at;
    const bool was_closed = breaker_.closed();
    breaker_.on_failure(now);
    if (was_closed && !breaker_.closed()) {
      publish();
      arm_health();
    }
  }
  TERRACE_ASSERT(owned.get() == &exchange);
  const Error late(Errc::timed_out, "Redis " + label_ + ": no reply before the deadline");
  end(std::move(owned), &late);
}

// ---- Health

void Client::arm_health() {
  const TimePoint quiet = pipeline_->waits_for_replies()
                              ? after(pipeline_->last_progress(), stall_limit)
                              : after(pipeline_->last_received(), idle_before_ping);
  health_timer_.set(std::min({quiet, breaker_.probe_at(), role_due_}), [self = shared_from_this()] {
    if (self->phase_ == Phase::ready) self->check_health();
  });
}

void Client::check_health() {
  check();
  const TimePoint now = clock_.now();
  const bool owed = pipeline_->waits_for_replies();
  if (owed && now - pipeline_->last_progress() >= stall_limit) return drop("it does not answer", true);
  if (breaker_.begin_probe(now)) {
    // An ill server is no better for callers until it answers within their limits.
    ping(now, std::clamp(last_limit_, shortest_probe, ping_limit), true);
  } else if (!owed && now - pipeline_->last_received() >= idle_before_ping) {
    ping(now, ping_limit, false);
  }
  if (now >= role_due_) ask_role(now);
  arm_health();
}

void Client::ping(TimePoint now, Duration limit, bool probe) {
  ask(std::make_unique<Ping>(*this, probe), now, limit);
}

void Client::ask_role(TimePoint now) {
  role_due_ = after(now, role_interval);
  const auto told = [this](bool is_replica) {
    if (is_replica) find_primary();
  };
  ask(std::make_unique<RoleQuestion>(told), now, ping_limit);
  if (!tells_time_ || now < time_due_) return;
  time_due_ = after(now, time_interval);
  ask(std::make_unique<TimeQuestion>(
          [this, now](StoreClock::SystemTime time) { store_clock_.told(time, now, clock_.now()); }),
      now, ping_limit);
}

void Client::ask(std::unique_ptr<Exchange> exchange, TimePoint now, Duration limit) {
  exchange->submitted_at = now;
  exchange->deadline = after(now, limit);
  enqueue(std::move(exchange));
  flush();
}

void Client::probed(bool answered) {
  if (phase_ == Phase::closed) return;
  if (answered) {
    breaker_.probe_succeeded();
  } else {
    breaker_.probe_failed(clock_.now());
  }
  if (!breaker_.closed() && phase_ == Phase::ready) arm_health();
  publish();
}

}  // namespace terrace::redis
