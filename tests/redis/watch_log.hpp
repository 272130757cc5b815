#pragma once
/// A watcher that writes down what it is told, for tests.

#include <algorithm>
#include <mutex>
#include <terrace/shared_tier.hpp>

#include "redis/redis_test.hpp"

namespace terrace::redis {

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

/// Blocking calls on the leases of a tier.
inline LeaseToken token(char c) {
  LeaseToken name;
  name.fill(c);
  return name;
}
inline Result<LeaseReply> acquire(Tier& tier, std::string_view key, char name, Duration time = 10s,
                                  BytesView stale = {}, Duration limit = 5s) {
  return await<Result<LeaseReply>>(
      [&](auto done) { tier.shared()->acquire(key, token(name), time, stale, in(limit), std::move(done)); });
}
inline Result<bool> fill(Tier& tier, std::string_view key, char name, BytesView value, Duration limit = 5s) {
  return await<Result<bool>>(
      [&](auto done) { tier.shared()->fill(key, token(name), value, {}, in(limit), std::move(done)); });
}
inline Result<void> release(Tier& tier, std::string_view key, char name) {
  return await<Result<void>>(
      [&](auto done) { tier.shared()->release(key, token(name), in(5s), std::move(done)); });
}

/// A watch over these prefixes that is up.
inline std::shared_ptr<void> start_watch(Tier& tier, const std::shared_ptr<WatchLog>& log,
                                         std::vector<std::string> prefixes = {""}) {
  auto watch = tier.shared()->watch(std::move(prefixes), log);
  EXPECT_TRUE(log->comes("watching")) << redis_status(tier)->last_watch_error;
  return watch;
}

}  // namespace terrace::redis
