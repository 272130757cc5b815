/// Atomic operations: current() reads what a key has, compare_and_set() replaces exactly that.
///
/// One level decides (Core::decider): the lowest one that all processes of the cache share and that has
/// compare-and-set. The order of two changes is their order there. So the other tiers never get the new value from
/// an atomic operation: two of them could arrive there in the other order. They lose the key, on the way of a write
/// (bottom_up_write.hpp), and the next read fills them.
///
///     current ──► the deciding level alone: get ──► unwrap ──► its tags ──► value and revision
///     compare_and_set ──► shared tiers above lose the key ──► tiers below lose it ──► the deciding level compares
///       ──(equal)──► tiers above lose the key ──► memory gets the value ──► true
///       ──(not equal)──► false              ──(no answer)──► tiers above lose the key ──► effect_unknown
///
/// A removal is a change to an entry that has expired, and that the tier drops after 1 ms: every reader takes it for
/// a miss.
///
/// Without tiers memory decides. The revision is the stamp of the key there (coherence rule "Generation"). A change
/// voids all stamps before it inserts the value, and again after it, and only one change of a key is under way
/// (key_turns.hpp). So no stamp from before or from within the change is valid after it.

#include "cascade/atomic.hpp"

#include <algorithm>

#include "cascade/bottom_up_write.hpp"
#include "cascade/claims.hpp"
#include "cascade/tags.hpp"

namespace terrace::cascade {
namespace {

std::optional<Error> refuse(const Core& core) {
  if (core.options.write_mode != WriteMode::through) {
    return Error(Errc::invalid_argument,
                 "atomic operations need write_mode WriteMode::through, so that one level decides");
  }
  if (core.levels.empty() && !core.options.memory_level)
    return Error(Errc::invalid_argument,
                 "the cache has no level that could keep the value; give it memory or a tier");
  if (core.levels.empty() || core.decider) return std::nullopt;
  return Error(
      Errc::invalid_argument,
      "no level that the processes of the cache share has compare-and-set (Tier::has_compare_and_set); "
      "Redis, PostgreSQL and SQLite have it, replicated tiers do not");
}

/// The TTL that the tier gets: as for a set, at least 1 ms.
std::optional<Duration> swap_life(const Core& core, const Entry& entry) {
  auto life = core.tier_life(entry);
  if (life) life = std::max<Duration>(*life, std::chrono::milliseconds(1));
  return life;
}

/// Reads the deciding level.
class CurrentRead : public std::enable_shared_from_this<CurrentRead> {
 public:
  CurrentRead(std::shared_ptr<Core> core, std::string key, std::shared_ptr<Gather<Result<Current>>> call)
      : core_(std::move(core)), key_(std::move(key)), call_(std::move(call)) {}

  void start(bool may_guess) {
    const Level& level = *core_->levels[*core_->decider];
    const std::string tier_key = core_->tier_key(key_);
    if (!level.recovery.trusts(tier_key)) {
      return end(
          Error(Errc::unavailable, level.name + ": it missed a change of the key and has not caught up"));
    }
    if (auto last = may_guess ? core_->last_swaps.find(key_) : std::nullopt) {
      current_.remembered = true;
      return took(Found(std::move(*last)));
    }
    core_->ask<Found>(
        [&](TimePoint deadline, Handler<Result<Found>> done) {
          level.tier->get(tier_key, deadline, std::move(done));
        },
        [self = shared_from_this()](Result<Found> found) { self->took(std::move(found)); });
  }

 private:
  void took(Result<Found> found) {
    const Level& level = *core_->levels[*core_->decider];
    if (!found) return end(Error(found.error().code, level.name + ": " + found.error().context));
    if (!*found) return end(std::move(current_));
    auto unwrapped = core_->unwrap(key_, **found);
    if (!unwrapped && beside::is_of_others(unwrapped.error(), **found, core_->wall_now())) {
      return end(Error(Errc::incompatible, level.name + " has an entry of another version or kind under " +
                                               printable_key(key_) + ": " + unwrapped.error().context));
    }
    current_.revision.stored = std::move(**found);
    if (!unwrapped || !*unwrapped) return end(std::move(current_));
    check_tags(std::move(**unwrapped));
  }

  void check_tags(Unwrapped found) {
    if (found.tags.empty()) return end_with(std::move(found.entry));
    const std::vector<std::string> tags = found.tags;
    find_tag_tokens(core_, tags,
                    [self = shared_from_this(),
                     found = std::move(found)](const Result<std::vector<Token>>& tokens) mutable {
                      if (!tokens) return self->end(tokens.error());
                      for (std::size_t i = 0; i < tokens->size(); ++i) {
                        if (compare_tokens(found.tokens[i], (*tokens)[i]) != TagVerdict::valid)
                          return self->end(std::move(self->current_));
                      }
                      found.entry.tags = self->core_->tags.mark(found.tags, found.tokens);
                      self->end_with(std::move(found.entry));
                    });
  }

