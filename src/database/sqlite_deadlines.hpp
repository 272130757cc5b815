#pragma once
/// Deadlines: answers calls whose time is over although the thread that should do the work is busy. One timer
/// of the runtime serves all calls: it is set to the earliest known deadline, and a call that ends in time
/// costs no timer.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <terrace/runtime.hpp>

#include "database/sqlite_calls.hpp"

namespace terrace::database {

class Deadlines : public std::enable_shared_from_this<Deadlines> {
 public:
  /// `expire` is called on the runtime's I/O thread with every call whose deadline has passed.
  Deadlines(std::shared_ptr<Runtime> runtime, std::function<void(Call&)> expire)
      : runtime_(std::move(runtime)), expire_(std::move(expire)) {}

  void watch(const CallPtr& call);
  void forget(const Call& call);
  /// No call is expired after this, except by a thread that is doing so now.
  void stop();

 private:
  void arm(TimePoint when);
  void fire();

  const std::shared_ptr<Runtime> runtime_;
  const std::function<void(Call&)> expire_;
  std::mutex mutex_;
  std::multimap<TimePoint, CallPtr> watched_;
  TimePoint armed_for_ = no_deadline;
  Scheduler::TimerId timer_ = 0;
  bool stopped_ = false;
};

}  // namespace terrace::database
