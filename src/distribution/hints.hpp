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
    if (!later_.contains(key)) keys_.insert(key);
    bound();
  }
  /// Of a key that was taken and is not finished: it comes after all others.
  void put_back(const std::string& key) {
    std::lock_guard lock(mutex_);
    if (overflowed_) return;
    later_.insert(key);
    bound();
  }

  /// Up to `most` keys, which are forgotten.
  std::vector<std::string> take(std::size_t most) {
    std::lock_guard lock(mutex_);
    std::vector<std::string> taken;
    if (keys_.empty()) keys_.swap(later_);
    while (taken.size() < most && !keys_.empty()) {
      taken.push_back(*keys_.begin());
      keys_.erase(keys_.begin());
    }
    return taken;
  }

  [[nodiscard]] bool contains(const std::string& key) const {
    std::lock_guard lock(mutex_);
    return overflowed_ || keys_.contains(key) || later_.contains(key);
  }
  [[nodiscard]] std::size_t size() const {
    std::lock_guard lock(mutex_);
    return keys_.size() + later_.size();
  }
  /// There are some besides those put back.
  [[nodiscard]] bool has_fresh() const {
    std::lock_guard lock(mutex_);
    return !keys_.empty();
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
    forget_which();
  }

 private:
  void bound() {
    if (keys_.size() + later_.size() > most_) forget_which();
  }
  void forget_which() {
    overflowed_ = true;
    keys_.clear();
    later_.clear();
  }

  const std::size_t most_;
  mutable std::mutex mutex_;
  boost::unordered_flat_set<std::string, KeyHash> keys_, later_;
  bool overflowed_ = false;
};

}  // namespace terrace::distribution
