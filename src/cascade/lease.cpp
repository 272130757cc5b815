/// Leases: one process loads a key, the others wait for its fill (coherence rule "Lease" of
/// docs/reliability.md).
///
/// The states of a flight that waits:
///
///     asking ──the lease is held──► waiting ──woken by the watch, or the time is up──► asking
///       ├──a value, the lease, or an error: resume_lookup─────────────────────────► ended
///       ├──the other load has failed, or found that there is no such key: complete─► ended
///       └──its value is not kept, or the wait is over: resume_lookup, no lease─────► ended

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
  WaitingFlight(std::shared_ptr<Core> core, FlightPtr flight, std::size_t tier, const LeaseReply& held)
      : core_(std::move(core)),
        flight_(std::move(flight)),
        tier_(tier),
        waited_for_(held.holder),
        wait_(core_->now(), core_->options.load_timeout,
              LeaseWait::patience(core_->counters.longest_load.get(), core_->options.lease_time,
                                  core_->options.load_timeout)) {}
  WaitingFlight(const WaitingFlight&) = delete;
  WaitingFlight& operator=(const WaitingFlight&) = delete;
  ~WaitingFlight() override { core_->lease_waiters.tidy(flight_->key); }

  /// The watch wakes it from now on. A change from before that is found by asking now.
  void start() {
    core_->counters.add(&CacheStats::lease_waits);
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

  void ask(bool take_over = false) {
    Scheduler::TimerId timer = 0;
    std::optional<LeaseToken> waited_for;
    {
      std::lock_guard lock(mutex_);
      if (state_ == State::ended) return;
      state_ = State::asking;
      woken_ = false;
      timer = std::exchange(timer_, 0);
      waited_for = waited_for_;
    }
    if (timer != 0) core_->scheduler->cancel(timer);
    acquire_lease(*core_, flight_, tier_, waited_for, take_over,
                  [self = shared_from_this()](Result<LeaseReply> reply) { self->took(std::move(reply)); });
  }

  void took(Result<LeaseReply> reply) {
    using Kind = LeaseReply::Kind;
    if (core_->closed) return end([&] { complete_failed(*core_, flight_, Error(Errc::shutdown)); });
    if (reply && reply->kind == Kind::ended) return end([&] { other_ended(reply->end); });
    if (!reply || reply->kind != Kind::held) {
      return end([&] { resume_lookup(core_, flight_, tier_, std::move(reply)); });
    }
    std::unique_lock lock(mutex_);
    const bool watched =
        core_->options.consistency == Consistency::eventual && core_->values->gate().watching(core_->now());
    waited_for_ = reply->holder;
    const auto next = wait_.next(core_->now(), reply->held_for, reply->holder, watched);
    if (next.act == LeaseWait::Act::load_alone) {
      lock.unlock();
      return end([&] { load_alone("another process has been loading it for too long"); });
    }
    const bool take_over = next.act == LeaseWait::Act::take_over;
    if (take_over || woken_) {
      lock.unlock();
      return ask(take_over);
    }
    state_ = State::waiting;
    timer_ = core_->scheduler->call_at(next.until, [self = shared_from_this()] { self->wake(); });
  }

  /// The load that it has waited for has filled nothing.
  void other_ended(LeaseEnd how) {
    switch (how) {
      case LeaseEnd::failed:
        return complete_load_failed(*core_, flight_,
                                    Error(Errc::loader_failed, "the loader of another process failed for " +
                                                                   printable_key(flight_->key)));
      case LeaseEnd::absent:
        return complete_uncached(*core_, flight_,
                                 {.kind = LookupKind::negative, .level = core_->levels.size() + 1});
      case LeaseEnd::not_kept:
      case LeaseEnd::untold:
        return load_alone("another process has loaded it, and keeps its value for itself");
    }
  }

  /// Without a lease: the tier is not filled.
  void load_alone(const char* why) { resume_lookup(core_, flight_, tier_, Error(Errc::unavailable, why)); }

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
  std::optional<LeaseToken> waited_for_;
  LeaseWait wait_;
  State state_ = State::asking;
  bool woken_ = false;
  Scheduler::TimerId timer_ = 0;
};

/// Gives one lease back. If the tier does not answer, it is tried again until the lease has expired by itself.
class Release : public std::enable_shared_from_this<Release> {
 public:
  Release(Core& core, const FlightPtr& flight, std::size_t tier, LeaseEnd end)
      : core_(core.weak_from_this()),
        key_(core.tier_key(flight->key)),
        token_(*flight->seen[tier].lease),
        tier_(tier),
        end_(end),
        expires_(after(core.now(), core.options.lease_time)) {}

  void start() {
    const auto core = core_.lock();
    if (!core) return;
    core->ask<void>(
        [&](TimePoint deadline, Handler<Result<void>> done) {
          core->levels[tier_]->shared->release(key_, token_, end_, deadline, std::move(done));
        },
        [self = shared_from_this()](const Result<void>& released) {
          if (!released) self->again();
        });
  }

 private:
  void again() {
    const auto core = core_.lock();
    if (!core || core->closed) return;
    const TimePoint when = after(core->now(), pause_);
    if (when >= expires_) return;
    pause_ *= 2;
    core->scheduler->call_at(when, [self = shared_from_this()] { self->start(); });
  }

  const std::weak_ptr<Core> core_;
  const std::string key_;
  const LeaseToken token_;
  const std::size_t tier_;
  const LeaseEnd end_;
  const TimePoint expires_;
  Duration pause_ = std::chrono::milliseconds(50);
};

}  // namespace

void acquire_lease(Core& core, const FlightPtr& flight, std::size_t tier,
                   const std::optional<LeaseToken>& waited_for, bool take_over,
                   Handler<Result<LeaseReply>> done) {
  const LeaseToken token = random_token();
  core.ask<LeaseReply>(
      [&](TimePoint deadline, Handler<Result<LeaseReply>> reply) {
        core.levels[tier]->shared->acquire(core.tier_key(flight->key),
                                           {.token = token,
                                            .lease_time = core.options.lease_time,
                                            .stale = flight->seen[tier].stale.value_or(Bytes()),
                                            .waited_for = waited_for,
                                            .take_over = take_over},
                                           deadline, std::move(reply));
      },
      [&core, alive = core.shared_from_this(), flight, tier, token,
       done = std::move(done)](Result<LeaseReply> reply) mutable {
        if (!reply) core.levels[tier]->lease_errors.add(reply.error(), core.now());
        if (reply && reply->kind == LeaseReply::Kind::granted) flight->seen[tier].lease = token;
        done(std::move(reply));
      });
}

void await_lease(std::shared_ptr<Core> core, FlightPtr flight, std::size_t tier, const LeaseReply& held) {
  std::make_shared<WaitingFlight>(std::move(core), std::move(flight), tier, held)->start();
}

void release_leases(Core& core, const FlightPtr& flight, LeaseEnd end) {
  for (std::size_t tier = 0; tier < core.levels.size(); ++tier) {
    auto& lease = flight->seen[tier].lease;
    if (!lease) continue;
    std::make_shared<Release>(core, flight, tier, end)->start();
    lease.reset();
  }
}

}  // namespace terrace::cascade
