#pragma once
/// History: what callers of a cache have written and read, and which reads were wrong. Every key has a source
/// of truth, a number that each write raises before it goes to the cache (setting the number there, or
/// erasing the key). A read is wrong when it gives a number that was replaced before the read began: a write
/// had raised the source above it, had ended, and was not under way at the same time as the set of what was
/// read. Not thread safe.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace terrace::testing {

class History {
 public:
  using Time = std::uint64_t;

  /// Orders events; each call is a later one.
  Time tick() { return ++time_; }

  [[nodiscard]] std::uint64_t source(const std::string& key) const {
    const auto found = keys_.find(key);
    return found == keys_.end() ? 0 : found->second.size();
  }

  /// Raises the source. The number that the write carries.
  std::uint64_t begin_write(const std::string& key, bool set) {
    keys_[key].push_back({tick(), never, set});
    return keys_[key].size();
  }
  /// It returned, and with success: what failed promises nothing.
  void end_write(const std::string& key, std::uint64_t number) { keys_[key][number - 1].ended = tick(); }

  /// Whether a read that began then may give this number.
  [[nodiscard]] bool wrong(const std::string& key, std::uint64_t number, Time began) const {
    const auto& writes = keys_.at(key);
    if (number == 0 || number > writes.size()) return true;  // nobody has written it
    const Write& own = writes[number - 1];
    for (std::size_t later = number; later < writes.size(); ++later) {
      const bool overlapped = own.set && own.ended > writes[later].began;
      if (writes[later].ended < began && !overlapped) return true;
    }
    return false;
  }

 private:
  static constexpr Time never = UINT64_MAX;
  struct Write {
    Time began;
    Time ended;
    bool set;
  };
  Time time_ = 0;
  std::map<std::string, std::vector<Write>> keys_;
};

}  // namespace terrace::testing
