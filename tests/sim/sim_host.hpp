#pragma once
/// Events: everything that will happen in a simulated world, in the order of one virtual clock. SimHost: one
/// process of it, which is the Scheduler of its caches. One thread.

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <terrace/scheduler.hpp>

namespace terrace::sim {

class SimHost;

class Events {
 public:
  using Id = Scheduler::TimerId;

  [[nodiscard]] TimePoint now() const noexcept { return now_; }
  /// Runs the task at that time, or now if that is past; events of the same time run in the order of these
  /// calls. `host`: the process that it belongs to; null: the world itself.
  Id at(TimePoint when, SimHost* host, Task task);
  Id soon(Duration delay, SimHost* host, Task task) { return at(after(now(), delay), host, std::move(task)); }
  bool cancel(Id id);
  /// Runs the next event. False: there is none until `limit`, and the time is `limit` now.
  bool step(TimePoint limit);
  void run_until(TimePoint limit) {
    while (step(limit)) {
    }
  }
  /// Those that wait for this process.
  [[nodiscard]] std::size_t waiting(const SimHost* host) const;
  /// Destroys all events, and those that come from now on.
  void end();
  /// How many have run.
  [[nodiscard]] std::uint64_t ran() const noexcept { return ran_; }
  /// Depends on the order and the times of all that has run: equal for equal runs.
  [[nodiscard]] std::uint64_t fingerprint() const noexcept { return fingerprint_; }

 private:
  friend class SimHost;
  struct Event {
    SimHost* host;
    Task task;
  };

  std::atomic<TimePoint> now_{TimePoint(Duration(1'000'000'000'000))};  // memory's own thread reads it
  std::map<std::pair<TimePoint, Id>, Event> queue_;
  std::map<Id, TimePoint> due_;
  Id last_ = 0;
  std::uint64_t ran_ = 0;
  bool ended_ = false;
  std::uint64_t fingerprint_ = 0;
};

/// The clock of the world, and of a host whose wall clock may be wrong.
class SimClock final : public Clock {
 public:
  explicit SimClock(const Events& events) : events_(events) {}
  [[nodiscard]] TimePoint now() const noexcept override { return events_.now(); }
  [[nodiscard]] WallTime wall_now() const noexcept override;
  void skew(std::chrono::milliseconds by) noexcept { skew_ += by; }

 private:
  const Events& events_;
  std::chrono::milliseconds skew_{};
};

class SimHost final : public Scheduler {
 public:
  SimHost(Events& events, std::string name) : events_(events), clock_(events), name_(std::move(name)) {}

  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }
  void post(Task task) override { events_.at(events_.now(), this, std::move(task)); }
  void post_blocking(Task task) override { post(std::move(task)); }
  TimerId call_at(TimePoint when, Task task) override { return events_.at(when, this, std::move(task)); }
  bool cancel(TimerId timer) override;
  bool wait(Latch& latch, TimePoint deadline) override;
  [[nodiscard]] bool on_io_thread() const noexcept override { return running_; }

  /// Runs something as this process, now.
  void run(Task& task);
  void run(Task&& task) { run(task); }

  /// SIGSTOP: what happens to it waits. SIGCONT.
  void freeze() noexcept { frozen_ = true; }
  void thaw();
  [[nodiscard]] bool frozen() const noexcept { return frozen_; }
  [[nodiscard]] SimClock& sim_clock() noexcept { return clock_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  friend class Events;

  Events& events_;
  SimClock clock_;
  const std::string name_;
  bool running_ = false;
  bool frozen_ = false;
  std::map<TimerId, Task> missed_;  // while it is frozen
};

}  // namespace terrace::sim
