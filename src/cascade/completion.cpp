/// Completion: the end of a flight. With a lease, the waiting callers are answered first; then the tiers that lack
/// the value are filled, and memory last. Without one, memory gets the value first.
///
/// A shared tier takes a fill only from the holder of the key's lease, and only if the key has not been
/// changed since the lease was granted. Memory and later readers get the value after the tier has accepted
/// it. If a tier rejects the fill, the callers that have waited for the load keep their answer, but no level
/// and no later caller gets it.
///
/// The ways to end a flight:
///
///     complete_uncached ──► callers
///     complete_failed ────► callers: the candidate, or the error
///     complete ───────────► memory, callers
///     complete_with_fill ─► no shared tier to fill: memory, callers, then the other tiers (fill_unshared)
///                        └► otherwise LeasedFill:
///
///     start: callers ──► fill_unshared ──► fill_leased ──all accepted──► complete: memory, late callers
///       │                                      └──a lease is void──► recover: unshared tiers without a claim are erased again
///       └──the stamp is void──► reject ◄─────────────────────────────┘    (reject: late callers read again)

#include "cascade/completion.hpp"

#include <algorithm>

#include "cascade/reading.hpp"
#include "cascade/writing.hpp"

namespace terrace::cascade {
namespace {

/// What is known of an answer before it is filled. A tier reports the changes of keys that it has. It reports
/// nothing when another process erases a key that it does not have, so of a value from the loader nobody knows
/// whether it is still right.
StalenessProof found(const Core& core, const FlightPtr& flight, const Answer& answer) {
  const bool in_tier = answer.level != memory_level && answer.level <= core.levels.size();
  return {flight->began, in_tier && core.levels[answer.level - 1]->shared != nullptr};
}

/// Held from before a reader is answered until the fills that follow have ended. flush() waits for it.
using Intent = std::shared_ptr<const Fills::UnderWay>;

Intent intend(const Core& core) {
  return std::make_shared<const Fills::UnderWay>(core.fills);
}

/// Puts the value into a tier that gives out no leases. False: the tier's claim is gone (claims.hpp), which counts as a
/// rejected fill.
void put(const std::shared_ptr<Core>& core, std::size_t tier, const Flight& flight, BytesView stored,
         std::optional<Duration> life, Handler<Result<bool>> done) {
  const Level& level = *core->levels[tier];
  const std::string key = core->tier_key(flight.key);
  if (level.fills == FillRule::claim) {
    core->ask<bool>(
        [&](TimePoint deadline, Handler<Result<bool>> told) {
          level.tier->compare_and_set_many({{key, *flight.seen[tier].stale, stored, life}}, deadline,
                                           [told = std::move(told)](std::vector<Result<bool>> one) mutable {
                                             told(std::move(one.front()));
                                           });
        },
        [core, done = std::move(done)](const Result<bool>& taken) mutable {
          if (taken && !*taken) core->counters.add(&CacheStats::rejected_fills);
          done(taken);
        });
  } else {
    core->ask<void>(
        [&](TimePoint deadline, Handler<Result<void>> told) {
          level.tier->set(key, stored, life, deadline, std::move(told));
        },
        [done = std::move(done)](const Result<void>& outcome) mutable {
          done(outcome ? Result<bool>(true) : outcome.error());
        });
  }
}

/// Fills a tier that gives out no leases. A claim protects it from an old value; a tier of this process alone is
/// protected by the generation of the key, and because writes to the key wait for its fills.
void fill_unshared(const std::shared_ptr<Core>& core, std::size_t tier, const FlightPtr& flight,
                   BytesView stored, const Entry& entry, const Intent& intent) {
  const auto life = core->tier_life(entry);
  if (life && *life <= Duration::zero()) return;
  // Before the check: a writer that bumps the generation after the check finds this fill, and waits for it.
  Fills::UnderWay filling(core->fills, flight->key);
  if (!core->generations.valid(flight->stamp)) {
    core->counters.add(&CacheStats::rejected_fills);
    return;
  }
  const std::uint64_t ticket = core->levels[tier]->recovery.ticket();
  put(core, tier, *flight, stored, life,
      [core, tier, flight, ticket, intent, filling = std::move(filling)](const Result<bool>& outcome) {
        // Another process has changed the key since the lookup: what memory got before is outdated.
        if (outcome && !*outcome) return core->on_notice(flight->key);
        if (core->levels[tier]->fills != FillRule::own || outcome || core->generations.valid(flight->stamp))
          return;
        // The tier did not report the outcome in time, and the key has changed: the old value may still
        // arrive.
        core->invalidate(flight->key);
        recover(core, tier, core->tier_key(flight->key), ticket);
      });
}

/// Keeps the value beside the entry of others that the key has in this tier (beside.hpp). Nothing is lost if
/// that fails, and nothing is wrong if the key changes meanwhile.
void fill_beside(const std::shared_ptr<Core>& core, std::size_t tier, const Flight& flight, BytesView stored,
                 const Entry& entry) {
  // Nothing erases it when it counts no more, so it does not stay without end.
  constexpr Duration longest = std::chrono::hours(24);
  const Duration life = std::min(core->tier_life(entry).value_or(longest), longest);
  if (life <= Duration::zero()) return;
  Fills::UnderWay filling(core->fills, flight.key);
  core->ask<void>(
      [&](TimePoint deadline, Handler<Result<void>> done) {
        core->levels[tier]->tier->set(core->beside_key(flight.key),
                                      beside::wrap(flight.seen[tier].beside, stored), life, deadline,
                                      std::move(done));
      },
      [core, filling = std::move(filling)](const Result<void>&) {});
}

/// Fills the shared tiers under leases, and the other tiers before them: if a lease turns out to be void, it
/// is known which of the others got the value, and it is erased there again, except where a claim protects them.
/// If a fill has no outcome, the lease is asked for: the others keep the value if it still held after they had
/// got it.
class LeasedFill : public std::enable_shared_from_this<LeasedFill> {
 public:
  LeasedFill(std::shared_ptr<Core> core, FlightPtr flight, Answer answer, BytesView stored)
      : core_(std::move(core)),
        flight_(std::move(flight)),
        key_(core_->tier_key(flight_->key)),
        answer_(std::move(answer)),
        stored_(stored),
        filling_(core_->fills, flight_->key) {}

