#pragma once
/// DoneSet: the set of numbers that are done: all below the watermark, and closed ranges above it. Not thread
/// safe.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

#include "base/assert.hpp"

namespace terrace::journal {

class DoneSet {
 public:
  explicit DoneSet(std::uint64_t watermark = 0) : watermark_(watermark) {}

  void mark(std::uint64_t first, std::uint64_t last) {
    TERRACE_ASSERT(first <= last);
    auto after = ranges_.upper_bound(first);
    if (after != ranges_.begin() && std::prev(after)->second + 1 >= first) --after;
    while (after != ranges_.end() && after->first <= last + 1) {
      first = std::min(first, after->first);
      last = std::max(last, after->second);
      after = ranges_.erase(after);
    }
    if (first <= watermark_) {
      watermark_ = std::max(watermark_, last + 1);
    } else {
      ranges_.emplace(first, last);
    }
    TERRACE_ASSERT(ranges_.empty() || ranges_.begin()->first > watermark_);
  }

  [[nodiscard]] bool contains(std::uint64_t number) const {
    if (number < watermark_) return true;
    const auto after = ranges_.upper_bound(number);
    return after != ranges_.begin() && std::prev(after)->second >= number;
  }

  /// The lowest number that is not done.
  [[nodiscard]] std::uint64_t watermark() const noexcept { return watermark_; }

 private:
  std::uint64_t watermark_;
  std::map<std::uint64_t, std::uint64_t> ranges_;  // first → last; neither overlapping nor touching
};

}  // namespace terrace::journal
