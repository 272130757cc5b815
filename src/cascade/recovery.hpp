#pragma once
/// Recovery: the changes that a tier has missed, and when to try again (coherence rule "Recovery" of
/// docs/reliability.md). A state machine without I/O.
///
/// If a tier did not take a change of a key, a write or an invalidation, the key is erased there later. An
/// erase can never put an old value over another process's newer one; a late write could. Until the erase has
/// succeeded, the tier is not trusted with that key. If more than max_keys keys are missed, they are not kept
/// one by one: then the tier is trusted with no key until all keys of the cache are erased there.
///
///     nothing missed ──missed()──► a timer is set for retry_at() ──next()──► a batch is being erased
///           ▲                              ▲                                          │
///           └──next() with nothing to do───┴──────────tried(): keys are left──────────┤
///           └─────────────────────────────────────────tried(): no key is left─────────┘
///
/// arrived(), a later change of the key that the tier took, also ends the distrust. Pauses grow from 50 ms to
/// 2 s.

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
  /// The keys to erase now; no keys: everything.
  struct Batch {
    std::vector<std::string> keys;
    std::vector<std::uint64_t> tickets;  ///< of the keys, or one for everything
    [[nodiscard]] bool everything() const noexcept { return keys.empty(); }
  };

  static constexpr std::size_t max_keys = 100'000;
  static constexpr std::size_t max_batch = 1000;

  explicit Recovery(std::uint64_t seed)
      : backoff_(std::chrono::milliseconds(50), std::chrono::seconds(2), seed) {}

  /// The order of changes: each takes a ticket when it begins.
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

  /// The tier took a change of the key: changes of this key that it missed before no longer matter.
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

  /// To be called when the timer has fired: the batch to erase; none: nothing is missing any more.
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

  /// The outcomes of a batch: one for each key, or one for everything. True: set the timer again.
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
  std::uint64_t all_ = 0;  // not 0: everything is to be erased, and this is its ticket
  bool running_ = false;   // a timer is set, or a batch is being erased
  TimePoint retry_at_{};
  Backoff backoff_;
};

}  // namespace terrace::cascade
