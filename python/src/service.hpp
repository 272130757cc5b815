#pragma once
/// Service: work for Python threads that are nobody's caller: loads to run in the background, calls of receivers
/// of notices, lines for the log. Threads of terrace._service take it, and run it themselves: no thread hands work
/// to others, so none that is held up by user code (a finalizer that the garbage collector runs on it) holds up
/// all work.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "call.hpp"

namespace terrace::python {

struct LogLine {
  int level;  ///< of Python's logging
  std::string text;
};

/// A Python callable and the text to call it with.
struct Notice {
  Reference receiver;
  std::string text;
};

/// Time to look after the loads of event loops that have stopped.
struct LookAround {};

/// Thread safe.
class Service {
 public:
  using Item = std::variant<JobPtr, LogLine, Notice, LookAround>;

  /// So many threads always wait. While one starts another (and may be held up by a finalizer) there is one more;
  /// the garbage collector runs on one thread at a time.
  static constexpr std::size_t spare = 2;

  static Service& common();

  /// Without the GIL or with it. After stop() it is dropped: a load then fails.
  void push(Item item);
  void stop();
  /// Waits until no thread runs anything, at most so long. Without the GIL.
  void rest(std::chrono::duration<double> most);

  /// A loader of an event loop: while there are such, a thread looks around every half second.
  void look_after(const JobPtr& job);
  [[nodiscard]] std::vector<JobPtr> looked_after();

  /// True: fewer threads than `spare` wait or are being started, and the caller is to start one, or to say
  /// that it could not.
  [[nodiscard]] bool wants_thread();
  void not_started();

  /// In the child of a fork: as new.
  static void reset_after_fork();

 private:
  friend class Worker;
  // Loads have a bound of each cache (max_concurrent_loads). The others have one here; lines keep their order.
  static constexpr std::size_t most_notices = 8;
  using Steady = std::chrono::steady_clock;

  [[nodiscard]] bool has_work() const;
  Item next();
  void forget_ended();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable rests_;
  std::deque<JobPtr> jobs_;
  std::deque<Notice> notices_;
  std::deque<LogLine> lines_;
  std::size_t notices_running_ = 0;
  bool line_running_ = false;
  std::size_t waiting_ = 0;
  std::size_t starting_ = 0;
  std::size_t busy_ = 0;
  std::vector<std::weak_ptr<Job>> looked_after_;
  std::size_t forget_at_ = 0;
  Steady::time_point looked_;
  bool stopped_ = false;
};

/// One thread of the service, which alone uses it.
class Worker {
 public:
  /// The thread has started.
  Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// The next item, when the last one has been run. Waits without the GIL. Nothing: the thread is to end, because
  /// there was no work for so many seconds and enough other threads wait, or because of stop().
  [[nodiscard]] std::optional<Service::Item> take(double idle);
  /// True: no other thread waits for work.
  [[nodiscard]] bool alone() const;

 private:
  void finished();

  Service& service_;
  std::size_t running_ = std::variant_npos;  // Item::index() of what it runs
};

/// What the core writes to its log goes to the service as well.
void send_log_to_service();

}  // namespace terrace::python
