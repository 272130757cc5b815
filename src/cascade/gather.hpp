#pragma once
/// Gather: one call of the cache for one or several keys, from its start to the single call of its handler.
///
///     open ──every key has its outcome; or end(): the time limit, close()──► ended

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <terrace/detail/cascade/engine.hpp>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace terrace::cascade {

/// A call under way, whatever the type of its outcomes.
class Pending {
 public:
  virtual ~Pending() = default;
  /// Ends the call now: keys without an outcome get this error. No effect on a call that has ended.
  virtual void end(const Error& error) = 0;
};

/// The calls under way, so that close() can end them. Thread safe.
class PendingCalls {
 public:
  std::uint64_t add(std::weak_ptr<Pending> call) {
    std::lock_guard lock(mutex_);
    calls_.emplace(++last_, std::move(call));
    return last_;
  }
  void remove(std::uint64_t id) {
    std::lock_guard lock(mutex_);
    calls_.erase(id);
  }
  void end_all(const Error& error) {
    decltype(calls_) ending;
    {
      std::lock_guard lock(mutex_);
      ending.swap(calls_);
    }
    for (const auto& [id, call] : ending) {
      if (const auto alive = call.lock()) alive->end(error);
    }
  }

 private:
  std::mutex mutex_;
  boost::unordered_flat_map<std::uint64_t, std::weak_ptr<Pending>> calls_;
  std::uint64_t last_ = 0;
};

template <class T>
T failed(const Error& error) {
  return error;
}
template <>
inline Answer failed<Answer>(const Error& error) {
  return {.kind = LookupKind::unavailable, .error = error};
}

/// Collects an outcome for each key. The handler is called once, outside any lock: when every key has its
/// outcome, or when the call is ended early (deadline, shutdown). Later outcomes are dropped. Thread safe.
template <class T>
class Gather final : public Pending, public std::enable_shared_from_this<Gather<T>> {
 public:
  Gather(std::size_t keys, Handler<std::vector<T>> done)
      : outcomes_(keys), missing_(keys), done_(std::move(done)) {}

  /// Registers the call and starts its time limit. No outcome may come before; close() may end the call at
  /// once.
  void begin(const std::shared_ptr<PendingCalls>& calls, const std::shared_ptr<Scheduler>& scheduler,
             std::optional<Duration> timeout) {
    std::lock_guard lock(mutex_);
    calls_ = calls;
    id_ = calls->add(this->weak_from_this());
    if (!timeout) return;
    scheduler_ = scheduler;
    const auto expire = [self = this->weak_from_this(), limit = *timeout] {
      if (const auto call = self.lock())
        call->end(Error(Errc::timed_out, "the caller's limit of " + in_ms(limit)));
    };
    timer_ = scheduler->call_at(after(scheduler->clock().now(), *timeout), expire);
  }

  /// `given_up` is called, without a lock, if the call ends before every key has its outcome. To be set
  /// before the first outcome can come.
  void when_given_up(std::function<void()> given_up) {
    std::lock_guard lock(mutex_);
    given_up_ = std::move(given_up);
  }

  /// The call ends when the stop is requested, which may be now. After begin() and when_given_up().
  void give_up_on(const std::stop_token& stop) {
    stop_.emplace(stop, [self = this->weak_from_this()] {
      if (const auto call = self.lock()) call->end(Error(Errc::timed_out, "the caller has given up"));
    });
  }

  void set_outcome(std::size_t index, T outcome) {
    {
      std::lock_guard lock(mutex_);
      TERRACE_ASSERT(index < outcomes_.size());
      if (!open_ || outcomes_[index]) return;
      TERRACE_ASSERT(missing_ > 0);
      outcomes_[index].emplace(std::move(outcome));
      if (--missing_ > 0) return;
      open_ = false;
    }
    finish();
  }

  void end(const Error& error) override {
    {
      std::lock_guard lock(mutex_);
      if (!open_) return;
      open_ = false;
      for (auto& outcome : outcomes_) {
        if (!outcome) outcome.emplace(failed<T>(error));
      }
    }
    const auto given_up = std::exchange(given_up_, nullptr);
    finish();
    if (given_up) given_up();
  }

  /// The call still waits for an outcome.
  [[nodiscard]] bool open() const {
    std::lock_guard lock(mutex_);
    return open_;
  }

 private:
  static std::string in_ms(Duration limit) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()) +
           " ms passed";
  }

  void finish() {
    if (scheduler_) scheduler_->cancel(timer_);
    if (calls_) calls_->remove(id_);
    std::vector<T> outcomes;
    outcomes.reserve(outcomes_.size());
    for (auto& outcome : outcomes_) outcomes.push_back(std::move(*outcome));
    std::exchange(done_, nullptr)(std::move(outcomes));
  }

  mutable std::mutex mutex_;
  std::vector<std::optional<T>> outcomes_;
  std::size_t missing_;
  bool open_ = true;
  Handler<std::vector<T>> done_;
  std::function<void()> given_up_;
  std::optional<std::stop_callback<std::function<void()>>> stop_;
  std::shared_ptr<PendingCalls> calls_;
  std::shared_ptr<Scheduler> scheduler_;
  std::uint64_t id_ = 0;
  Scheduler::TimerId timer_ = 0;
};

}  // namespace terrace::cascade
