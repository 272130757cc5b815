#pragma once
/// LeaseWatcher: reports changes of the keys that hold leases as changes of leases.

#include <terrace/shared_tier.hpp>

#include "distribution/kept_lease.hpp"

namespace terrace::distribution {

class LeaseWatcher final : public Watcher {
 public:
  explicit LeaseWatcher(std::shared_ptr<Watcher> watcher) : watcher_(std::move(watcher)) {}

  /// The prefixes to watch at the nodes, for these keys and their leases.
  static std::vector<std::string> prefixes(const std::vector<std::string>& asked) {
    std::vector<std::string> all = asked;
    for (const auto& prefix : asked) {
      if (!prefix.empty()) all.push_back(std::string(lease_head) + prefix);
    }
    return all;
  }

  void watching(TimePoint since) override { watcher_->watching(since); }
  void changed(const std::vector<std::string>& keys) override {
    std::vector<std::string> changed;
    std::vector<std::string> leases;
    for (const auto& key : keys) {
      if (key.starts_with(lease_head)) {
        leases.push_back(key.substr(lease_head.size()));
      } else {
        changed.push_back(key);
      }
    }
    if (!changed.empty()) watcher_->changed(changed);
    if (!leases.empty()) watcher_->lease_changed(leases);
  }
  void changed_all() override { watcher_->changed_all(); }
  void lease_changed(const std::vector<std::string>& keys) override { watcher_->lease_changed(keys); }
  void proven(TimePoint until) override { watcher_->proven(until); }
  void lost() override { watcher_->lost(); }

 private:
  const std::shared_ptr<Watcher> watcher_;
};

}  // namespace terrace::distribution
