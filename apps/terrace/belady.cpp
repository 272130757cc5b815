#include "belady.hpp"

#include <algorithm>
#include <limits>

namespace terrace::cli {
namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

/// The cache as the set of the next uses of its entries.
class Set {
 public:
  Set(std::uint64_t entries, std::size_t accesses) : capacity_(entries), holds_(accesses) {}

  /// Whether the access at this time is a hit. Makes room for its key if it is none.
  bool use(std::uint64_t now) {
    const bool hit = holds_[now];
    if (!hit) make_room();
    return hit;
  }

  /// The key of the access `now` stays, or comes in.
  void keep_until(std::uint64_t next, std::uint64_t now) {
    if (next == never) {
      ++without_use_;
      return;
    }
    holds_[next] = true;
    ahead_.push_back(next);
    std::push_heap(ahead_.begin(), ahead_.end());
    if (ahead_.size() > 2 * size_ + 1024) drop_past(now);
  }

 private:
  void make_room() {
    if (size_ < capacity_) {
      ++size_;
    } else if (without_use_ > 0) {
      --without_use_;
    } else {
      std::pop_heap(ahead_.begin(), ahead_.end());
      holds_[ahead_.back()] = false;
      ahead_.pop_back();
    }
  }

  void drop_past(std::uint64_t now) {
    std::erase_if(ahead_, [now](std::uint64_t use) { return use <= now; });
    std::make_heap(ahead_.begin(), ahead_.end());
  }

  const std::uint64_t capacity_;
  std::uint64_t size_ = 0;
  std::uint64_t without_use_ = 0;
  std::vector<bool> holds_;           ///< for each time, whether the entry that is used then is in
  std::vector<std::uint64_t> ahead_;  ///< a heap of the next uses, and of uses that are past
};

}  // namespace

void Belady::access(std::uint64_t key) {
  const std::uint64_t now = next_use_.size();
  const auto [last, is_new] = last_use_.try_emplace(key, now);
  if (!is_new) {
    next_use_[last->second] = now;
    last->second = now;
  }
  next_use_.push_back(never);
}

std::uint64_t Belady::hits(std::uint64_t entries) const {
  Set set(entries, next_use_.size());
  std::uint64_t hits = 0;
  for (std::uint64_t now = 0; now < next_use_.size(); ++now) {
    if (set.use(now)) ++hits;
    set.keep_until(next_use_[now], now);
  }
  return hits;
}

}  // namespace terrace::cli
