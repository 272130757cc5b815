#pragma once
/// Recovery: the changes that a tier has missed, and when to try again (coherence rule "Recovery" of
/// docs/reliability.md). A state machine without I/O.
///
/// If a tier did not take a change of a key, a write or an invalidation, the key is erased there later. An
/// erase can never put an old value over another process's newer one; a late write could. Until the erase has
/// succeeded, the tier is not trusted with that key. A bulk delete that a tier missed is repeated; until then
/// the tier is not trusted with the keys that it selects. If more than max_keys keys or max_selections bulk
/// deletes are missed, they are not kept one by one: then the tier is trusted with no key until all keys of
/// the cache are erased there.
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
#include <utility>
#include <vector>

#include "base/backoff.hpp"
#include "cascade/key_selection.hpp"

namespace terrace::cascade {

/// Thread safe.
class Recovery {
 public:
  /// What to erase now: some keys; otherwise a selection; otherwise everything.
  struct Batch {
    std::vector<std::string> keys = {};
    std::optional<KeySelection> selection = {};
    std::vector<std::uint64_t> tickets = {};  ///< of the keys, or one
    [[nodiscard]] bool everything() const noexcept { return keys.empty() && !selection; }
  };

  static constexpr std::size_t max_keys = 100'000;
  static constexpr std::size_t max_selections = 100;
  static constexpr std::size_t max_batch = 1000;

  explicit Recovery(std::uint64_t seed)
      : backoff_(std::chrono::milliseconds(50), std::chrono::seconds(2), seed) {}

  /// The order of changes: each takes a ticket when it begins.
  std::uint64_t ticket() noexcept { return ++last_ticket_; }

  /// The change of the key that took this ticket did not arrive. True: a timer must be set for retry_at().
  bool missed(const std::string& key, std::uint64_t ticket, TimePoint now) {
    std::lock_guard lock(mutex_);
    if (all_ == 0 && keys_.size() >= max_keys && !keys_.contains(key)) miss_all(++last_ticket_);
    if (all_ != 0) {
      all_ = std::max(all_, ticket);
    } else {
      auto& pending = keys_[key];
      pending = std::max(pending, ticket);
    }
    return begin(now);
  }
  /// The same for a bulk delete of these keys.
  bool missed(const KeySelection& keys, std::uint64_t ticket, TimePoint now) {
    std::lock_guard lock(mutex_);
    const auto same = std::find_if(selections_.begin(), selections_.end(),
                                   [&](const auto& each) { return each.first == keys; });
    if (all_ != 0 || (same == selections_.end() && selections_.size() >= max_selections)) {
      miss_all(ticket);
    } else if (same != selections_.end()) {
      same->second = std::max(same->second, ticket);
    } else {
      selections_.emplace_back(keys, ticket);
    }
    return begin(now);
  }
  bool missed_all(std::uint64_t ticket, TimePoint now) {
    std::lock_guard lock(mutex_);
    miss_all(ticket);
    return begin(now);
  }

  /// The tier took a change of the key: changes of this key that it missed before no longer matter.
  void arrived(const std::string& key, std::uint64_t ticket) {
    if (!pending_.load()) return;
    std::lock_guard lock(mutex_);
    drop_missed(key, ticket);
    pending_ = missing();
  }

  [[nodiscard]] bool trusts(const std::string& key) const {
    if (!pending_.load()) [[likely]]
      return true;
    std::lock_guard lock(mutex_);
    return all_ == 0 && !keys_.contains(key) &&
           std::none_of(selections_.begin(), selections_.end(),
                        [&](const auto& each) { return each.first.contains(key); });
  }

  /// To be called when the timer has fired: the batch to erase; none: nothing is missing any more.
  [[nodiscard]] std::optional<Batch> next() {
    std::lock_guard lock(mutex_);
    if (all_ != 0) return Batch{.tickets = {all_}};
    // In turns: a tier that refuses one of the keys may still do the bulk delete.
    if (!selections_.empty() && (keys_.empty() || std::exchange(selection_is_next_, !selection_is_next_))) {
      const auto& [keys, ticket] = selections_.front();
      return Batch{.selection = keys, .tickets = {ticket}};
    }
    Batch batch;
    for (const auto& [key, ticket] : keys_) {
      if (batch.keys.size() == max_batch) break;
      batch.keys.push_back(key);
      batch.tickets.push_back(ticket);
    }
    running_ = !batch.keys.empty();
    return running_ ? std::optional(std::move(batch)) : std::nullopt;
  }

  /// The outcomes of a batch: one for each key, otherwise a single one. True: set the timer again.
  bool tried(const Batch& batch, const std::vector<bool>& arrived, TimePoint now) {
    std::lock_guard lock(mutex_);
    if (batch.everything() && arrived.front() && all_ == batch.tickets.front()) all_ = 0;
    if (batch.selection && arrived.front()) {
      std::erase(selections_, std::pair(*batch.selection, batch.tickets.front()));
    } else if (batch.selection) {
      // The tier may refuse this one alone, so the next one has its turn first.
      const auto refused = std::find(selections_.begin(), selections_.end(),
                                     std::pair(*batch.selection, batch.tickets.front()));
      if (refused != selections_.end()) std::rotate(refused, refused + 1, selections_.end());
    }
    for (std::size_t i = 0; i < batch.keys.size(); ++i) {
      if (arrived[i]) drop_missed(batch.keys[i], batch.tickets[i]);
    }
    const bool progress = std::find(arrived.begin(), arrived.end(), true) != arrived.end();
    if (progress) backoff_.reset();
    pending_ = running_ = missing();
    if (running_) retry_at_ = progress ? now : after(now, backoff_.next());
    return running_;
  }

  [[nodiscard]] TimePoint retry_at() const {
    std::lock_guard lock(mutex_);
    return retry_at_;
  }
  /// Keys to recover, a bulk delete counted as one; UINT64_MAX: all.
  [[nodiscard]] std::uint64_t pending() const {
    std::lock_guard lock(mutex_);
    return all_ != 0 ? UINT64_MAX : keys_.size() + selections_.size();
  }

 private:
  [[nodiscard]] bool missing() const { return all_ != 0 || !keys_.empty() || !selections_.empty(); }

  void miss_all(std::uint64_t ticket) {
    all_ = std::max(all_, ticket);
    keys_.clear();
    selections_.clear();
  }

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
  std::vector<std::pair<KeySelection, std::uint64_t>> selections_;  // of bulk deletes, with their tickets
  bool selection_is_next_ = false;
  std::uint64_t all_ = 0;  // not 0: everything is to be erased, and this is its ticket
  bool running_ = false;   // a timer is set, or a batch is being erased
  TimePoint retry_at_{};
  Backoff backoff_;
};

}  // namespace terrace::cascade
