#include "redis/watches.hpp"

#include <algorithm>
#include <utility>

namespace terrace::redis {

void cover(Prefixes& prefixes, const std::string& added) {
  for (const auto& prefix : prefixes) {
    if (added.starts_with(prefix)) return;
  }
  std::erase_if(prefixes, [&](const std::string& prefix) { return prefix.starts_with(added); });
  prefixes.insert(added);
}

Watch::Watch(std::string key_prefix, std::vector<std::string> prefixes, std::shared_ptr<Watcher> watcher)
    : stripped_(key_prefix.size()), prefixes_(std::move(prefixes)), watcher_(std::move(watcher)) {
  if (prefixes_.empty()) throw ConfigError("SharedTier::watch: no prefixes; \"\" watches every key");
  std::sort(prefixes_.begin(), prefixes_.end());
  for (std::size_t i = 1; i < prefixes_.size(); ++i) {
    if (prefixes_[i].starts_with(prefixes_[i - 1])) {
      throw ConfigError("SharedTier::watch: the prefix " + printable_key(prefixes_[i]) + " begins with " +
                        printable_key(prefixes_[i - 1]) + "; leave the longer one out");
    }
  }
  for (auto& prefix : prefixes_) prefix.insert(0, key_prefix);
}

void Watch::end() {
  ended_ = true;
  if (calling()) return;  // the call's own copy of the watcher lives until the call ends
  std::shared_ptr<Watcher> last;
  const std::lock_guard lock(calling_);
  last.swap(watcher_);
}

void Watch::cover_own(Prefixes& prefixes, Naming naming) const {
  for (const auto& prefix : prefixes_) {
    cover(prefixes, prefix);
    // In a cluster a tag is in between: it receives all leases.
    cover(prefixes, std::string(lease_head) + (naming == Naming::cluster ? "" : prefix));
  }
}

template <class Call>
void Watch::tell(Call call) {
  const std::lock_guard lock(calling_);
  if (ended_) return;
  caller_ = std::this_thread::get_id();
  call(*watcher_);
  caller_ = std::thread::id();
}

void Watch::watching(TimePoint since) {
  if (std::exchange(state_, State::watching) == State::watching) return;
  since_ = since;
  tell([&](Watcher& watcher) { watcher.watching(since); });
}

void Watch::lost() {
  if (std::exchange(state_, State::lost) == State::lost) return;
  tell([](Watcher& watcher) { watcher.lost(); });
}

void Watch::proven(TimePoint until) {
  if (!is_watching() || until < since_) return;
  tell([&](Watcher& watcher) { watcher.proven(until); });
}

bool Watch::watches(std::string_view full_key) const noexcept {
  return std::any_of(prefixes_.begin(), prefixes_.end(),
                     [&](const std::string& prefix) { return full_key.starts_with(prefix); });
}

void Watch::changed(const std::vector<std::string>& keys, Naming naming) {
  if (!is_watching()) return;
  std::vector<std::string> values, leases;
  for (std::string_view key : keys) {
    const auto leased = key_of(key, lease_head, naming);
    if (leased) {
      key = *leased;
    } else if (is_reserved(key)) {
      continue;
    }
    if (watches(key)) (leased ? leases : values).emplace_back(key.substr(stripped_));
  }
  if (!values.empty()) tell([&](Watcher& watcher) { watcher.changed(values); });
  if (!leases.empty()) tell([&](Watcher& watcher) { watcher.lease_changed(leases); });
}

void Watch::changed_all() {
  if (!is_watching()) return;
  tell([](Watcher& watcher) { watcher.changed_all(); });
}

}  // namespace terrace::redis
