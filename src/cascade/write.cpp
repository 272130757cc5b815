/// Writing: set and erase. The tiers are written from the lowest to the highest, so a reader cannot fill a
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

#include "cascade/failures.hpp"
#include "cascade/tags.hpp"
#include "cascade/write_back_tiers.hpp"
#include "cascade/writing.hpp"

namespace terrace::cascade {
namespace {

/// One key of a set or an erase.
struct Item {
  std::size_t index = 0;  // in the caller's list
  std::string key = {};
  std::string tier_key = {};
  Stamp stamp = {};
  std::uint64_t ticket = 0;  // of its change of the tier being asked
  Failures failures = {};
  bool watched = true;      // every shared tier took it
  bool own_notice = false;  // a watch reported changes that were probably its own
  // set only
  Entry entry = {};
  Bytes stored = {};
  // erase only
  bool had = false;
};

/// The way through the tiers, for set and erase. `Outcome`: the type of a tier's result for each key.
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

  std::shared_ptr<Core> core_;
  std::vector<Item> items_;
  TimePoint as_of_;  // for StalenessProof: the value is right at this time or later

 private:
  /// Erases the keys in each shared tier that has another tier below it, before anything is written. The
  /// erase also makes the leases of other processes void: a process that loads one of the keys now can no
  /// longer fill the shared tier, and takes back what it has put into the tiers below. Otherwise its fills
  /// could come between this write to the lower tier and this write to the shared one.
  void erase_shared_first(std::size_t tier = 0) {
    while (tier < core_->levels.size() && core_->levels[tier]->shared == nullptr) ++tier;
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
          }
          self->erase_shared_first(tier + 1);
        });
  }

  void step() {
    if (left_ == 0) {
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
      if (outcomes[i]) {
        level.recovery.arrived(item.tier_key, item.ticket);
        core_->sent(left_);
        note(item, outcomes[i]);
      } else {
        item.failures.add(level.name, outcomes[i].error());
        if (level.shared != nullptr) item.watched = false;
        recover(core_, left_, item.tier_key, item.ticket);
      }
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
  std::size_t left_ = 0;
  bool sent_ = false;  // something, to a shared tier
};

class SetWrite final : public BottomUpWrite<Result<void>> {
 public:
  SetWrite(std::shared_ptr<Core> core, std::vector<Item> items, std::shared_ptr<Gather<Result<void>>> call)
      : BottomUpWrite(std::move(core), std::move(items)), call_(std::move(call)) {}

 private:
  void ask(Tier& tier, KeyRange range, TimePoint deadline, Handler<std::vector<Result<void>>> done) override {
    std::vector<TierWrite> writes;
    for (std::size_t i = range.first; i < range.end(); ++i) {
      const Item& item = items_[i];
      auto ttl = core_->tier_life(item.entry);
      // At least 1 ms: if it has expired by now, the TTL must not become "none" or an error.
      if (ttl) ttl = std::max<Duration>(*ttl, std::chrono::milliseconds(1));
      writes.push_back({item.tier_key, item.stored, ttl});
    }
    if (writes.size() > 1) return tier.set_many(std::move(writes), deadline, std::move(done));
    tier.set(writes[0].key, writes[0].value, writes[0].ttl, deadline,
             [done = std::move(done)](Result<void> outcome) mutable { done({std::move(outcome)}); });
  }

  void note(Item&, Result<void>&) override {}

  void end(Item& item) override {
    core_->counters.add(&CacheStats::writes);
    // If another write to the key has begun since, that one decides what memory holds, and this one only
    // invalidates.
    if (core_->generations.bump_if_current(item.stamp, item.own_notice)) {
      core_->remember(item.key, item.entry, {as_of_, item.watched}, item.stamp, item.own_notice);
      core_->flights.detach(item.key);
    } else {
      core_->invalidate(item.key);
    }
    if (item.failures.none()) {
      call_->set_outcome(item.index, {});
    } else {
      call_->set_outcome(item.index, item.failures.error("stored"));
    }
  }

  std::shared_ptr<Gather<Result<void>>> call_;
};

/// An erase. Also a set in write mode `around`, whose caller does not learn whether the key was there; and a
/// set that cannot store its value, for the reason `why`: it erases the old one.
template <class Told>
class EraseWrite final : public BottomUpWrite<Result<bool>> {
 public:
  EraseWrite(std::shared_ptr<Core> core, std::vector<Item> items, std::shared_ptr<Gather<Told>> call,
             std::optional<Error> why = {})
      : BottomUpWrite(std::move(core), std::move(items)), call_(std::move(call)), why_(std::move(why)) {}

 private:
  void ask(Tier& tier, KeyRange range, TimePoint deadline, Handler<std::vector<Result<bool>>> done) override {
    std::vector<std::string_view> keys;
    for (std::size_t i = range.first; i < range.end(); ++i) keys.push_back(items_[i].tier_key);
    if (keys.size() > 1) return tier.erase_many(std::move(keys), deadline, std::move(done));
    tier.erase(keys[0], deadline,
               [done = std::move(done)](Result<bool> outcome) mutable { done({std::move(outcome)}); });
  }

  void note(Item& item, Result<bool>& outcome) override { item.had = item.had || *outcome; }

  void end(Item& item) override {
    core_->counters.add(why_ ? &CacheStats::writes : &CacheStats::erases);
    core_->invalidate(item.key);
    if (why_) {
      call_->set_outcome(item.index, not_stored(item));
    } else if (!item.failures.none()) {
      call_->set_outcome(item.index, item.failures.error("erased"));
    } else if constexpr (std::is_same_v<Told, Result<bool>>) {
      call_->set_outcome(item.index, item.had);
    } else {
      call_->set_outcome(item.index, {});
    }
  }

  Error not_stored(const Item& item) {
    if (!item.failures.none()) {
      const Error erased = item.failures.error("not stored, but erased");
      return {erased.code, erased.context + "; " + why_->message()};
    }
    core_->counters.add(&CacheStats::write_failures);
    return {why_->code, "not stored, but erased; " + why_->context};
  }

  std::shared_ptr<Gather<Told>> call_;
  const std::optional<Error> why_;
};

Result<Item> prepare(const Core& core, std::size_t index, Write write, std::optional<Duration> ttl,
                     const TagMarks& tags) {
  if (auto refused = core.refuse_key(write.key)) return *std::move(refused);
  if (ttl && *ttl <= Duration::zero()) {
    return Error(Errc::invalid_argument,
                 "the ttl of " + printable_key(write.key) +
                     " is not above 0; erase the key, or give no ttl for the cache's own");
  }
  Item item{.index = index, .key = std::move(write.key)};
  item.tier_key = core.tier_key(item.key);
  item.entry = {.value = std::move(write.value),
                .created = core.now(),
                .fresh_until = core.expiry(ttl),
                .grace = core.options.grace,
                .tags = tags};
  const WriteMode mode = core.options.write_mode;
  if (mode == WriteMode::back || (mode == WriteMode::through && !core.levels.empty())) {
    auto stored = core.seal_up(item.key, item.entry);
    if (!stored) return stored.error();
    item.stored = std::move(*stored);
  }
  return item;
}

/// `lacking`: the reason why the tokens of the tags are unknown; then nothing is stored.
void write_tagged(const std::shared_ptr<Core>& core, std::vector<Write> writes, std::optional<Duration> ttl,
                  const TagMarks& tags, const std::shared_ptr<Gather<Result<void>>>& call,
                  const std::optional<Error>& lacking = {}) {
  std::vector<Item> items;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    auto item = prepare(*core, i, std::move(writes[i]), ttl ? ttl : core->options.ttl, tags);
    if (item) {
      items.push_back(std::move(*item));
    } else {
      call->set_outcome(i, item.error());
    }
  }
  if (lacking && core->options.write_mode == WriteMode::back) {
    // It is not acknowledged, and changes nothing: at the source of the values the older one is still right.
    for (const Item& item : items) {
      core->counters.add(&CacheStats::writes);
      core->counters.add(&CacheStats::write_failures);
      call->set_outcome(item.index, *lacking);
    }
  } else if (lacking) {
    // The value that it was to replace must not be read any more, so the key is erased, as after a failed
    // write.
    std::make_shared<EraseWrite<Result<void>>>(core, std::move(items), call, lacking)->start();
  } else if (core->options.write_mode == WriteMode::back) {
    for (Item& item : items) {
      set_in_journal(
          core, item.key, std::move(item.entry), std::move(item.stored),
          [call, index = item.index](Result<void> outcome) { call->set_outcome(index, std::move(outcome)); });
    }
  } else if (core->options.write_mode == WriteMode::around) {
    std::make_shared<EraseWrite<Result<void>>>(core, std::move(items), call)->start();
  } else {
    std::make_shared<SetWrite>(core, std::move(items), call)->start();
  }
}

}  // namespace

