#pragma once
/// LeaseWaiters: the flights that wait for another process to load their key. The watch wakes them when it
/// reports a change of the key.

#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <terrace/hash.hpp>
#include <vector>

namespace terrace::cascade {

/// Thread safe. wake() is called without a lock.
class LeaseWaiters {
 public:
  class Waiting {
   public:
    virtual ~Waiting() = default;
    virtual void wake() = 0;
  };

  void add(const std::string& key, std::weak_ptr<Waiting> waiting) {
    std::lock_guard lock(mutex_);
    waiting_[key].push_back(std::move(waiting));
  }

  /// Wakes every flight that waits for the key.
  void wake(std::string_view key) {
    std::vector<std::weak_ptr<Waiting>> woken;
    {
      std::lock_guard lock(mutex_);
      const auto found = waiting_.find(key);
      if (found == waiting_.end()) return;
      woken = found->second;
    }
    wake(woken);
  }

  void wake_all() {
    std::vector<std::weak_ptr<Waiting>> woken;
    {
      std::lock_guard lock(mutex_);
      for (const auto& [key, waiting] : waiting_) woken.insert(woken.end(), waiting.begin(), waiting.end());
    }
    wake(woken);
  }

  /// Drops the entries of flights that are gone.
  void tidy(std::string_view key) {
    std::lock_guard lock(mutex_);
    const auto found = waiting_.find(key);
    if (found == waiting_.end()) return;
    std::erase_if(found->second, [](const auto& waiting) { return waiting.expired(); });
    if (found->second.empty()) waiting_.erase(found);
  }

 private:
  static void wake(const std::vector<std::weak_ptr<Waiting>>& woken) {
    for (const auto& waiting : woken) {
      if (const auto alive = waiting.lock()) alive->wake();
    }
  }

  std::mutex mutex_;
  boost::unordered_flat_map<std::string, std::vector<std::weak_ptr<Waiting>>, KeyHash, std::equal_to<>>
      waiting_;
};

}  // namespace terrace::cascade
