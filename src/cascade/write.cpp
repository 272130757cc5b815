/// Writing: set, erase and clear. Tiers are written from the lowest to the highest, so that nobody can fill a
/// higher one from what is about to be replaced below it; memory comes last.
///
/// A write waits for the fills of its keys that are on their way, so that none arrives after it. Each key is
/// invalidated before the first tier is touched and again after the last has answered: readers
/// that began before or during the write keep what they found for themselves, and a caller whose write has
/// returned reads it.

#include <algorithm>

#include "cascade/core.hpp"

namespace terrace::cascade {
namespace {

/// Which tiers did not do it, for one key.
class Failures {
 public:
  void add(const std::string& level, const Error& error) {
    text_ += (text_.empty() ? "" : "; ") + level + ": " + error.message();
  }
  [[nodiscard]] bool none() const noexcept { return text_.empty(); }
  [[nodiscard]] Error error(std::string_view what) const {
    return Error(Errc::partial_write, std::string(what) + " everywhere but in " + text_);
  }

 private:
  std::string text_;
};

/// One key of a write or an erase on its way up through the tiers.
struct Item {
  std::size_t index = 0;  // in the caller's list
  std::string key = {};
  std::string tier_key = {};
  Stamp stamp = {};
  Failures failures = {};
  // set only
  Entry entry = {};
  Bytes stored = {};
  // erase only
  bool had = false;
};

/// What set and erase share: the way through the tiers. `Outcome` is what the tiers return for each key.
template <class Outcome>
class Ascent : public std::enable_shared_from_this<Ascent<Outcome>> {
 public:
  Ascent(std::shared_ptr<Core> core, std::vector<Item> items)
      : core_(std::move(core)), items_(std::move(items)) {}
  virtual ~Ascent() = default;

  void start() {
    if (items_.empty()) return;
    std::vector<std::string> keys;
    for (Item& item : items_) {
      item.had = core_->invalidate(item.key, item.stamp);
      keys.push_back(item.key);
    }
    left_ = core_->levels.size();
    core_->fills->when_ended(keys, [self = this->shared_from_this()] { self->step(); });
  }

 protected:
  virtual void ask(Tier& tier, TimePoint deadline, Handler<std::vector<Outcome>> done) = 0;
  virtual void note(Item& item, Outcome& outcome) = 0;
  virtual void end(Item& item) = 0;

  std::shared_ptr<Core> core_;
  std::vector<Item> items_;

 private:
  void step() {
    if (left_ == 0) {
      for (Item& item : items_) {
        if (!item.failures.none()) ++core_->counters.write_failures;
        end(item);
      }
      return;
    }
    --left_;
    core_->ask_many<typename Outcome::value_type>(
        items_.size(),
        [&](TimePoint deadline, Handler<std::vector<Outcome>> done) {
          ask(*core_->levels[left_]->tier, deadline, std::move(done));
        },
        [self = this->shared_from_this()](std::vector<Outcome> outcomes) { self->took(outcomes); });
  }

  void took(std::vector<Outcome>& outcomes) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (outcomes[i]) {
        note(items_[i], outcomes[i]);
      } else {
        items_[i].failures.add(core_->levels[left_]->name, outcomes[i].error());
      }
    }
    step();
  }

  std::size_t left_ = 0;
};

class Setting final : public Ascent<Result<void>> {
 public:
  Setting(std::shared_ptr<Core> core, std::vector<Item> items, std::shared_ptr<Gather<Result<void>>> call)
      : Ascent(std::move(core), std::move(items)), call_(std::move(call)) {}

 private:
  void ask(Tier& tier, TimePoint deadline, Handler<std::vector<Result<void>>> done) override {
    std::vector<TierWrite> writes;
    for (const Item& item : items_) {
      std::optional<Duration> ttl;
      // Not below 1 ms: expired while under way, it must not become "for ever" or an error.
      if (item.entry.expires)
        ttl = std::max<Duration>(*item.entry.expires - core_->now(), std::chrono::milliseconds(1));
      writes.push_back({item.tier_key, item.stored, ttl});
    }
    if (writes.size() > 1) return tier.set_many(std::move(writes), deadline, std::move(done));
    tier.set(writes[0].key, writes[0].value, writes[0].ttl, deadline,
             [done = std::move(done)](Result<void> outcome) mutable { done({std::move(outcome)}); });
  }

  void note(Item&, Result<void>&) override {}

  void end(Item& item) override {
    ++core_->counters.writes;
    // Another write to the key that began since will settle what memory holds; this one leaves nothing there.
    if (core_->generations.renew(item.key, item.stamp)) {
      core_->values->remember(item.key, item.entry, core_->generations, item.stamp);
      core_->flights.detach(item.key);
    } else {
      core_->invalidate(item.key);
    }
    if (item.failures.none()) {
      call_->settle(item.index, {});
    } else {
      call_->settle(item.index, item.failures.error("stored"));
    }
  }

  std::shared_ptr<Gather<Result<void>>> call_;
};