void start_write(std::shared_ptr<Core> core, std::vector<Write> writes, const WriteOptions& options,
                 Handler<std::vector<Result<void>>> done) {
  const auto call = core->begin_call<Result<void>>(writes.size(), options.timeout, std::move(done));
  if (!call->open()) return;
  if (const auto refused = refuse_tags(options.tags)) return call->end(*refused);
  // Write mode around stores nothing, so it needs no tags.
  const bool around = core->options.write_mode == WriteMode::around;
  if (options.tags.empty() || around)
    return write_tagged(core, std::move(writes), options.ttl, nullptr, call);
  // Asking for the tokens may take a while. Memory must not serve the old values meanwhile.
  for (const Write& write : writes) core->invalidate(write.key);
  make_tag_tokens(
      core, options.tags, core->whole_life(options.ttl ? options.ttl : core->options.ttl),
      [core, writes = std::move(writes), options, call](const Result<std::vector<Token>>& tokens) mutable {
        if (tokens) {
          const TagMarks tags = core->tags.mark(options.tags, *tokens);
          return write_tagged(core, std::move(writes), options.ttl, tags, call);
        }
        const Error why(tokens.error().code, "its tags cannot be looked up: " + tokens.error().context);
        write_tagged(core, std::move(writes), options.ttl, nullptr, call, why);
      });
}

void start_erase(std::shared_ptr<Core> core, std::vector<std::string> keys, std::optional<Duration> timeout,
                 Handler<std::vector<Result<bool>>> done) {
  const auto call = core->begin_call<Result<bool>>(keys.size(), timeout, std::move(done));
  if (!call->open()) return;
  std::vector<Item> items;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (auto refused = core->refuse_key(keys[i])) {
      call->set_outcome(i, *std::move(refused));
      continue;
    }
    if (core->write_back) {
      erase_in_journal(core, keys[i], [call, i](Result<bool> had) { call->set_outcome(i, std::move(had)); });
      continue;
    }
    Item item{.index = i, .key = std::move(keys[i])};
    item.tier_key = core->tier_key(item.key);
    items.push_back(std::move(item));
  }
  std::make_shared<EraseWrite<Result<bool>>>(core, std::move(items), call)->start();
}

}  // namespace terrace::cascade