  /// Only a fresh value counts.
  void end_with(Entry entry) {
    if (entry.value && entry.fresh(core_->now())) {
      current_.revision.tags = entry.tags;
      current_.revision.fresh_until = entry.fresh_until;
      current_.entry = std::move(entry);
    }
    end(std::move(current_));
  }

  void end(Result<Current> outcome) { call_->set_outcome(0, std::move(outcome)); }

  std::shared_ptr<Core> core_;
  const std::string key_;
  const std::shared_ptr<Gather<Result<Current>>> call_;
  Current current_;
};

Current current_in_memory(Core& core, const std::string& key) {
  Current current{.revision = {.stamp = core.generations.stamp(key)}};  // before the look at memory
  auto found = core.values->recall(key);
  if (!found || !found->serves || !found->entry.value) return current;
  current.revision.tags = found->entry.tags;
  current.revision.fresh_until = found->entry.fresh_until;
  current.entry = std::move(found->entry);
  return current;
}

bool change_in_memory(Core& core, const AtomicChange& change, const Entry& entry) {
  const KeyTurns::Turn turn(core.key_turns, change.key);
  Stamp stamp = change.revision.stamp;
  bool own_notice = false;
  if (!core.generations.bump_if_current(stamp, own_notice)) return false;
  core.flights.detach(change.key);
  if (change.value) {
    core.remember(change.key, entry, {core.now(), true}, stamp);
  } else {
    core.values->forget(change.key);
  }
  static_cast<void>(core.supersede(change.key));
  return true;
}

/// The change of one key on its way through the levels.
class AtomicWrite final : public BottomUpWrite<Result<bool>> {
 public:
  AtomicWrite(std::shared_ptr<Core> core, Item item, Revision revision,
              std::shared_ptr<Gather<Result<bool>>> call)
      : BottomUpWrite(std::move(core), one(std::move(item))),
        revision_(std::move(revision)),
        call_(std::move(call)) {}

 private:
  static std::vector<Item> one(Item item) {
    std::vector<Item> items;
    items.push_back(std::move(item));
    return items;
  }

  [[nodiscard]] bool decides(std::size_t tier) const { return tier == *core_->decider; }
  [[nodiscard]] bool erases_first(std::size_t tier) const override { return !decides(tier); }

  void ask(Tier& tier, KeyRange, TimePoint deadline, Handler<std::vector<Result<bool>>> done) override {
    const Item& item = items_.front();
    if (!decides(left_)) {
      return tier.erase(item.tier_key, deadline, [done = std::move(done)](Result<bool> outcome) mutable {
        done({std::move(outcome)});
      });
    }
    std::optional<BytesView> expected;
    if (revision_.stored) expected = *revision_.stored;
    const auto life = item.entry.value ? swap_life(*core_, item.entry)
                                       : std::optional<Duration>(std::chrono::milliseconds(1));
    tier.compare_and_set_many({{item.tier_key, expected, item.stored, life}}, deadline, std::move(done));
  }

  [[nodiscard]] bool has_changed(const Result<bool>& outcome) const override {
    return !decides(left_) || *outcome;
  }
  void note(Item&, Result<bool>& outcome) override {
    if (decides(left_)) decision_ = *outcome;
  }
  void missed(Item& item, const Error& why) override {
    if (!decides(left_)) return BottomUpWrite::missed(item, why);
    decision_ = Error(why.code, core_->levels[left_]->name + ": " + why.context);
  }
  bool goes_on(Item&, std::size_t tier, const Error& why) override {
    decision_ =
        Error(why.code == make_error_code(Errc::timed_out) ? make_error_code(Errc::unavailable) : why.code,
              "nothing has changed, because " + core_->levels[tier]->name +
                  " could not erase the key before: " + why.context);
    return false;
  }
  /// It is settled that the deciding level keeps what it has.
  [[nodiscard]] bool is_decided() const noexcept override {
    return decision_ && (*decision_ ? !**decision_ : decision_->error() == Errc::unavailable);
  }

  void end(Item& item) override {
    TERRACE_ASSERT(decision_);
    core_->counters.add(&CacheStats::atomic_writes);
    const bool stored = *decision_ && **decision_ && item.entry.value;
    if (stored) {
      core_->last_swaps.stored(item.key, item.stored);
    } else {
      core_->last_swaps.forget(item.key);
    }
    if (stored && core_->generations.bump_if_current(item.stamp, item.own_notice)) {
      core_->remember(item.key, item.entry, {as_of_, item.watched && alone()}, item.stamp, item.own_notice);
      core_->flights.detach(item.key);
    } else {
      core_->invalidate(item.key);
    }
    call_->set_outcome(0, outcome(item));
  }

  /// Every shared tier has the value: only such a value is watched.
  [[nodiscard]] bool alone() const {
    for (std::size_t tier = 0; tier < core_->levels.size(); ++tier) {
      if (core_->levels[tier]->shared != nullptr && !decides(tier)) return false;
    }
    return true;
  }

