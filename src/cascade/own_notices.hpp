#pragma once
/// OwnNotices: which of a watch's notices this process has probably caused itself. A state machine without
/// I/O.
///
/// A server tells every change, with the key alone. Each change that this process sends to the tier is noted
/// until as many notices of its key have come, or until everything from before its answer is proven told. So
/// another process's notice may be taken for an own one, when the two cross or the server makes one notice
/// of both; for that reason an own notice voids what is under way, too, and leaves nothing watched.

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <mutex>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>
#include <terrace/hash.hpp>

namespace terrace::cascade {

/// Thread safe.
class OwnNotices {
 public:
  /// There will be a watch, which tells a change so often, at most. Without one nothing is noted.
  void begin(unsigned notices_of_a_change) {
    const std::lock_guard lock(mutex_);
    each_ = notices_of_a_change;
  }

  /// A change of the key is about to be sent. Also before the watch is there: it may come first.
  void sending(const std::string& key) {
    const std::lock_guard lock(mutex_);
    if (each_ == 0) return;
    if (!watching_ && keys_.size() >= most_without_watch) keys_.clear();
    Expected& expected = keys_[key];
    expected.notices += each_;
    ++expected.unanswered;
  }

  /// The tier has answered it; `changed`: there is something to tell, or there may be.
  void answered(std::string_view key, bool changed, TimePoint now) {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(key);
    if (found == keys_.end()) return;
    Expected& expected = found->second;
    expected.unanswered -= std::min(expected.unanswered, 1U);
    expected.answered = now;
    if (!changed) expected.notices -= std::min(expected.notices, each_);
    if (expected.notices == 0 && expected.unanswered == 0) keys_.erase(found);
  }

  /// The watch has told a change of the key; true: it is probably this process's own.
  bool noticed(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(key);
    if (found == keys_.end() || found->second.notices == 0) return false;
    if (--found->second.notices == 0 && found->second.unanswered == 0) keys_.erase(found);
    return true;
  }

  /// Everything from before this time has been told.
  void proven(TimePoint until) {
    const std::lock_guard lock(mutex_);
    drop_before(until);
  }

  /// The watch is there. It may tell changes that were answered a little earlier, so all are kept until
  /// something is proven.
  void watching() {
    const std::lock_guard lock(mutex_);
    watching_ = true;
  }

  /// The watch is broken.
  void lost() {
    const std::lock_guard lock(mutex_);
    watching_ = false;
    drop_before(no_deadline);
  }

 private:
  static constexpr std::size_t most_without_watch = 1000;

  void drop_before(TimePoint time) {
    boost::unordered::erase_if(keys_, [time](const auto& each) {
      return each.second.unanswered == 0 && each.second.answered < time;
    });
  }

  struct Expected {
    unsigned notices = 0;
    unsigned unanswered = 0;  ///< changes
    TimePoint answered = {};  ///< the latest
  };

  std::mutex mutex_;
  unsigned each_ = 0;
  bool watching_ = false;
  boost::unordered_flat_map<std::string, Expected, KeyHash, std::equal_to<>> keys_;
};

}  // namespace terrace::cascade
