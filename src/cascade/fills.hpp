#pragma once
/// Fills: the fills of tiers that are under way after their readers were answered (coherence rule "Order of
/// fills and writes" of docs/reliability.md). A write to a key waits for the fills of that key, and a bulk
/// delete for the fills of its keys, so no fill can arrive after them; flush() waits for all fills.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <terrace/hash.hpp>
#include <terrace/scheduler.hpp>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "cascade/key_selection.hpp"

namespace terrace::cascade {

/// Thread safe. Tasks are called without a lock. Every fill ends, because every call of a tier does
/// (tier_calls.hpp).
class Fills {
 public:
  /// One fill of a key, while this object lives. Without a key: fills that may still begin, from before their
  /// reader is answered.
  class UnderWay {
   public:
    explicit UnderWay(std::shared_ptr<Fills> fills, std::string key = {})
        : fills_(std::move(fills)), key_(std::move(key)), ticket_(fills_->begin(key_)) {}
    ~UnderWay() {
      if (fills_ != nullptr) fills_->end(ticket_, key_);
    }
    UnderWay(UnderWay&&) noexcept = default;
    UnderWay& operator=(UnderWay&&) = delete;

   private:
    std::shared_ptr<Fills> fills_;
    std::string key_;
    std::uint64_t ticket_;
  };

  /// Runs the task when no fill of these keys is under way; at once if there is none.
  void when_ended(const std::vector<std::string>& keys, Task then) {
    auto turn = std::make_shared<Turn>(std::move(then));
    std::lock_guard lock(mutex_);
    for (const auto& key : keys) {
      if (const auto found = keys_.find(key); found != keys_.end()) found->second.waiting.push_back(turn);
    }
  }

  /// The same for the fills of all keys of the selection that are under way now.
  void when_selected_ended(const KeySelection& keys, Task then) {
    auto turn = std::make_shared<Turn>(std::move(then));
    std::lock_guard lock(mutex_);
    for (auto& [key, fills] : keys_) {
      if (keys.contains(key)) fills.waiting.push_back(turn);
    }
  }

  /// Runs the task when every fill that has begun before has ended; at once if all have.
  void when_all_ended(Task then) {
    auto turn = std::make_shared<Turn>(std::move(then));
    std::lock_guard lock(mutex_);
    if (!under_way_.empty()) waiting_.emplace(last_, turn);
  }

 private:
  /// A task that waits. Each fill it waits for holds it; its destructor runs the task, when the last of them
  /// has ended.
  struct Turn {
    explicit Turn(Task then) : task(std::move(then)) {}
    ~Turn() { task(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Task task;
  };
  using TurnPtr = std::shared_ptr<Turn>;
  struct OfKey {
    unsigned count = 0;
    std::vector<TurnPtr> waiting;
  };

  std::uint64_t begin(const std::string& key) {
    std::lock_guard lock(mutex_);
    if (!key.empty()) ++keys_[key].count;
    under_way_.insert(++last_);
    return last_;
  }

  void end(std::uint64_t ticket, const std::string& key) {
    std::vector<TurnPtr> released;  // destroyed, and so run, after the lock
    std::lock_guard lock(mutex_);
    const std::size_t ended = under_way_.erase(ticket);
    TERRACE_ASSERT(ended == 1);
    while (!waiting_.empty() && (under_way_.empty() || waiting_.begin()->first < *under_way_.begin())) {
      released.push_back(std::move(waiting_.extract(waiting_.begin()).mapped()));
    }
    if (const auto found = keys_.find(key); found != keys_.end() && --found->second.count == 0) {
      for (auto& turn : found->second.waiting) released.push_back(std::move(turn));
      keys_.erase(found);
    }
  }

  std::mutex mutex_;
  boost::unordered_flat_map<std::string, OfKey, KeyHash, std::equal_to<>> keys_;
  std::set<std::uint64_t> under_way_;
  std::multimap<std::uint64_t, TurnPtr> waiting_;  // by the last ticket each waits for
  std::uint64_t last_ = 0;
};

}  // namespace terrace::cascade
