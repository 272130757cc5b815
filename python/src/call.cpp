#include "call.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <system_error>

#include "interpreter.hpp"
#include "service.hpp"

namespace terrace::python {
namespace {

/// How often the main thread looks whether Ctrl-C was pressed.
constexpr Duration signal_interval = std::chrono::milliseconds(50);

}  // namespace

Job::~Job() {
  break_off(Error(Errc::loader_failed,
                  "the loader was not run: its event loop was closed, or the program is ending"));
}

std::shared_ptr<Job::Done> Job::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(done_, nullptr);
}

void Job::end(std::vector<cascade::Loaded> outcomes) {
  if (const auto done = take()) (*done)(std::move(outcomes));
}

void Job::end_all(const cascade::Loaded& outcome) {
  if (const auto done = take()) (*done)(std::vector<cascade::Loaded>(request_.keys.size(), outcome));
}

void Job::fail(const Error& error) {
  end_all({.value = error});
}

void Job::break_off(const Error& error) {
  end_all({.value = error, .only_own = true});
}

bool Job::ended() {
  std::lock_guard lock(mutex_);
  return done_ == nullptr;
}

bool Job::others_wait() {
  std::shared_ptr<Done> held;
  {
    std::lock_guard lock(mutex_);
    held = done_;
  }
  return held != nullptr && request_.others_wait();
}

void Job::end_when_stopped() {
  on_stop_.emplace(request_.stop, [weak = weak_from_this()] {
    if (const auto self = weak.lock())
      self->break_off(Error(Errc::loader_failed,
                            "the loader was not run: nobody waited for it any more, or its time was over"));
  });
}

bool Job::begin() {
  on_stop_.reset();
  return !ended();
}

void Job::end_when_stopped(std::shared_ptr<Port> port, Reference cancel) {
  on_stop_.emplace(
      request_.stop, [weak = weak_from_this(), port = std::move(port), cancel = std::move(cancel)] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->break_off(Error(Errc::loader_failed,
                              "the loader was stopped: nobody waited for it any more, or its time was over"));
        port->post(cancel);
      });
}

void Call::end(Outcome outcome) {
  std::unique_lock lock(mutex_);
  if (left_) outcome = Outcome();  // nobody takes it: see drop()
  outcome_ = std::move(outcome);
  tell(lock);
}

bool Call::offer(JobPtr job) {
  std::unique_lock lock(mutex_);
  if (left_ || outcome_) return false;
  jobs_.push_back(std::move(job));
  tell(lock);
  return true;
}

void Call::tell(std::unique_lock<std::mutex>& lock) {
  const auto latch = latch_;
  // At the end they are given away: an event loop that was closed never comes to leave the call.
  const auto port = outcome_ ? std::exchange(port_, nullptr) : port_;
  Reference attend = outcome_ ? std::exchange(attend_, {}) : attend_;
  lock.unlock();
  if (latch) latch->open();
  if (port) port->post(std::move(attend));
}

JobPtr Call::next() {
  if (jobs_.empty()) return nullptr;
  JobPtr job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

JobPtr Call::wait() {
  for (;;) {
    std::shared_ptr<Latch> latch;
    {
      std::lock_guard lock(mutex_);
      if (JobPtr job = next()) return job;
      if (outcome_) return nullptr;
      latch_ = latch = std::make_shared<Latch>();
    }
    if (exiting()) {
      PyErr_SetString(PyExc_RuntimeError, "the interpreter is ending: nothing can be waited for");
      return nullptr;
    }
    const bool looks = on_main_thread();
    without_gil([&] {
      return scheduler_->wait(*latch,
                              looks ? after(scheduler_->clock().now(), signal_interval) : no_deadline);
    });
    if (looks && PyErr_CheckSignals() != 0) {
      abandon();
      return nullptr;
    }
  }
}

JobPtr Call::poll() {
  std::lock_guard lock(mutex_);
  return next();
}

bool Call::ended() const {
  std::lock_guard lock(mutex_);
  return outcome_.has_value();
}

Outcome Call::take() {
  std::lock_guard lock(mutex_);
  return std::move(*outcome_);
}

void Call::attend_by(std::shared_ptr<Port> port, Reference attend) {
  std::unique_lock lock(mutex_);
  port_ = std::move(port);
  attend_ = std::move(attend);
  if (!jobs_.empty() || outcome_) tell(lock);
}

void Call::abandon() {
  std::deque<JobPtr> jobs;
  Reference attend;
  bool reading = false;
  {
    std::lock_guard lock(mutex_);
    left_ = true;
    jobs = std::move(jobs_);
    port_ = nullptr;
    attend = std::move(attend_);
    reading = !outcome_ && process_ == process_number() && !exiting();
  }
  for (JobPtr& job : jobs) Service::common().push(std::move(job));
  if (reading) without_gil([this] { return caller_.request_stop(), true; });
}

void Call::drop() {
  abandon();
  std::optional<Outcome> dropped;
  std::lock_guard lock(mutex_);
  if (outcome_) dropped = std::exchange(outcome_, Outcome());
}

Port::Port() : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Port::~Port() {
  close(descriptor_);
}

void Port::post(Reference attend) {
  std::lock_guard lock(mutex_);
  posted_.push_back(std::move(attend));
  if (posted_.size() == 1) eventfd_write(descriptor_, 1);
}

std::vector<Reference> Port::drain() {
  std::lock_guard lock(mutex_);
  eventfd_t count = 0;
  eventfd_read(descriptor_, &count);
  return std::exchange(posted_, {});
}

}  // namespace terrace::python
