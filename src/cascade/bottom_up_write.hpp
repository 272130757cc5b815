#pragma once
/// BottomUpWrite: the way of a write through the levels, for set and erase (write.cpp) and for atomic operations
/// (atomic.cpp). The tiers are written from the lowest to the highest, so a reader cannot fill a
/// higher tier from a value that is about to be replaced below it. Memory comes last.
///
/// Before each tier, the stamps of reads in flight become void, and the write waits for the fills of its keys
/// that are under way, so no fill arrives after the write (coherence rules "Generation" and "Order of fills
/// and writes"). Each key is invalidated before the first tier is asked, and again after the last has
/// answered. So readers that began before or during the write put their value into no level, and a caller
/// whose write has returned reads it.
///
///     start: memory loses the keys ──► erase_shared_first ──► step ──► change ──► took ─┐
///                                                              ▲   (one tier: bump, wait │
///                                                              │    for fills, ask it)   │
///                                                              └─────── next tier ◄──────┘
///                                                              └─ none left ──► end: memory, the caller's outcome
///
/// A tier that does not take the change is handed to recovery (took), and the write goes on with the other
/// tiers.

#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cascade/core.hpp"
#include "cascade/failures.hpp"
#include "cascade/writing.hpp"

namespace terrace::cascade {

/// One key of a write.
struct Item {
  std::size_t index = 0;  // in the caller's list
  std::string key = {};
  std::string tier_key = {};
  Stamp stamp = {};
  std::uint64_t ticket = 0;  // of its change of the tier being asked
  Failures failures = {};
  bool watched = true;      // every shared tier took it
  bool own_notice = false;  // a watch reported changes that were probably its own
  // what is stored, if something is
  Entry entry = {};
  Bytes stored = {};
  // erase only
  bool had = false;
};

/// The way through the tiers. `Outcome`: the type of a tier's result for each key.
template <class Outcome>
class BottomUpWrite : public std::enable_shared_from_this<BottomUpWrite<Outcome>> {
 public:
  BottomUpWrite(std::shared_ptr<Core> core, std::vector<Item> items)
      : core_(std::move(core)), items_(std::move(items)) {}
  virtual ~BottomUpWrite() = default;

  void start() {
    if (items_.empty()) return;
    for (Item& item : items_) {
      item.had = core_->invalidate(item.key, item.stamp);
      keys_.push_back(item.key);
    }
    as_of_ = core_->now();
    left_ = core_->levels.size();
    erase_shared_first();
  }

 protected:
  virtual void ask(Tier& tier, KeyRange range, TimePoint deadline, Handler<std::vector<Outcome>> done) = 0;
  virtual void note(Item& item, Outcome& outcome) = 0;
  virtual void end(Item& item) = 0;

  /// An outcome without an error changed the key in the tier that was asked, or left it as the change would.
  [[nodiscard]] virtual bool has_changed(const Outcome&) const { return true; }
  /// The tier did not take the change.
  virtual void missed(Item& item, const Error& why) {
    Level& level = *core_->levels[left_];
    item.failures.add(level.name, why);
    if (level.shared != nullptr) item.watched = false;
    recover(core_, left_, item.tier_key, item.ticket);
  }
  /// The tier loses the key before anything is written, if another tier lies below it.
  [[nodiscard]] virtual bool erases_first(std::size_t) const { return true; }
  /// A shared tier did not erase the key before the write. False: the write ends here, and has changed nothing.
  virtual bool goes_on(Item&, std::size_t, const Error&) { return true; }
  /// The rest of the tiers need not be asked.
  [[nodiscard]] virtual bool is_decided() const noexcept { return false; }

  std::shared_ptr<Core> core_;
  std::vector<Item> items_;
  TimePoint as_of_;       // for StalenessProof: the value is right at this time or later
  std::size_t left_ = 0;  // the tier that is being asked; those above it are left

