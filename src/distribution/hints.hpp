#pragma once
/// Hints: the keys of which a node may have missed a write, bounded. What is written there later is looked up
/// then, so a hint is a key alone, and hints of the same key are one. Thread safe.

#include <boost/unordered/unordered_flat_set.hpp>
#include <mutex>
#include <string>
#include <terrace/hash.hpp>
#include <vector>

namespace terrace::distribution {

class Hints {
 public:
  explicit Hints(std::size_t most) : most_(most) {}

  void add(const std::string& key) {
    std::lock_guard lock(mutex_);
    if (overflowed_) return;
    keys_.insert(key);
    if (keys_.size() <= most_) return;
    keys_.clear();
    overflowed_ = true;
  }

  /// Up to `most` keys, which are forgotten.
  std::vector<std::string> take(std::size_t most) {
    std::lock_guard lock(mutex_);
    std::vector<std::string> taken;
    while (taken.size() < most && !keys_.empty()) {
      taken.push_back(*keys_.begin());
      keys_.erase(keys_.begin());
    }
    return taken;
  }

  [[nodiscard]] bool contains(const std::string& key) const {
    std::lock_guard lock(mutex_);
    return overflowed_ || keys_.contains(key);
  }
  [[nodiscard]] std::size_t size() const {
    std::lock_guard lock(mutex_);
    return keys_.size();
  }
  /// There were more: only comparing everything helps.
  [[nodiscard]] bool overflowed() const {
    std::lock_guard lock(mutex_);
    return overflowed_;
  }
  /// A comparison of everything begins: what is missed from now on is remembered again. True: it was needed.
  bool begin_anew() {
    std::lock_guard lock(mutex_);
    return std::exchange(overflowed_, false);
  }
  void overflow() {
    std::lock_guard lock(mutex_);
    overflowed_ = true;
    keys_.clear();
  }

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  boost::unordered_flat_set<std::string, KeyHash> keys_;
  bool overflowed_ = false;
};

}  // namespace terrace::distribution
