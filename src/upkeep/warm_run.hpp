#pragma once
/// WarmRun: one run of a warmer, from the first key to the report.

#include <atomic>
#include <deque>
#include <mutex>
#include <terrace/detail/load_mark.hpp>
#include <terrace/warmer.hpp>

#include "base/backoff.hpp"

namespace terrace::upkeep {

/// Operations under way keep it alive. Thread safe.
class WarmRun : public std::enable_shared_from_this<WarmRun> {
 public:
  WarmRun(CacheHandle cache, std::vector<WarmTask> tasks, WarmerOptions options, std::stop_token stop,
          Handler<WarmReport> done);

  void start();

 private:
  /// A key that was begun.
  struct Work {
    std::size_t task;
    TimePoint deadline;
    unsigned attempts = 0;
    std::optional<Backoff> backoff = {};
    Scheduler::TimerId wakes = 0;  ///< of its next attempt, while it sleeps
  };
  using WorkPtr = std::shared_ptr<Work>;

  /// Begins keys as far as the limits allow. Called at the start and whenever a key has ended.
  void pump();
  /// The next key to begin; null: none. Ends the run if nothing is left.
  WorkPtr take();
  [[nodiscard]] std::size_t limit() const;
  void begin(const WorkPtr& work);
  void answered(const WorkPtr& work, cascade::Answer answer);
  /// True: the key will be tried again.
  bool retry(const WorkPtr& work, const Error& error);
  /// Ends the wait for the next attempt of one key; null: of all.
  void wake(const WorkPtr& one);
  void ended(const WorkPtr& work, std::uint64_t WarmProgress::*as, const Error* error);
  void tell(bool last);
  void finish();
  [[nodiscard]] TimePoint now() const noexcept { return cache_.scheduler().clock().now(); }

  const CacheHandle cache_;
  const std::vector<WarmTask> tasks_;
  const WarmerOptions options_;
  const std::stop_token stop_;
  const TimePoint began_;
  const RunningLoadPtr inside_ = LoadMark::load();  // the loader that waits for it: then it takes no turns
  /// Loader calls of this run that are under way; a call may continue after its key has ended.
  const std::shared_ptr<std::atomic<std::size_t>> loading_ = std::make_shared<std::atomic<std::size_t>>(0);

  std::mutex mutex_;
  std::size_t next_ = 0;           // the first task not begun
  std::deque<WorkPtr> again_;      // keys whose time for another attempt has come
  std::size_t under_way_ = 0;      // reads begun and not answered
  std::vector<WorkPtr> sleeping_;  // waiting for their next attempt
  bool pumping_ = false;           // a thread is in pump(), and will look again
  bool look_again_ = false;
  bool finishing_ = false;
  WarmReport report_;
  Handler<WarmReport> done_;

  std::mutex telling_;  // one thread at a time reports progress
  bool deaf_ = false;   // its callback threw, or everything was reported
  TimePoint told_;

  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace terrace::upkeep
