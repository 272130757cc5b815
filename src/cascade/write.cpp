/// Writing: set and erase, each on the way of bottom_up_write.hpp.

#include <algorithm>

#include "cascade/bottom_up_write.hpp"
#include "cascade/tags.hpp"
#include "cascade/write_back_tiers.hpp"
#include "cascade/writing.hpp"

namespace terrace::cascade {
namespace {

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

/// Without tiers. A set or an erase comes before or after every atomic operation on its key (atomic.cpp): the stamps from
/// before and from within the change are void after it.
void set_in_memory(Core& core, const Item& item) {
  core.counters.add(&CacheStats::writes);
  const KeyTurns::Turn turn(core.key_turns, item.key);
  const Stamp stamp = core.supersede(item.key);
  core.remember(item.key, item.entry, {core.now(), true}, stamp);
  if (core.tier_life(item.entry).value_or(Duration::max()) <= Duration::zero()) core.values->forget(item.key);
  static_cast<void>(core.supersede(item.key));
}

bool erase_in_memory(Core& core, const std::string& key) {
  core.counters.add(&CacheStats::erases);
  const KeyTurns::Turn turn(core.key_turns, key);
  const bool had = core.invalidate(key);
  static_cast<void>(core.supersede(key));
  return had;
}

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
  } else if (core->levels.empty()) {
    for (const Item& item : items) {
      set_in_memory(*core, item);
      call->set_outcome(item.index, {});
    }
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
    if (core->levels.empty()) {
      call->set_outcome(i, erase_in_memory(*core, keys[i]));
      continue;
    }
    Item item{.index = i, .key = std::move(keys[i])};
    item.tier_key = core->tier_key(item.key);
    items.push_back(std::move(item));
  }
  std::make_shared<EraseWrite<Result<bool>>>(core, std::move(items), call)->start();
}

}  // namespace terrace::cascade
