#pragma once
/// Groups: the named sets of keys of define_group() and invalidate_group().

#include <boost/unordered/unordered_flat_map.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace terrace::cascade {

/// Thread safe.
class Groups {
 public:
  void define(std::string name, std::vector<std::string> keys) {
    std::lock_guard lock(mutex_);
    groups_.insert_or_assign(std::move(name), std::move(keys));
  }
  [[nodiscard]] std::optional<std::vector<std::string>> find(const std::string& name) const {
    std::lock_guard lock(mutex_);
    const auto found = groups_.find(name);
    return found == groups_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  mutable std::mutex mutex_;
  boost::unordered_flat_map<std::string, std::vector<std::string>> groups_;
};

}  // namespace terrace::cascade
