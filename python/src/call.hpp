#pragma once
/// Call: one operation under way in the core, as the Python thread or event loop that waits for it sees it:
/// it may bring loads to run, and ends with an outcome. Loads that have no caller (refreshes, time limits,
/// callers that left) go to the service (service.hpp).

#include <deque>
#include <memory>
#include <mutex>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/scheduler.hpp>
#include <terrace/warmer.hpp>
#include <variant>
#include <vector>

#include "value.hpp"

namespace terrace::python {

/// One call of a loader, for one key or several. Ended exactly once; if nobody does, by the last who holds
/// it.
class Job {
 public:
  Job(const cascade::LoadRequest& request, Handler<std::vector<cascade::Loaded>> done, Reference loader)
      : request_(request), done_(std::move(done)), loader_(std::move(loader)) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job();

  [[nodiscard]] const cascade::LoadRequest& request() const noexcept { return request_; }
  /// What Python gave for it: an object of terrace._loading.
  [[nodiscard]] PyObject* loader() const noexcept { return loader_.object(); }
  /// Without the GIL. What comes after the first is dropped.
  void end(std::vector<cascade::Loaded> outcomes);
  void fail(const Error& error);

 private:
  const cascade::LoadRequest& request_;
  std::mutex mutex_;
  Handler<std::vector<cascade::Loaded>> done_;  // empty: ended
  const Reference loader_;
};
using JobPtr = std::shared_ptr<Job>;

using Outcome =
    std::variant<std::vector<cascade::Answer>, std::vector<Result<void>>, std::vector<Result<bool>>,
                 Result<void>, Result<std::uint64_t>, Result<Explanation>, WarmReport>;

class Port;

/// Thread safe.
class Call : public std::enable_shared_from_this<Call> {
 public:
  explicit Call(std::shared_ptr<Scheduler> scheduler) : scheduler_(std::move(scheduler)) {}

  /// The core has ended it. Without the GIL.
  void end(Outcome outcome);
  /// A load for this caller to run; false: it has left.
  [[nodiscard]] bool offer(JobPtr job);

  /// The next load, or null when it has ended. Blocks without the GIL; on the main thread signals are looked
  /// after meanwhile. Null with a Python error when one raised.
  [[nodiscard]] JobPtr wait();
  /// The same without blocking; null: nothing yet, or it has ended.
  [[nodiscard]] JobPtr poll();
  [[nodiscard]] bool ended() const;
  /// Once it has ended.
  [[nodiscard]] Outcome take();

  /// From now on `attend` is called in the port's loop whenever there is something to do.
  void attend_by(std::shared_ptr<Port> port, Reference attend);
  /// Nobody waits any more: loads go to the service.
  void abandon();

 private:
  void tell(std::unique_lock<std::mutex>& lock);
  JobPtr next();

  const std::shared_ptr<Scheduler> scheduler_;
  mutable std::mutex mutex_;
  std::deque<JobPtr> jobs_;
  std::optional<Outcome> outcome_;
  bool left_ = false;
  std::shared_ptr<Latch> latch_;  // of who waits
  std::shared_ptr<Port> port_;
  Reference attend_;
};

/// Where an event loop hears of its calls: a file descriptor that is readable when there are any. Thread
/// safe.
class Port {
 public:
  Port();
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  void post(Reference attend);
  /// What was posted since.
  [[nodiscard]] std::vector<Reference> drain();

 private:
  const int descriptor_;
  std::mutex mutex_;
  std::vector<Reference> posted_;
};

}  // namespace terrace::python