  void start(std::vector<std::size_t> leased, std::vector<std::size_t> unshared, bool watched) {
    leased_ = std::move(leased);
    unshared_ = std::move(unshared);
    watched_ = watched;
    answer_callers(*core_, flight_, core_->flights.begin_fill(flight_), answer_,
                   found(*core_, flight_, answer_));
    // A writer that bumps the generation after this check waits for the fills, and writes after them.
    if (!is_current()) return reject();
    fill_unshared();
  }

 private:
  /// A value that was loaded under the leases of all shared tiers may be filled although one of them has
  /// reported a change: the old value's expiry, or a write of another process from before the lease. If the
  /// change came after the lease, the tier that reported it rejects the fill.
  bool is_current() {
    const auto shared = std::count_if(core_->levels.begin(), core_->levels.end(),
                                      [](const auto& level) { return level->shared != nullptr; });
    const bool all_leased = answer_.level > core_->levels.size() && std::cmp_equal(leased_.size(), shared);
    return all_leased ? core_->generations.accept_notices(flight_->stamp)
                      : core_->generations.valid(flight_->stamp);
  }

  void fill_unshared() {
    if (unshared_.empty()) return fill_leased();
    left_ = unshared_.size();
    const auto life = core_->tier_life(answer_.entry);
    for (const std::size_t tier : unshared_) {
      tickets_.push_back(core_->levels[tier]->recovery.ticket());
      put(core_, tier, *flight_, stored_, life, [self = shared_from_this()](const Result<bool>&) {
        if (--self->left_ == 0) self->fill_leased();
      });
    }
  }

