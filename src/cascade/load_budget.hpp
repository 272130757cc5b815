#pragma once
/// LoadBudget: the limit for loader calls in a second (max_loads_per_second). It protects the origin when many
/// keys must be loaded again: after a tag, a prefix or everything was invalidated, or while a tier is away.
///
/// Loads above the limit wait, and the one whose flights most callers have joined goes first. A load that a
/// nested read waits for does not wait; the others wait longer instead.
///
///     take() ──the budget allows it────────────────────────────────► runs
///       └──► wait() ──the hottest of those that wait, or hurry()──► runs
///               └──leave(): its time limit is over, or nobody waits──► no cost

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <terrace/scheduler.hpp>
#include <utility>
#include <vector>

namespace terrace::cascade {

/// Token bucket: at most `rate` tokens in a second on average, and a tenth of that at once. A state machine
/// without I/O. Source: J. Turner, "New directions in communications", IEEE Communications Magazine 24(10),
/// 1986 (the leaky bucket as a meter).
class TokenBucket {
 public:
  TokenBucket(double rate, TimePoint now)
      : rate_(rate), most_(std::max(1.0, rate / 10)), tokens_(most_), at_(now) {}

  /// Takes a token if there is one.
  bool take(TimePoint now) {
    refill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  /// Takes a token in any case; later ones come later. The debt is never more than that of one second.
  void owe(TimePoint now) {
    refill(now);
    tokens_ = std::max(tokens_ - 1, -std::max(1.0, rate_));
  }
  /// The time from which take() succeeds.
  [[nodiscard]] TimePoint next(TimePoint now) {
    refill(now);
    if (tokens_ >= 1) return now;
    const std::chrono::duration<double> wait((1 - tokens_) / rate_);
    return after(now, std::chrono::ceil<Duration>(std::min(wait, std::chrono::duration<double>(3600))));
  }

 private:
  void refill(TimePoint now) {
    const std::chrono::duration<double> passed = now - at_;
    at_ = now;
    tokens_ = std::min(most_, tokens_ + passed.count() * rate_);
  }

  const double rate_;
  const double most_;
  double tokens_;
  TimePoint at_;
};

/// Thread safe. Loads are called without a lock.
class LoadBudget : public std::enable_shared_from_this<LoadBudget> {
 public:
  /// A load that may have to wait.
  class Budgeted {
   public:
    virtual ~Budgeted() = default;
    /// How much it is wanted. Thread safe, and short.
    [[nodiscard]] virtual std::uint64_t heat() const noexcept = 0;
    /// It may run now.
    virtual void allowed() = 0;
  };

  LoadBudget(std::shared_ptr<Scheduler> scheduler, double rate)
      : scheduler_(std::move(scheduler)), bucket_(rate, scheduler_->clock().now()) {}

  /// True: one load may run now. `nested`: it need not wait; the others wait longer.
  bool take(bool nested) {
    std::lock_guard lock(mutex_);
    const TimePoint now = scheduler_->clock().now();
    if (nested) return bucket_.owe(now), true;
    return waiting_.empty() && bucket_.take(now);
  }

  /// The load waits. allowed() is called later, unless the load leaves before.
  void wait(const std::shared_ptr<Budgeted>& load) {
    std::lock_guard lock(mutex_);
    waiting_.push_back({load.get(), load});
    set_timer(scheduler_->clock().now());
  }

  /// The load waits no longer. Must be called before a load that waits is destroyed.
  void leave(const Budgeted& load) {
    std::lock_guard lock(mutex_);
    static_cast<void>(take_out([&](const Waiting& one) { return one.load == &load; }));
  }

  /// A nested read waits for the load now: if it waits, it is allowed at once.
  void hurry(const Budgeted& load) {
    std::shared_ptr<Budgeted> found;
    {
      std::lock_guard lock(mutex_);
      found = take_out([&](const Waiting& one) { return one.load == &load; });
      if (!found) return;
      bucket_.owe(scheduler_->clock().now());
    }
    found->allowed();
  }

  [[nodiscard]] std::size_t waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  struct Waiting {
    const Budgeted* load;
    std::weak_ptr<Budgeted> owner;  // expired: its destructor is about to leave
  };

  /// Takes out the load for which `wanted` is true; null: there is none, or it is being destroyed.
  template <class Wanted>
  std::shared_ptr<Budgeted> take_out(Wanted wanted) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), wanted);
    if (found == waiting_.end()) return nullptr;
    auto load = found->owner.lock();
    waiting_.erase(found);
    return load;
  }

  void set_timer(TimePoint now) {
    if (waiting_.empty() || std::exchange(timer_set_, true)) return;
    scheduler_->call_at(std::max(bucket_.next(now), after(now, shortest)), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->hand_out();
    });
  }

  void hand_out() {
    std::vector<std::shared_ptr<Budgeted>> allowed;
    {
      std::lock_guard lock(mutex_);
      timer_set_ = false;
      const TimePoint now = scheduler_->clock().now();
      while (!waiting_.empty() && bucket_.take(now)) {
        // Among equals the oldest one.
        const auto hottest = std::max_element(
            waiting_.begin(), waiting_.end(),
            [](const Waiting& a, const Waiting& b) { return a.load->heat() < b.load->heat(); });
        if (auto next = take_out([load = hottest->load](const Waiting& one) { return one.load == load; }))
          allowed.push_back(std::move(next));
      }
      set_timer(now);
    }
    for (const auto& load : allowed) load->allowed();
  }

  /// Timers are not set closer than this: a high rate hands out several loads at a time.
  static constexpr Duration shortest = std::chrono::milliseconds(1);

  const std::shared_ptr<Scheduler> scheduler_;
  mutable std::mutex mutex_;
  TokenBucket bucket_;
  std::vector<Waiting> waiting_;
  bool timer_set_ = false;
};

}  // namespace terrace::cascade
