#pragma once
/// Fills: what is on its way into tiers after its readers were answered. Writes to a key wait for the fills
/// of that key, so that none can overtake them; flush() and clear() wait for all.

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

namespace terrace::cascade {

/// Thread safe. Tasks are called without a lock. Every fill ends, since every question to a tier does
/// (tier_calls.hpp).
class Fills {
 public:
  /// One fill of a key; without a key, the intent to begin some: from before a reader is answered until then.
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

  /// Runs the task when no fill of these keys is under way; at once when none is.
  void when_ended(const std::vector<std::string>& keys, Task then) {
    auto turn = std::make_shared<Turn>(std::move(then));
    std::lock_guard lock(mutex_);
    for (const auto& key : keys) {
      if (const auto found = keys_.find(key); found != keys_.end()) found->second.waiting.push_back(turn);
    }
  }

  /// Runs the task when everything begun before has ended; at once when it has.
  void when_all_ended(Task then) {
    auto turn = std::make_shared<Turn>(std::move(then));
    std::lock_guard lock(mutex_);
    if (!under_way_.empty()) waiting_.emplace(last_, turn);
  }

 private:
  /// Runs its task when nobody holds it any more, that is when the last fill it waits for lets go.
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
    under_way_.erase(ticket);
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