  void fill_leased() {
    left_ = leased_.size();
    filled_at_ = core_->now();
    for (const std::size_t tier : leased_) {
      core_->levels[tier]->fill_turns.begin(stored_.size(),
                                            [self = shared_from_this(), tier] { self->fill_leased(tier); });
    }
  }
  void fill_leased(std::size_t tier) {
    core_->levels[tier]->own_notices.sending(flight_->key);
    core_->ask<bool>(
        [&](TimePoint deadline, Handler<Result<bool>> done) {
          // At least 1 ms: if it has expired while it waited, the TTL must not become an error.
          auto life = core_->tier_life(answer_.entry);
          if (life) life = std::max<Duration>(*life, std::chrono::milliseconds(1));
          core_->levels[tier]->shared->fill(key_, *flight_->seen[tier].lease, stored_, life, deadline,
                                            std::move(done));
        },
        [self = shared_from_this(), tier](const Result<bool>& accepted) {
          const Core& core = *self->core_;
          core.levels[tier]->own_notices.answered(self->flight_->key, !accepted || *accepted, core.now());
          core.levels[tier]->fill_turns.end(self->stored_.size());
          if (!accepted) core.levels[tier]->lease_errors.add(accepted.error(), core.now());
          if (accepted && *accepted) self->flight_->seen[tier].lease.reset();
          if (accepted && !*accepted) self->rejected_ = true;
          if (!accepted) self->watched_ = false;
          if (!accepted && self->may_take_back()) return self->ask_for_lease(tier);
          self->answered();
        });
  }
  void ask_for_lease(std::size_t tier) {
    core_->ask<bool>(
        [&](TimePoint deadline, Handler<Result<bool>> done) {
          core_->levels[tier]->shared->renew(key_, *flight_->seen[tier].lease, core_->options.lease_time,
                                             deadline, std::move(done));
        },
        [self = shared_from_this()](const Result<bool>& held) {
          if (!held) self->doubtful_ = true;
          if (held && !*held) self->rejected_ = true;
          self->answered();
        });
  }

  /// Nothing but the leases above protects this tier.
  [[nodiscard]] bool is_own(std::size_t tier) const { return core_->levels[tier]->fills == FillRule::own; }
  [[nodiscard]] bool may_take_back() const {
    return std::any_of(unshared_.begin(), unshared_.end(), [this](std::size_t tier) { return is_own(tier); });
  }

  void answered() {
    if (--left_ > 0) return;
    if (rejected_ || doubtful_) {
      for (std::size_t i = 0; i < unshared_.size(); ++i) {
        if (is_own(unshared_[i])) recover(core_, unshared_[i], key_, tickets_[i]);
      }
    }
    if (!rejected_) {
      release_leases(*core_, flight_, LeaseEnd::not_kept);  // of the tiers that did not confirm the fill
      // A tier accepts a fill only if the key has not been changed since the lease was granted. So the value
      // was still right at the time of the fill.
      const TimePoint as_of = watched_ ? filled_at_ : flight_->began;
      return complete(*core_, flight_, answer_, {as_of, watched_});
    }
    reject();
  }

  void reject() {
    core_->counters.add(&CacheStats::rejected_fills);
    release_leases(*core_, flight_);
    std::vector<std::pair<std::string, Waiter>> late;
    for (Waiter& waiter : core_->flights.end(flight_)) late.emplace_back(flight_->key, std::move(waiter));
    join_or_begin(core_, std::move(late), false);
  }

