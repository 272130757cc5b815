#pragma once
/// Outlet: where notices go, each with a bounded queue of its own, so that one that is slow holds up no
/// other. CallbackOutlet: a function of the program.

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
  /// Queues it; calls no foreign code. Notices leave in the order they came.
  virtual void send(const AlertNotice& notice) = 0;
  /// Drops what waits and breaks off what can be; does not block.
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
  Scheduler& scheduler_;  // outlives the last task
  const std::shared_ptr<Inside> inside_;
  mutable std::mutex mutex_;
  SinkStats stats_;
  std::deque<AlertNotice> queue_;
  bool running_ = false;  // a task is under way, which goes on while there is something
  bool closed_ = false;
};

}  // namespace terrace::upkeep