 private:
  /// Erases the keys in each shared tier that has another tier below it, before anything is written. The
  /// erase also makes the leases of other processes void: a process that loads one of the keys now can no
  /// longer fill the shared tier, and takes back what it has put into the tiers below. Otherwise its fills
  /// could come between this write to the lower tier and this write to the shared one.
  void erase_shared_first(std::size_t tier = 0) {
    const auto passes = [&] { return core_->levels[tier]->shared == nullptr || !erases_first(tier); };
    while (tier < core_->levels.size() && passes()) ++tier;
    if (tier + 1 >= core_->levels.size()) return step();
    sending(tier);
    core_->ask_in_chunks<bool>(
        items_.size(),
        [self = this->shared_from_this(), tier](KeyRange range, TimePoint deadline,
                                                Handler<std::vector<Result<bool>>> done) {
          std::vector<std::string_view> keys;
          for (std::size_t i = range.first; i < range.end(); ++i) keys.push_back(self->items_[i].tier_key);
          self->core_->levels[tier]->tier->erase_many(std::move(keys), deadline, std::move(done));
        },
        [self = this->shared_from_this()](std::size_t i) { return self->items_[i].tier_key.size(); },
        [self = this->shared_from_this(), tier](const std::vector<Result<bool>>& outcomes) {
          for (std::size_t i = 0; i < outcomes.size(); ++i) {
            self->answered(tier, self->items_[i], outcomes[i]);
            if (outcomes[i]) self->items_[i].had = self->items_[i].had || *outcomes[i];
            if (!outcomes[i] && !self->goes_on(self->items_[i], tier, outcomes[i].error())) self->left_ = 0;
          }
          if (self->left_ == 0) return self->step();
          self->erase_shared_first(tier + 1);
        });
  }

  void step() {
    if (left_ == 0 || is_decided()) {
      for (Item& item : items_) {
        if (!item.failures.none()) core_->counters.add(&CacheStats::write_failures);
        end(item);
      }
      return;
    }
    --left_;
    // A reader that has read a lower tier before this write got there fills nothing from now on. A stamp that
    // another write has made void stays void.
    for (Item& item : items_) {
      if (!core_->generations.bump_if_current(item.stamp, item.own_notice)) core_->generations.bump(item.key);
    }
    core_->fills->when_ended(keys_, [self = this->shared_from_this()] { self->change(); });
  }

  void change() {
    for (Item& item : items_) item.ticket = core_->levels[left_]->recovery.ticket();
    sending(left_);
    core_->ask_in_chunks<typename Outcome::value_type>(
        items_.size(),
        [self = this->shared_from_this()](KeyRange range, TimePoint deadline,
                                          Handler<std::vector<Outcome>> done) {
          self->ask(*self->core_->levels[self->left_]->tier, range, deadline, std::move(done));
        },
        [self = this->shared_from_this()](std::size_t i) {
          return self->items_[i].tier_key.size() + self->items_[i].stored.size();
        },
        [self = this->shared_from_this()](std::vector<Outcome> outcomes) { self->took(outcomes); });
  }

  void took(std::vector<Outcome>& outcomes) {
    Level& level = *core_->levels[left_];
    for (std::size_t i = 0; i < items_.size(); ++i) {
      Item& item = items_[i];
      answered(left_, item, outcomes[i]);
      if (!outcomes[i]) {
        missed(item, outcomes[i].error());
        continue;
      }
      if (has_changed(outcomes[i])) {
        level.recovery.arrived(item.tier_key, item.ticket);
        core_->sent(left_);
      }
      note(item, outcomes[i]);
    }
    step();
  }

  void sending(std::size_t tier) {
    if (core_->levels[tier]->shared == nullptr) return;
    if (!std::exchange(sent_, true)) as_of_ = core_->now();
    for (const Item& item : items_) core_->levels[tier]->own_notices.sending(item.key);
  }
  template <class T>
  void answered(std::size_t tier, const Item& item, const Result<T>& outcome) {
    bool changed = true;
    if constexpr (std::is_same_v<T, bool>) changed = !outcome || *outcome;
    core_->levels[tier]->own_notices.answered(item.key, changed, core_->now());
  }

  std::vector<std::string> keys_;
  bool sent_ = false;  // something, to a shared tier
};

}  // namespace terrace::cascade
