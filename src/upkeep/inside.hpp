#pragma once
/// Inside: records which threads run user code (a rule's callback, a sink), so that close() can wait for
/// them. Thread safe.

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace terrace::upkeep {

class Inside {
 public:
  /// This thread is inside as long as this object lives.
  class Visit {
   public:
    explicit Visit(Inside& inside) : inside_(inside) {
      const std::lock_guard lock(inside_.mutex_);
      inside_.threads_.push_back(std::this_thread::get_id());
    }
    ~Visit() {
      const std::lock_guard lock(inside_.mutex_);
      inside_.threads_.erase(
          std::find(inside_.threads_.begin(), inside_.threads_.end(), std::this_thread::get_id()));
      inside_.left_.notify_all();
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    Inside& inside_;
  };

  /// Waits until no thread is inside. Returns at once for a thread that is inside, which would wait for
  /// itself, or for a thread that waits for it.
  void wait_until_empty() {
    std::unique_lock lock(mutex_);
    if (std::find(threads_.begin(), threads_.end(), std::this_thread::get_id()) != threads_.end()) return;
    left_.wait(lock, [this] { return threads_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable left_;
  std::vector<std::thread::id> threads_;
};

}  // namespace terrace::upkeep
