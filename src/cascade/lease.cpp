/// Leases: one process loads a key, the others wait for its fill (coherence rule "Lease" of
/// docs/reliability.md).
///
/// The states of a flight that waits:
///
///     asking ──the lease is held──► waiting ──woken by the watch, or the time is up──► asking
///       └──a value, the lease, or an error: resume_lookup; load_timeout is over: complete_failed──► ended

#include <cstring>
#include <random>

#include "cascade/completion.hpp"
#include "cascade/lease_wait.hpp"
#include "cascade/reading.hpp"

namespace terrace::cascade {
namespace {

LeaseToken random_token() {
  thread_local std::random_device device;
  LeaseToken token;
  for (std::size_t at = 0; at < token.size(); at += sizeof(unsigned)) {
    const unsigned word = device();
    std::memcpy(token.data() + at, &word, sizeof(word));
  }
  return token;
}

/// One flight that waits. It asks for the lease again when it is woken, and when LeaseWait says so. When it
/// gets a value or the lease, the lookup goes on with that.
class WaitingFlight final : public LeaseWaiters::Waiting, public std::enable_shared_from_this<WaitingFlight> {
 public:
  WaitingFlight(std::shared_ptr<Core> core, FlightPtr flight, std::size_t tier)
      : core_(std::move(core)),
        flight_(std::move(flight)),
        tier_(tier),
        wait_(core_->now(), core_->options.load_timeout) {}
  WaitingFlight(const WaitingFlight&) = delete;
  WaitingFlight& operator=(const WaitingFlight&) = delete;
  ~WaitingFlight() override { core_->lease_waiters.tidy(flight_->key); }

  /// The watch wakes it from now on. A change from before that is found by asking now.
  void start() {
    ++core_->counters.lease_waits;
    core_->lease_waiters.add(flight_->key, weak_from_this());
    ask();
  }

  void wake() override {
    {
      std::lock_guard lock(mutex_);
      if (state_ == State::asking) woken_ = true;
      if (state_ != State::waiting) return;
    }
    ask();
  }

 private:
  enum class State : std::uint8_t { asking, waiting, ended };

  void ask() {
    Scheduler::TimerId timer = 0;
    {
      std::lock_guard lock(mutex_);
      if (state_ == State::ended) return;
      state_ = State::asking;
      woken_ = false;
      timer = std::exchange(timer_, 0);
    }
    if (timer != 0) core_->scheduler->cancel(timer);
    acquire_lease(*core_, flight_, tier_,
                  [self = shared_from_this()](Result<LeaseReply> reply) { self->took(std::move(reply)); });
  }

  void took(Result<LeaseReply> reply) {
    if (core_->closed) return end([&] { complete_failed(*core_, flight_, Error(Errc::shutdown)); });
    if (!reply || reply->kind != LeaseReply::Kind::held) {
      return end([&] { resume_lookup(core_, flight_, tier_, std::move(reply)); });
    }
    std::unique_lock lock(mutex_);
    const bool watched =
        core_->options.consistency == Consistency::eventual && core_->values->gate().watching(core_->now());
    const auto again = wait_.next(core_->now(), reply->held_for, watched);
    if (!again) {
      lock.unlock();
      return end([&] { give_up(); });
    }
    if (woken_) {
      lock.unlock();
      return ask();
    }
    state_ = State::waiting;
    timer_ = core_->scheduler->call_at(*again, [self = shared_from_this()] { self->wake(); });
  }

  void give_up() {
    complete_failed(*core_, flight_,
                    Error(Errc::timed_out, "another process was loading " + printable_key(flight_->key) +
                                               " and did not end within load_timeout"));
  }

  template <class Then>
  void end(Then then) {
    {
      std::lock_guard lock(mutex_);
      state_ = State::ended;
    }
    then();
  }

  const std::shared_ptr<Core> core_;
  const FlightPtr flight_;
  const std::size_t tier_;
  std::mutex mutex_;
  LeaseWait wait_;
  State state_ = State::asking;
  bool woken_ = false;
  Scheduler::TimerId timer_ = 0;
};

}  // namespace

void acquire_lease(Core& core, const FlightPtr& flight, std::size_t tier, Handler<Result<LeaseReply>> done) {
  const LeaseToken token = random_token();
  core.ask<LeaseReply>(
      [&](TimePoint deadline, Handler<Result<LeaseReply>> reply) {
        core.levels[tier]->shared->acquire(core.tier_key(flight->key), token, core.options.lease_time,
                                           flight->seen[tier].stale, deadline, std::move(reply));
      },
      [flight, tier, token, done = std::move(done)](Result<LeaseReply> reply) mutable {
        if (reply && reply->kind == LeaseReply::Kind::granted) flight->seen[tier].lease = token;
        done(std::move(reply));
      });
}

void await_lease(std::shared_ptr<Core> core, FlightPtr flight, std::size_t tier) {
  std::make_shared<WaitingFlight>(std::move(core), std::move(flight), tier)->start();
}

}  // namespace terrace::cascade
