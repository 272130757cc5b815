#pragma once
/// Hints: the keys of which a node may have missed a write; bounded. The repair reads the value that is then
/// to be written, so a hint is only a key, and several hints for a key are one. A key counts as missed until
/// its repair has succeeded; everything counts as missed until a comparison of everything has succeeded.
/// Thread safe.

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <mutex>
#include <string>
#include <terrace/hash.hpp>
#include <vector>

#include "base/assert.hpp"

namespace terrace::distribution {

class Hints {
 public:
  explicit Hints(std::size_t most) : most_(most) {}

  void add(const std::string& key) {
    std::lock_guard lock(mutex_);
    check();
    if (overflowed_) return;
    if (!later_.contains(key)) keys_.insert(key);
    bound();
  }

  /// Returns up to `most` keys, whose repair begins; end_repair() reports the result. One repair at a time.
  std::vector<std::string> begin_repair(std::size_t most) {
    std::lock_guard lock(mutex_);
    TERRACE_ASSERT(repairing_.empty());
    if (keys_.empty()) keys_.swap(later_);
    while (repairing_.size() < most && !keys_.empty()) {
      repairing_.insert(*keys_.begin());
      keys_.erase(keys_.begin());
    }
    return {repairing_.begin(), repairing_.end()};
  }
  /// Unfinished keys go behind all others.
  void end_repair(const std::vector<std::string>& unfinished) {
    std::lock_guard lock(mutex_);
    repairing_.clear();
    if (overflowed_) return;
    for (const auto& key : unfinished) {
      if (!keys_.contains(key)) later_.insert(key);
    }
    bound();
  }

  [[nodiscard]] bool contains(const std::string& key) const {
    std::lock_guard lock(mutex_);
    return overflowed_ || comparing_ || keys_.contains(key) || later_.contains(key) ||
           repairing_.contains(key);
  }
  [[nodiscard]] std::size_t size() const {
    std::lock_guard lock(mutex_);
    return keys_.size() + later_.size() + repairing_.size();
  }
  /// There are hints besides those put back.
  [[nodiscard]] bool has_fresh() const {
    std::lock_guard lock(mutex_);
    return !keys_.empty();
  }
  /// There were too many hints: only comparing everything helps.
  [[nodiscard]] bool overflowed() const {
    std::lock_guard lock(mutex_);
    return overflowed_ || comparing_;
  }
  /// A comparison of everything begins: writes missed from now on are remembered again.
  void begin_comparison() {
    std::lock_guard lock(mutex_);
    check();
    comparing_ = std::exchange(overflowed_, false);
  }
  void end_comparison(bool equal) {
    std::lock_guard lock(mutex_);
    if (std::exchange(comparing_, false) && !equal) forget_which();
  }

 private:
  void bound() {
    if (keys_.size() + later_.size() > most_) forget_which();
    check();
  }
  void check() const {
    TERRACE_ASSERT(keys_.size() + later_.size() <= most_);
    TERRACE_ASSERT(!overflowed_ || (keys_.empty() && later_.empty()));
  }
  void forget_which() {
    overflowed_ = true;
    keys_.clear();
    later_.clear();
  }

  const std::size_t most_;
  mutable std::mutex mutex_;
  boost::unordered_flat_set<std::string, KeyHash> keys_, later_, repairing_;
  bool overflowed_ = false;
  bool comparing_ = false;  // because the hints had overflowed
};

/// UnderWay: the keys of which a write was sent to a node that has not answered it. Other nodes may have
/// confirmed it, and the caller may have its answer, so this node should not be asked for the key. Thread
/// safe.
class UnderWay {
 public:
  void begin(const std::string& key) {
    std::lock_guard lock(mutex_);
    ++writes_[key];
    ++size_;
  }
  void end(const std::string& key) {
    std::lock_guard lock(mutex_);
    const auto found = writes_.find(key);
    TERRACE_ASSERT(found != writes_.end() && found->second > 0);
    TERRACE_ASSERT(size_ >= writes_.size());  // each key has one write at least
    if (--found->second == 0) writes_.erase(found);
    --size_;
  }
  [[nodiscard]] bool contains(const std::string& key) const {
    std::lock_guard lock(mutex_);
    return writes_.contains(key);
  }
  /// Number of writes, not of keys.
  [[nodiscard]] std::size_t size() const {
    std::lock_guard lock(mutex_);
    return size_;
  }

 private:
  mutable std::mutex mutex_;
  boost::unordered_flat_map<std::string, std::size_t, KeyHash> writes_;
  std::size_t size_ = 0;
};

}  // namespace terrace::distribution
