#pragma once
/// Call: one operation under way in the core, as the Python thread or event loop that waits for it sees it:
/// it may bring loads to run, and ends with an outcome. Loads that have no caller (refreshes, time limits,
/// callers that left) go to the service (service.hpp).

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/detail/load_mark.hpp>
#include <terrace/scheduler.hpp>
#include <terrace/warmer.hpp>
#include <variant>
#include <vector>

#include "interpreter.hpp"
#include "value.hpp"

namespace terrace::python {

class Port;

/// One call of a loader, for one key or several. Ended exactly once; if nobody does, by the last who holds
/// it.
class Job : public std::enable_shared_from_this<Job> {
 public:
  Job(const cascade::LoadRequest& request, Handler<std::vector<cascade::Loaded>> done, Reference loader)
      : request_(request), done_(std::make_shared<Done>(std::move(done))), loader_(std::move(loader)) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job();

  [[nodiscard]] const cascade::LoadRequest& request() const noexcept { return request_; }
  /// What Python gave for it: an object of terrace._loading.
  [[nodiscard]] PyObject* loader() const noexcept { return loader_.object(); }
  /// The load, for reads that the loader makes.
  [[nodiscard]] const RunningLoadPtr& load() const noexcept { return load_; }

  // Without the GIL. What comes after the first is dropped.
  void end(std::vector<cascade::Loaded> outcomes);
  void fail(const Error& error);
  /// Broken off through no fault of the keys: the error is for its own caller, and the loader of another caller
  /// takes over if there is one.
  void break_off(const Error& error);
  [[nodiscard]] bool ended();
  /// It has not ended, and another caller waits whose loader could take over.
  [[nodiscard]] bool others_wait();

  /// From now on a stop ends the job at once, and `cancel` is then called in the port's loop. For coroutines: a
  /// thread cannot be stopped.
  void end_when_stopped(std::shared_ptr<Port> port, Reference cancel);
  /// Until then a stop ends the job at once: it may wait for an event loop that never runs again.
  void end_when_stopped();
  /// A thread begins to run it, and cannot be stopped. False: it has ended.
  [[nodiscard]] bool begin();

 private:
  using Done = Handler<std::vector<cascade::Loaded>>;
  std::shared_ptr<Done> take();
  void end_all(const cascade::Loaded& outcome);

  // A copy: a coroutine may go on when its job has been broken off, and the load is gone.
  const cascade::LoadRequest request_;
  std::mutex mutex_;
  std::shared_ptr<Done> done_;  // null: ended
  const Reference loader_;
  const RunningLoadPtr load_ = LoadMark::load();
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};
using JobPtr = std::shared_ptr<Job>;

using Outcome = std::variant<std::vector<cascade::Answer>, std::vector<Result<void>>,
                             std::vector<Result<bool>>, Result<void>, Result<std::uint64_t>,
                             Result<Explanation>, WarmReport, Result<cascade::Current>, Result<bool>>;

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
  /// The same, and nobody takes the outcome. An exception in it may refer to frames that refer to this call.
  void drop();
  /// For the read whose outcome it is: requested when nobody waits any more.
  [[nodiscard]] std::stop_token caller() const noexcept { return caller_.get_token(); }

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
  const unsigned long process_ = process_number();
  std::stop_source caller_;
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
