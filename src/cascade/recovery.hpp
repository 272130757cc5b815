#pragma once
/// Recovery: which changes a tier has missed, and when to try again. A state machine without I/O.
///
/// A change a tier did not take, be it a write or an invalidation, is made good by erasing the key there: an
/// erase can never put an old value over another process's newer one, as a late write could. Until then the
/// tier is not trusted with that key. Beyond a bound single keys are not kept: the tier is then trusted with
/// none, until all of the cache's keys were erased there.

#include <algorithm>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/hash.hpp>
#include <vector>

#include "base/backoff.hpp"

namespace terrace::cascade {

/// Thread safe.
class Recovery {
 public:
  /// What to erase now; no keys: everything.
  struct Batch {
    std::vector<std::string> keys;
    std::vector<std::uint64_t> tickets;  ///< of the keys, or one for everything
    [[nodiscard]] bool everything() const noexcept { return keys.empty(); }
  };

  static constexpr std::size_t max_keys = 100'000;
  static constexpr std::size_t max_batch = 1000;

  explicit Recovery(std::uint64_t seed)
      : backoff_(std::chrono::milliseconds(50), std::chrono::seconds(2), seed) {}

  /// Orders changes: taken when one begins.
  std::uint64_t ticket() noexcept { return ++last_ticket_; }

  /// The change of the key that took this ticket did not arrive. True: a timer must be set for retry_at().
  bool missed(const std::string& key, std::uint64_t ticket, TimePoint now) {
    std::lock_guard lock(mutex_);
    if (all_ == 0 && keys_.size() >= max_keys && !keys_.contains(key)) {
      all_ = ++last_ticket_;
      keys_.clear();
    }
    if (all_ != 0) {
      all_ = std::max(all_, ticket);
    } else {
      auto& pending = keys_[key];
      pending = std::max(pending, ticket);
    }
    return begin(now);
  }
  bool missed_all(std::uint64_t ticket, TimePoint now) {
    std::lock_guard lock(mutex_);
    all_ = std::max(all_, ticket);
    keys_.clear();
    return begin(now);
  }

  /// A change of the key arrived: what was missed before it no longer matters.
  void arrived(const std::string& key, std::uint64_t ticket) {
    if (!pending_.load()) return;
    std::lock_guard lock(mutex_);
    drop_missed(key, ticket);
    pending_ = all_ != 0 || !keys_.empty();
  }

  [[nodiscard]] bool trusts(const std::string& key) const {
    if (!pending_.load()) [[likely]]
      return true;
    std::lock_guard lock(mutex_);
    return all_ == 0 && !keys_.contains(key);
  }

  /// What is to be done when the timer has come; nothing: all is well.
  [[nodiscard]] std::optional<Batch> next() {
    std::lock_guard lock(mutex_);
    if (all_ != 0) return Batch{{}, {all_}};
    Batch batch;
    for (const auto& [key, ticket] : keys_) {
      if (batch.keys.size() == max_batch) break;
      batch.keys.push_back(key);
      batch.tickets.push_back(ticket);
    }
    running_ = !batch.keys.empty();
    return running_ ? std::optional(std::move(batch)) : std::nullopt;
  }

  /// The outcomes of a batch's keys, one for everything. True: set the timer again.
  bool tried(const Batch& batch, const std::vector<bool>& arrived, TimePoint now) {
    std::lock_guard lock(mutex_);
    if (batch.everything() && arrived.front() && all_ == batch.tickets.front()) all_ = 0;
    for (std::size_t i = 0; i < batch.keys.size(); ++i) {
      if (arrived[i]) drop_missed(batch.keys[i], batch.tickets[i]);
    }
    const bool progress = std::find(arrived.begin(), arrived.end(), true) != arrived.end();
    if (progress) backoff_.reset();
    pending_ = running_ = all_ != 0 || !keys_.empty();
    if (running_) retry_at_ = progress ? now : after(now, backoff_.next());
    return running_;
  }

  [[nodiscard]] TimePoint retry_at() const {
    std::lock_guard lock(mutex_);
    return retry_at_;
  }
  /// Keys to recover; UINT64_MAX: all.
  [[nodiscard]] std::uint64_t pending() const {
    std::lock_guard lock(mutex_);
    return all_ != 0 ? UINT64_MAX : keys_.size();
  }

 private:
  bool begin(TimePoint now) {
    pending_ = true;
    if (running_) return false;
    running_ = true;
    backoff_.reset();
    retry_at_ = after(now, backoff_.next());
    return true;
  }

  void drop_missed(const std::string& key, std::uint64_t ticket) {
    const auto found = keys_.find(key);
    if (found != keys_.end() && found->second <= ticket) keys_.erase(found);
  }

  mutable std::mutex mutex_;
  std::atomic<std::uint64_t> last_ticket_{0};
  std::atomic<bool> pending_{false};
  boost::unordered_flat_map<std::string, std::uint64_t, KeyHash, std::equal_to<>> keys_;
  std::uint64_t all_ = 0;  // not 0: everything, and its ticket
  bool running_ = false;   // a timer or a batch is out
  TimePoint retry_at_{};
  Backoff backoff_;
};

}  // namespace terrace::cascade
