#pragma once
/// FillTurns: how many fills of a shared tier are under way at a time. The fills of a bulk load would otherwise
/// all begin at once, and their time limit would end before the tier has come to the last of them.

#include <deque>
#include <mutex>
#include <terrace/scheduler.hpp>
#include <utility>
#include <vector>

namespace terrace::cascade {

/// Thread safe. Tasks are called without a lock, in the order of their begin().
class FillTurns {
 public:
  static constexpr std::size_t most_fills = 1000;
  static constexpr std::size_t most_bytes = 1 << 20;

  /// Runs the task, now or when there is room. Its end must be reported.
  void begin(std::size_t bytes, Task task) {
    {
      const std::lock_guard lock(mutex_);
      if (!waiting_.empty() || !has_room(bytes)) {
        waiting_.emplace_back(bytes, std::move(task));
        return;
      }
      take(bytes);
    }
    task();
  }

  void end(std::size_t bytes) {
    std::vector<Task> ready;
    {
      const std::lock_guard lock(mutex_);
      --fills_;
      bytes_ -= bytes;
      while (!waiting_.empty() && has_room(waiting_.front().first)) {
        take(waiting_.front().first);
        ready.push_back(std::move(waiting_.front().second));
        waiting_.pop_front();
      }
    }
    for (Task& task : ready) task();
  }

 private:
  [[nodiscard]] bool has_room(std::size_t bytes) const {
    return fills_ == 0 || (fills_ < most_fills && bytes_ + bytes <= most_bytes);
  }
  void take(std::size_t bytes) {
    ++fills_;
    bytes_ += bytes;
  }

  std::mutex mutex_;
  std::size_t fills_ = 0;
  std::size_t bytes_ = 0;
  std::deque<std::pair<std::size_t, Task>> waiting_;
};

}  // namespace terrace::cascade
