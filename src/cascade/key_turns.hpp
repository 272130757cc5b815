#pragma once
/// KeyTurns: in a cache without tiers, changes of one key come one after the other (atomic.cpp). No mutex is held during
/// a turn, because a change may destroy a value of the program, and its destructor may use the cache.

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <terrace/hash.hpp>
#include <thread>

namespace terrace::cascade {

/// Thread safe.
class KeyTurns {
 public:
  /// One change of the key, while this object lives. It waits for the changes of other threads. Inside a change of the
  /// same thread it begins at once. It also begins after a second: threads whose destructors change each other's keys
  /// must not wait for each other for ever.
  class Turn {
   public:
    Turn(KeyTurns& turns, std::string_view key) : turns_(turns), key_(key) {
      std::unique_lock lock(turns_.mutex_);
      turns_.ended_.wait_for(lock, std::chrono::seconds(1), [&] {
        const auto [at, begun] = turns_.keys_.emplace(key_, std::this_thread::get_id());
        held_ = begun;
        return begun || at->second == std::this_thread::get_id();
      });
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (!held_) return;
      {
        const std::lock_guard lock(turns_.mutex_);
        turns_.keys_.erase(key_);
      }
      turns_.ended_.notify_all();
    }

   private:
    KeyTurns& turns_;
    const std::string key_;
    bool held_ = false;
  };

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  boost::unordered_flat_map<std::string, std::thread::id, KeyHash, std::equal_to<>> keys_;
};

}  // namespace terrace::cascade
