#pragma once
/// Driver: decides which thread runs the I/O context. It is always one thread at a time.
///
/// If another thread delivers the answer to a blocked caller, that costs two thread switches, which on
/// loopback is most of the time of a Redis GET. So there are two modes:
///  - threaded: the background thread runs the context; blocked callers sleep on their latches. Right for
///    many blocked callers (their requests share round trips) and for none (asynchronous use).
///  - solo: the background thread is parked, and the blocked caller runs the context itself until its latch
///    opens. Right for one blocked caller at a time.
///
/// After `solo_after` blocking calls in a row without a second blocked caller, the next call asks the
/// background thread to park, and takes over. The background thread comes back when a second caller blocks at
/// the same time, or when no thread has run the context for a whole `linger`. So in solo mode, between two
/// calls, an event may wait that long for its handler.
///
/// The thread that runs the context holds `baton_`.

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <mutex>
#include <terrace/scheduler.hpp>
#include <thread>

namespace terrace::runtime {

class Driver final : private Latch::Waker {
 public:
  Driver();
  ~Driver() { stop(); }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }

  /// When it returns, no handler runs any more; waiting handlers are destroyed with the context. Idempotent.
  void stop();

  /// Like Scheduler::wait.
  bool wait(Latch& latch, TimePoint deadline);

  [[nodiscard]] bool runs_here() const noexcept { return context_.get_executor().running_in_this_thread(); }

  static constexpr unsigned solo_after = 8;
  static constexpr std::chrono::milliseconds linger{1};

 private:
  enum class Mode { threaded, solo };

  void background();
  void park();
  void enter(bool alone);
  bool take_baton();
  void drive(Latch& latch, TimePoint deadline);
  void interrupt();
  void wake() noexcept override;

  mutable boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::mutex baton_;
  std::atomic<Mode> mode_{Mode::threaded};
  std::atomic<unsigned> blocked_{0};     // callers inside wait()
  std::atomic<unsigned> lone_calls_{0};  // calls of wait() in a row without a second blocked caller
  std::atomic<bool> company_{false};     // a second caller blocked in solo mode
  std::atomic<bool> driving_{false};     // a caller holds the baton
  std::atomic<bool> stopping_{false};
  std::mutex park_mutex_;
  std::condition_variable unpark_;
  std::thread thread_;
};

}  // namespace terrace::runtime