  Result<bool> outcome(const Item& item) {
    if (*decision_) {
      if (!**decision_) core_->counters.add(&CacheStats::atomic_conflicts);
      if (**decision_ && !item.failures.none()) return item.failures.error("changed");
      return **decision_;
    }
    core_->counters.add(&CacheStats::write_failures);
    const Error& why = decision_->error();
    const bool unknown = why == Errc::timed_out || why == Errc::io_error || why == Errc::shutdown;
    if (!unknown) return why;
    return Error(Errc::effect_unknown, "the change may or may not have taken effect; " + why.message());
  }

  const Revision revision_;
  const std::shared_ptr<Gather<Result<bool>>> call_;
  std::optional<Result<bool>> decision_;  // of the deciding level
};

/// When the new value expires.
std::optional<TimePoint> expiry_of(const Core& core, const AtomicChange& change) {
  switch (change.life) {
    case AtomicLife::of_cache:
      return core.expiry(core.options.ttl);
    case AtomicLife::given:
      return core.expiry(change.ttl);
    case AtomicLife::kept:
      break;
  }
  return change.revision.fresh_until;
}

/// How long the tokens of the new value's tags must last at least; none: without end.
std::optional<Duration> token_life(const Core& core, const AtomicChange& change) {
  switch (change.life) {
    case AtomicLife::of_cache:
      return core.whole_life(core.options.ttl);
    case AtomicLife::given:
      return core.whole_life(change.ttl);
    case AtomicLife::kept:
      break;
  }
  return std::nullopt;
}

void change_with(const std::shared_ptr<Core>& core, AtomicChange change, TagMarks tags,
                 const std::shared_ptr<Gather<Result<bool>>>& call) {
  Entry entry{.value = change.value,
              .created = core->now(),
              .fresh_until = expiry_of(*core, change),
              .grace = core->options.grace,
              .tags = std::move(tags)};
  if (core->levels.empty()) {
    core->counters.add(&CacheStats::atomic_writes);
    const bool changed = change_in_memory(*core, change, entry);
    if (!changed) core->counters.add(&CacheStats::atomic_conflicts);
    return call->set_outcome(0, changed);
  }
  auto stored = change.value ? core->seal_up(change.key, entry)
                             : Result<Bytes>(claims::make(core->options, change.key));
  if (!stored) return call->set_outcome(0, stored.error());
  Item item{.key = std::move(change.key), .entry = std::move(entry), .stored = std::move(*stored)};
  item.tier_key = core->tier_key(item.key);
  std::make_shared<AtomicWrite>(core, std::move(item), std::move(change.revision), call)->start();
}

template <class T>
std::shared_ptr<Gather<Result<T>>> begin(Core& core, std::optional<Duration> timeout,
                                         Handler<Result<T>> done) {
  return core.begin_call<Result<T>>(1, timeout, [done = std::move(done)](std::vector<Result<T>> one) mutable {
    done(std::move(one.front()));
  });
}

}  // namespace

void start_current(const std::shared_ptr<Core>& core, std::string key, std::optional<Duration> timeout,
                   bool may_guess, Handler<Result<Current>> done) {
  const auto call = begin<Current>(*core, timeout, std::move(done));
  if (!call->open()) return;
  if (auto why = core->refuse_key(key)) return call->end(std::move(*why));
  if (auto why = refuse(*core)) return call->end(std::move(*why));
  if (core->levels.empty()) return call->set_outcome(0, current_in_memory(*core, key));
  std::make_shared<CurrentRead>(core, std::move(key), call)->start(may_guess);
}

void start_compare_and_set(const std::shared_ptr<Core>& core, AtomicChange change,
                           std::optional<Duration> timeout, Handler<Result<bool>> done) {
  const auto call = begin<bool>(*core, timeout, std::move(done));
  if (!call->open()) return;
  if (auto why = core->refuse_key(change.key)) return call->end(std::move(*why));
  if (auto why = refuse(*core)) return call->end(std::move(*why));
  if (auto why = refuse_tags(change.tags)) return call->end(std::move(*why));
  if (change.life == AtomicLife::given && change.ttl <= Duration::zero())
    return call->end(Error(Errc::invalid_argument, "the ttl of " + printable_key(change.key) +
                                                       " is not above 0; remove the key, or give no ttl"));
  if (change.tags.empty()) {
    TagMarks kept = change.revision.tags;
    return change_with(core, std::move(change), std::move(kept), call);
  }
  const std::vector<std::string> tags = change.tags;
  make_tag_tokens(
      core, tags, token_life(*core, change),
      [core, change = std::move(change), call](const Result<std::vector<Token>>& tokens) mutable {
        if (!tokens)
          return call->set_outcome(
              0, Error(tokens.error().code, "nothing has changed, because the tags cannot be looked up: " +
                                                tokens.error().context));
        TagMarks marks = core->tags.mark(change.tags, *tokens);
        change_with(core, std::move(change), std::move(marks), call);
      });
}

}  // namespace terrace::cascade