/// Also the write mode `around`, which tells its caller nothing of what was there.
template <class Told>
class Erasing final : public Ascent<Result<bool>> {
 public:
  Erasing(std::shared_ptr<Core> core, std::vector<Item> items, std::shared_ptr<Gather<Told>> call)
      : Ascent(std::move(core), std::move(items)), call_(std::move(call)) {}

 private:
  void ask(Tier& tier, TimePoint deadline, Handler<std::vector<Result<bool>>> done) override {
    std::vector<std::string_view> keys;
    for (const Item& item : items_) keys.push_back(item.tier_key);
    if (keys.size() > 1) return tier.erase_many(std::move(keys), deadline, std::move(done));
    tier.erase(keys[0], deadline,
               [done = std::move(done)](Result<bool> outcome) mutable { done({std::move(outcome)}); });
  }

  void note(Item& item, Result<bool>& outcome) override { item.had = item.had || *outcome; }

  void end(Item& item) override {
    ++core_->counters.erases;
    core_->invalidate(item.key);
    if (!item.failures.none()) {
      call_->settle(item.index, item.failures.error("erased"));
    } else if constexpr (std::is_same_v<Told, Result<bool>>) {
      call_->settle(item.index, item.had);
    } else {
      call_->settle(item.index, {});
    }
  }

  std::shared_ptr<Gather<Told>> call_;
};

Result<Item> prepare(const Core& core, std::size_t index, Write write, std::optional<Duration> ttl) {
  if (auto refused = core.refuse_key(write.key)) return *std::move(refused);
  if (ttl && *ttl <= Duration::zero()) {
    return Error(Errc::invalid_argument,
                 "the ttl of " + printable_key(write.key) +
                     " is not above 0; erase the key, or give no ttl for the cache's own");
  }
  Item item{.index = index, .key = std::move(write.key)};
  item.tier_key = core.tier_key(item.key);
  item.entry = {.value = std::move(write.value), .created = core.now(), .expires = core.expiry(ttl)};
  if (core.options.write_mode == WriteMode::through && !core.levels.empty()) {
    auto stored = core.seal_up(item.key, item.entry);
    if (!stored) return stored.error();
    item.stored = std::move(*stored);
  }
  return item;
}

}  // namespace

void start_write(std::shared_ptr<Core> core, std::vector<Write> writes, const WriteOptions& options,
                 Handler<std::vector<Result<void>>> done) {
  const auto call = core->begin_call<Result<void>>(writes.size(), options.timeout, std::move(done));
  if (!call->open()) return;
  std::vector<Item> items;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    auto item = prepare(*core, i, std::move(writes[i]), options.ttl ? options.ttl : core->options.ttl);
    if (item) {
      items.push_back(std::move(*item));
    } else {
      call->settle(i, item.error());
    }
  }
  if (core->options.write_mode == WriteMode::around) {
    std::make_shared<Erasing<Result<void>>>(core, std::move(items), call)->start();
  } else {
    std::make_shared<Setting>(core, std::move(items), call)->start();
  }
}

void start_erase(std::shared_ptr<Core> core, std::vector<std::string> keys, const WriteOptions& options,
                 Handler<std::vector<Result<bool>>> done) {
  const auto call = core->begin_call<Result<bool>>(keys.size(), options.timeout, std::move(done));
  if (!call->open()) return;
  std::vector<Item> items;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (auto refused = core->refuse_key(keys[i])) {
      call->settle(i, *std::move(refused));
      continue;
    }
    Item item{.index = i, .key = std::move(keys[i])};
    item.tier_key = core->tier_key(item.key);
    items.push_back(std::move(item));
  }
  std::make_shared<Erasing<Result<bool>>>(core, std::move(items), call)->start();
}

namespace {

class Clearing : public std::enable_shared_from_this<Clearing> {
 public:
  Clearing(std::shared_ptr<Core> core, std::shared_ptr<Gather<Result<void>>> call)
      : core_(std::move(core)), call_(std::move(call)), left_(core_->levels.size()) {}

  void start() {
    core_->invalidate_all();
    core_->fills->when_all_ended([self = shared_from_this()] { self->step(); });
  }

 private:
  void step() {
    core_->invalidate_all();
    if (left_ == 0) {
      if (failures_.none()) return call_->settle(0, {});
      ++core_->counters.write_failures;
      return call_->settle(0, failures_.error("cleared"));
    }
    Level& level = *core_->levels[--left_];
    // A whole keyspace takes longer than one key: the caller's limit rules here.
    level.tier->erase_prefix(core_->prefix, no_deadline,
                             [self = shared_from_this(), &level](Result<std::uint64_t> n) {
                               if (!n) self->failures_.add(level.name, n.error());
                               self->step();
                             });
  }

  std::shared_ptr<Core> core_;
  std::shared_ptr<Gather<Result<void>>> call_;
  std::size_t left_;
  Failures failures_;
};

}  // namespace

void start_clear(std::shared_ptr<Core> core, const WriteOptions& options, Handler<Result<void>> done) {
  const auto call = core->begin_call<Result<void>>(
      1, options.timeout,
      [done = std::move(done)](std::vector<Result<void>> one) mutable { done(std::move(one.front())); });
  if (call->open()) std::make_shared<Clearing>(core, call)->start();
}

}  // namespace terrace::cascade
