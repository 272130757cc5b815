#pragma once
/// LoadCheck: one load of a key at a time among all processes, as leases promise while there is no fault.
///
/// A second load may begin beside a first one in two cases: the key was changed after the first had got its lease, so
/// what that loads counts for nobody who comes later; or the first has lasted for the patience of those who
/// wait, which is `lease_time` at least. The lease is up to `lookup_time` older than its load.

#include <algorithm>
#include <map>
#include <string>
#include <terrace/clock.hpp>
#include <vector>

namespace terrace::sim {

class LoadCheck {
 public:
  LoadCheck(Duration lease_time, Duration lookup_time) : lease_time_(lease_time), lookup_time_(lookup_time) {}

  /// A change of the key begins, or ends.
  void changes(const std::string& key, TimePoint now) { keys_[key].last_change = now; }

  /// Names the load. `excused`: a fault is at work, or was a moment ago.
  std::size_t begins(const std::string& key, unsigned process, TimePoint now, bool excused = false) {
    Key& at = keys_[key];
    for (const Load& other : at.running) {
      const bool changed = at.last_change >= other.began - lookup_time_;
      if (excused || changed || now - other.began >= lease_time_ || !why_.empty()) continue;
      why_ = "process " + std::to_string(process) + " loads " + key + " while process " +
             std::to_string(other.process) + " does";
    }
    at.running.push_back({++last_, process, now});
    return last_;
  }
  void ends(const std::string& key, std::size_t load) {
    std::erase_if(keys_[key].running, [load](const Load& one) { return one.number == load; });
  }

  /// Empty: it was kept.
  [[nodiscard]] const std::string& verdict() const noexcept { return why_; }

 private:
  struct Load {
    std::size_t number;
    unsigned process;
    TimePoint began;
  };
  struct Key {
    TimePoint last_change = TimePoint::min();
    std::vector<Load> running;
  };

  const Duration lease_time_;
  const Duration lookup_time_;
  std::map<std::string, Key> keys_;
  std::size_t last_ = 0;
  std::string why_;
};

}  // namespace terrace::sim
