#pragma once
/// Outlet: a receiver of notifications. Each has its own bounded queue, so that a slow one delays no other.
/// CallbackOutlet: a function of the program.

#include <deque>
#include <memory>
#include <mutex>
#include <terrace/monitor.hpp>

#include "upkeep/inside.hpp"

namespace terrace::upkeep {

/// Thread safe.
class Outlet {
 public:
  virtual ~Outlet() = default;
  /// Queues it; calls no user code. Notifications are sent in the order they came.
  virtual void send(const AlertNotice& notice) = 0;
  /// Drops waiting notifications and aborts requests if possible; does not block.
  virtual void close() = 0;
  [[nodiscard]] virtual SinkStats stats() const = 0;
};

/// The function runs on the scheduler's worker threads, one call at a time, inside `inside`.
class CallbackOutlet final : public Outlet, public std::enable_shared_from_this<CallbackOutlet> {
 public:
  CallbackOutlet(Monitor::Sink sink, std::string name, Scheduler& scheduler, std::shared_ptr<Inside> inside);

  void send(const AlertNotice& notice) override;
  void close() override;
  [[nodiscard]] SinkStats stats() const override;

  static constexpr std::size_t max_queue = 1000;

 private:
  void run_one();
  void tell(const AlertNotice& notice);
  void submit();

  const Monitor::Sink sink_;
  Scheduler& scheduler_;  // lives longer than the last task
  const std::shared_ptr<Inside> inside_;
  mutable std::mutex mutex_;
  SinkStats stats_;
  std::deque<AlertNotice> queue_;
  bool running_ = false;  // a task is under way; it continues while the queue is not empty
  bool closed_ = false;
};

}  // namespace terrace::upkeep
