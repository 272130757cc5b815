#pragma once
/// OwnNotices: decides which notices of a watch this process has probably caused itself. A state machine
/// without I/O.
///
/// A server reports every change with nothing but the key. Each change that this process sends to the tier is
/// kept here until as many notices of its key have come, or until it is proven that every change from before
/// its answer has been reported. So another process's notice may be taken for an own one, if the two cross,
/// or if the server makes one notice of both changes. For that reason an own notice also makes stamps of the
/// key void, and the entry in memory counts as not watched from then on.
///
/// The states of a key:
///
///     unknown ──sending──► expected, once or several times ──noticed, for the last time; proven; lost──► unknown

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
  /// There will be a watch, which reports each change at most this often. Without a watch nothing is kept.
  void begin(unsigned notices_of_a_change) {
    const std::lock_guard lock(mutex_);
    each_ = notices_of_a_change;
  }

  /// A change of the key is about to be sent. Also to be called before the watch is there: the notice may
  /// come first.
  void sending(const std::string& key) {
    const std::lock_guard lock(mutex_);
    if (each_ == 0) return;
    if (!watching_ && keys_.size() >= most_without_watch) keys_.clear();
    Expected& expected = keys_[key];
    expected.notices += each_;
    ++expected.unanswered;
  }

  /// The tier has answered the change. `changed`: it will be reported, or it may be.
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

  /// The watch has reported a change of the key. True: it is probably this process's own.
  bool noticed(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(key);
    if (found == keys_.end() || found->second.notices == 0) return false;
    if (--found->second.notices == 0 && found->second.unanswered == 0) keys_.erase(found);
    return true;
  }

  /// Every change from before this time has been reported.
  void proven(TimePoint until) {
    const std::lock_guard lock(mutex_);
    drop_before(until);
  }

  /// The watch is there. It may report changes that were answered a little earlier, so all are kept until the
  /// first proof.
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
