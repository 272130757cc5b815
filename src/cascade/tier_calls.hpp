#pragma once
/// TierCalls: calls of tiers. Each is answered exactly once whatever the tier does, even if it throws or
/// never calls back. Tiers keep their own deadlines (tier_timeout); this is the backstop for a tier that does
/// not.

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <terrace/scheduler.hpp>
#include <terrace/tier.hpp>
#include <utility>
#include <vector>

namespace terrace::cascade {

/// Thread safe.
class TierCalls : public std::enable_shared_from_this<TierCalls> {
 public:
  TierCalls(std::shared_ptr<Scheduler> scheduler, Duration limit)
      : scheduler_(std::move(scheduler)), limit_(limit) {}

  /// Calls `begin(deadline, handler)`. `done` gets the tier's answer, or `refuse(Error)`: timed_out if no
  /// answer has come by the deadline and `patience`, io_error if the tier has thrown.
  template <class T, class Begin, class Refuse>
  void ask(Begin begin, Refuse refuse, Handler<T> done) {
    const TimePoint deadline = after(scheduler_->clock().now(), limit_);
    auto call = std::make_shared<Call<T, Refuse>>(std::move(done), std::move(refuse));
    watch(after(deadline, patience), call);
    try {
      begin(deadline, [call](T answer) { call->answer(std::move(answer)); });
    } catch (const std::exception& thrown) {
      call->fail(Error(Errc::io_error, std::string("the tier threw: ") + thrown.what()));
    }
  }

  /// The time after the deadline at which an answer is not waited for any longer.
  static constexpr Duration patience = std::chrono::milliseconds(10);

 private:
  struct Watched {
    virtual ~Watched() = default;
    virtual void fail(const Error& error) = 0;
    std::atomic<bool> answered{false};
  };

  template <class T, class Refuse>
  struct Call final : Watched {
    Call(Handler<T> d, Refuse r) : done(std::move(d)), refuse(std::move(r)) {}
    void answer(T outcome) {
      if (!this->answered.exchange(true)) std::exchange(done, nullptr)(std::move(outcome));
    }
    void fail(const Error& error) override {
      if (!this->answered.exchange(true)) std::exchange(done, nullptr)(refuse(error));
    }
    Handler<T> done;
    Refuse refuse;
  };

  void watch(TimePoint given_up, std::shared_ptr<Watched> call);
  void expire();
  void arm(TimePoint when);

  const std::shared_ptr<Scheduler> scheduler_;
  const Duration limit_;
  std::mutex mutex_;
  // In the order of time, since all have the same limit.
  std::deque<std::pair<TimePoint, std::shared_ptr<Watched>>> watched_;
  bool armed_ = false;
};

}  // namespace terrace::cascade
