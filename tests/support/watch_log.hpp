#pragma once
/// WatchLog: a watcher that writes down what it is told, for tests. Thread safe.

#include <algorithm>
#include <mutex>
#include <string>
#include <terrace/shared_tier.hpp>
#include <vector>

#include "support/child_process.hpp"

namespace terrace::testing {

class WatchLog : public Watcher {
 public:
  struct Event {
    std::string what;  // "watching", "changed k", "changed_all", "lease_changed k", "proven", "lost"
    TimePoint told;
    TimePoint time{};  // of watching and proven
  };

  void watching(TimePoint since) override { add("watching", since); }
  void changed(const std::vector<std::string>& keys) override {
    for (const auto& key : keys) add("changed " + key);
  }
  void changed_all() override { add("changed_all"); }
  void lease_changed(const std::vector<std::string>& keys) override {
    for (const auto& key : keys) add("lease_changed " + key);
  }
  void proven(TimePoint until) override { add("proven", until); }
  void lost() override { add("lost"); }

  [[nodiscard]] std::vector<Event> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  [[nodiscard]] std::size_t count(const std::string& what) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(events_.begin(), events_.end(), [&](const Event& e) { return e.what == what; }));
  }
  [[nodiscard]] bool told(const std::string& what) const { return count(what) > 0; }
  [[nodiscard]] bool comes(const std::string& what, std::size_t times = 1) const {
    return eventually([&] { return count(what) >= times; });
  }
  /// Everything but proofs, joined.
  [[nodiscard]] std::string story() const {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& event : events_) {
      if (event.what != "proven") text += event.what + "; ";
    }
    return text;
  }
  /// The latest time proven, or the beginning of time.
  [[nodiscard]] TimePoint proven_until() const {
    const std::lock_guard lock(mutex_);
    TimePoint latest{};
    for (const auto& event : events_) {
      if (event.what == "proven") latest = std::max(latest, event.time);
    }
    return latest;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    events_.clear();
  }

 private:
  void add(std::string what, TimePoint time = {}) {
    const std::lock_guard lock(mutex_);
    events_.push_back({std::move(what), system_clock().now(), time});
  }

  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace terrace::testing