  const std::shared_ptr<Core> core_;
  const FlightPtr flight_;
  const std::string key_;  // in the tiers
  const Answer answer_;
  const Bytes stored_;
  const Fills::UnderWay filling_;
  std::vector<std::size_t> leased_;
  std::vector<std::size_t> unshared_;
  std::vector<std::uint64_t> tickets_;  // of the unshared
  TimePoint filled_at_;
  std::atomic<bool> watched_{true};
  std::atomic<bool> rejected_{false};
  std::atomic<bool> doubtful_{false};  // whether a lease still held is not known
  std::atomic<std::size_t> left_{0};
};

}  // namespace

void answer_callers(Core& core, const FlightPtr& flight, std::vector<Waiter> waiters, const Answer& answer,
                    const StalenessProof& proof) {
  const bool is_found = answer.kind == LookupKind::hit || answer.kind == LookupKind::negative;
  const bool good_for_all = !is_found || (core.values->gate().open(proof.as_of, proof.watched, core.now()) &&
                                          !was_invalidated(answer.entry.tags));
  std::vector<std::pair<std::string, Waiter>> again;
  for (Waiter& waiter : waiters) {
    if (waiter.late && !good_for_all) {
      again.emplace_back(flight->key, std::move(waiter));
      continue;
    }
    if (answer.kind == LookupKind::stale) {
      if (answer.level == memory_level) {
        core.counters.add(&CacheStats::stale_served);
      } else {
        core.levels[answer.level - 1]->counters.add(&LevelStats::stale_hits);
      }
    }
    Answer own = answer;
    own.joined = std::exchange(flight->answered, true);
    if (own.joined) core.counters.add(&CacheStats::joined);
    waiter.call->set_outcome(waiter.index, std::move(own));
  }
  if (!again.empty()) join_or_begin(core.shared_from_this(), std::move(again), false);
}

void complete(Core& core, const FlightPtr& flight, const Answer& answer, const StalenessProof& proof) {
  // A negative answer of the loader is kept only if it has a TTL.
  const bool lasting =
      answer.kind == LookupKind::hit || (answer.kind == LookupKind::negative &&
                                         (answer.level <= core.levels.size() || answer.entry.fresh_until));
  if (lasting && answer.level != memory_level &&
      !core.remember(flight->key, answer.entry, proof, flight->stamp)) {
    core.counters.add(&CacheStats::rejected_fills);
  }
  answer_callers(core, flight, core.flights.end(flight), answer, proof);
}

void complete_uncached(Core& core, const FlightPtr& flight, const Answer& answer) {
  answer_callers(core, flight, core.flights.end(flight), answer, found(core, flight, answer));
}

void complete_with_fill(const std::shared_ptr<Core>& core, const FlightPtr& flight, const Answer& answer,
                        BytesView stored) {
  std::vector<std::size_t> leased;
  std::vector<std::size_t> unshared;
  std::vector<std::size_t> besides;
  bool watched = true;  // every shared tier down to the answer's level has the value, or will be filled
  for (std::size_t tier = 0; tier < core->levels.size(); ++tier) {
    if (tier + 1 == answer.level) break;
    const Level& level = *core->levels[tier];
    const bool shared = level.shared != nullptr;
    if (!flight->seen[tier].beside.empty()) {
      // As for a hit there: the tier reports every change of the entry that it stands beside.
      if (flight->seen[tier].missed) besides.push_back(tier);
    } else if (!flight->seen[tier].missed) {
      watched = watched && !shared;
    } else if (level.fills == FillRule::never) {
      continue;
    } else if (!shared) {
      // If a narrow level has these bytes already, and a level below has just confirmed them, nothing is
      // written.
      if (!level.narrow || flight->seen[tier].stale != stored) unshared.push_back(tier);
    } else if (flight->seen[tier].lease) {
      leased.push_back(tier);
    } else {
      watched = false;
    }
  }
  const auto life = core->tier_life(answer.entry);
  if (leased.empty() || stored.empty() || (life && *life <= Duration::zero())) {
    const Intent intent = intend(*core);
    const bool absent = answer.kind == LookupKind::negative && !answer.entry.fresh_until;
    release_leases(*core, flight, absent ? LeaseEnd::absent : LeaseEnd::not_kept);
    complete(*core, flight, answer, {flight->began, watched && leased.empty()});
    if (stored.empty()) return;
    for (const std::size_t tier : unshared) fill_unshared(core, tier, flight, stored, answer.entry, intent);
    for (const std::size_t tier : besides) fill_beside(core, tier, *flight, stored, answer.entry);
  } else {
    std::make_shared<LeasedFill>(core, flight, answer, stored)
        ->start(std::move(leased), std::move(unshared), watched);
    for (const std::size_t tier : besides) fill_beside(core, tier, *flight, stored, answer.entry);
  }
}

void answer_stale(Core& core, const FlightPtr& flight, TimePoint latest, std::optional<TimePoint>& next) {
  auto waiters = core.flights.take_early(flight, latest, next);
  if (waiters.empty()) return;
  const Answer answer =
      core.candidate_or(flight, Error(Errc::timed_out, "the loader took longer than soft_load_timeout"));
  answer_callers(core, flight, std::move(waiters), answer, found(core, flight, answer));
}

void complete_load_failed(Core& core, const FlightPtr& flight, const Error& why, LeaseEnd end) {
  if (!flight->candidate) core.pause_loads(flight->key, why);
  complete_failed(core, flight, why, end);
}

void complete_failed(Core& core, const FlightPtr& flight, const Error& why, LeaseEnd end) {
  release_leases(core, flight, end);
  if (flight->refresh) core.refresh_pauses.begin(flight->key, why, core.options.retry_after);
  complete_uncached(core, flight, core.candidate_or(flight, why));
}

}  // namespace terrace::cascade
