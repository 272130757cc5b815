/// The lookup: asks the tiers, from the highest to the lowest, for keys that memory does not have.
///
///     step ─► ask ─► took ─► check_tags ─► lease ─► leased ─► check_tags ─► pass ─► step, for the next tier
///                     └─► ask_beside ─┘  (the key has a fresh entry of others: beside.hpp; also after leased)
///       │                                    ├──(no leases, but claims)─► claim ─┤
///       │                                    └──(neither)────────────────────────┘
///       └──(no tier left) ─► finish ─► start_load
///
/// A flight leaves the lookup before its end in three ways:
///  - a tier has a fresh value: classify_hit, complete_with_fill;
///  - another process holds the lease of the key: await_lease, which comes back by resume_lookup;
///  - the same, and there is a stale value to serve meanwhile: complete_failed.

#include <algorithm>

#include "cascade/claims.hpp"
#include "cascade/completion.hpp"
#include "cascade/reading.hpp"
#include "cascade/tags.hpp"
#include "cascade/write_back_tiers.hpp"

namespace terrace::cascade {
namespace {

/// One lookup of several flights: one call of each tier, however many keys.
class LevelLookup : public std::enable_shared_from_this<LevelLookup> {
 public:
  LevelLookup(std::shared_ptr<Core> core, std::vector<FlightPtr> flights, TiersOfCallPtr tiers = nullptr)
      : core_(std::move(core)), tiers_(std::move(tiers)), flights_(std::move(flights)) {}

  /// Asks the next tier for the keys that are still open; after the last tier loads them.
  void step() {
    while (!flights_.empty()) {
      if (next_ == core_->levels.size()) return finish();
      tier_ = next_++;
      if (level().narrow && core_->options.consistency == Consistency::strong) continue;
      asked_.clear();
      passed_.clear();
      for (auto& flight : flights_) (trusted(flight) ? asked_ : passed_).push_back(std::move(flight));
      flights_ = std::move(passed_);
      passed_.clear();
      if (!asked_.empty()) return ask();
    }
  }

  /// Goes on at this tier with a single flight, which has waited for the lease.
  void resume(std::size_t tier, Result<LeaseReply> reply) {
    tier_ = tier;
    next_ = tier + 1;
    asked_ = std::exchange(flights_, {});
    std::vector<Result<LeaseReply>> one;
    one.push_back(std::move(reply));
    leased(std::move(one));
  }

 private:
  struct Hit {
    FlightPtr flight;
    Bytes stored;
    Unwrapped unwrapped;
  };

  [[nodiscard]] Level& level() const { return *core_->levels[tier_]; }

  bool trusted(const FlightPtr& flight) const {
    if (journalled(*core_, flight->key) != Journalled::nothing) return false;
    if (level().recovery.trusts(core_->tier_key(flight->key))) return true;
    flight->unavailable =
        Error(Errc::unavailable, level().name + ": it missed a change of the key and has not caught up");
    return false;
  }

  void ask() {
    asked_at_ = core_->now();
    if (const auto stopped = tiers_ ? tiers_->stopped(tier_) : std::nullopt)
      return took(std::vector<Result<Found>>(asked_.size(), *stopped));
    keys_.clear();
    for (const auto& flight : asked_) keys_.push_back(core_->tier_key(flight->key));
    Tier& tier = *level().tier;
    if (keys_.size() == 1) {
      core_->ask<Found>([&](TimePoint deadline,
                            Handler<Result<Found>> done) { tier.get(keys_[0], deadline, std::move(done)); },
                        [self = shared_from_this()](Result<Found> found) {
                          std::vector<Result<Found>> one;
                          one.push_back(std::move(found));
                          self->took(std::move(one));
                        });
    } else {
      get_keys(
          [self = shared_from_this()](std::vector<Result<Found>> found) { self->took(std::move(found)); });
    }
  }

  /// Asks the tier for keys_.
  void get_keys(Handler<std::vector<Result<Found>>> done) {
    core_->ask_in_chunks<Found>(
        keys_.size(),
        [self = shared_from_this()](KeyRange keys, TimePoint deadline,
                                    Handler<std::vector<Result<Found>>> told) {
          const auto first = self->keys_.begin() + static_cast<std::ptrdiff_t>(keys.first);
          self->level().tier->get_many({first, first + static_cast<std::ptrdiff_t>(keys.count)}, deadline,
                                       std::move(told));
        },
        nullptr, std::move(done));
  }

  void took(std::vector<Result<Found>> found) {
    level().latency.record(core_->now() - asked_at_);
    if (tiers_ && std::none_of(found.begin(), found.end(), [](const auto& each) { return bool(each); }) &&
        is_of_the_tier(found.back().error())) {
      tiers_->stop(tier_, found.back().error());
    }
    std::vector<Hit> hits;
    for (std::size_t i = 0; i < found.size(); ++i) {
      FlightPtr& flight = asked_[i];
      if (!found[i]) {
        level().errors.add(found[i].error());
        flight->unavailable = Error(found[i].error().code, level().name + ": " + found[i].error().context);
        flights_.push_back(std::move(flight));
      } else if (!*found[i]) {
        miss(std::move(flight), std::nullopt);
      } else {
        open(std::move(flight), std::move(**found[i]), hits);
      }
    }
    look_beside(std::move(hits), [self = shared_from_this()] { self->lease(); });
  }

  /// The flights whose key has a fresh entry of others: is there an own one beside it?
  template <class Then>
  void look_beside(std::vector<Hit> hits, Then then) {
    if (of_others_.empty()) return check_tags(std::move(hits), std::move(then));
    keys_.clear();
    for (const auto& flight : of_others_) keys_.push_back(core_->beside_key(flight->key));
    get_keys([self = shared_from_this(), hits = std::move(hits),
              then = std::move(then)](std::vector<Result<Found>> found) mutable {
      for (std::size_t i = 0; i < found.size(); ++i)
        self->took_beside(std::move(self->of_others_[i]), found[i], hits);
      self->of_others_.clear();
      self->check_tags(std::move(hits), std::move(then));
    });
  }

  void took_beside(FlightPtr flight, const Result<Found>& found, std::vector<Hit>& hits) {
    auto stored = found && *found ? beside::open(flight->seen[tier_].beside, **found) : std::nullopt;
    if (stored) {
      auto unwrapped = core_->unwrap(flight->key, *stored);
      if (unwrapped && *unwrapped)
        return hits.push_back({std::move(flight), std::move(*stored), std::move(**unwrapped)});
    }
    level().counters.add(&LevelStats::unreadable);
    miss(std::move(flight), std::nullopt);
  }

  /// The tier has nothing under the flight's key, or something that cannot be used: `stored`.
  void miss(FlightPtr flight, std::optional<Bytes> stored) {
    level().counters.add(&LevelStats::misses);
    flight->seen[tier_].missed = true;
    flight->seen[tier_].stale = std::move(stored);
    passed_.push_back(std::move(flight));
  }

  void open(FlightPtr flight, Bytes stored, std::vector<Hit>& hits) {
    auto unwrapped = core_->unwrap(flight->key, stored);
    if (unwrapped && *unwrapped) {
      hits.push_back({std::move(flight), std::move(stored), std::move(**unwrapped)});
    } else if (!unwrapped && !level().narrow &&
               beside::is_of_others(unwrapped.error(), stored, core_->wall_now())) {
      flight->seen[tier_].beside = envelope::identity(stored);
      of_others_.push_back(std::move(flight));
    } else {
      if (!unwrapped) level().counters.add(&LevelStats::unreadable);
      miss(std::move(flight), std::move(stored));
    }
  }

  /// Finds the tokens of the hits' tags, then classifies each hit. What a watch reports between a token's answer
  /// and here may be older than the answer, such as the token's own creation: the token is asked for again.
  template <class Then>
  void check_tags(std::vector<Hit> hits, Then then, int rounds = 3) {
    std::vector<std::string> tags;
    for (const Hit& hit : hits) tags.insert(tags.end(), hit.unwrapped.tags.begin(), hit.unwrapped.tags.end());
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    if (tags.empty()) {
      for (Hit& hit : hits) classify_hit(std::move(hit), TagVerdict::valid);
      return then();
    }
    find_tag_tokens(core_, tags,
                    [self = shared_from_this(), tags, hits = std::move(hits), then = std::move(then),
                     rounds](const Result<std::vector<Token>>& found) mutable {
                      std::vector<Hit> again;
                      for (Hit& hit : hits) {
                        Unwrapped& of = hit.unwrapped;
                        of.entry.tags = self->core_->tags.mark(of.tags, of.tokens);
                        const TagVerdict tagged = verdict(of.entry.tags);
                        const bool outdated =
                            tagged != TagVerdict::valid && found && has_tokens(of, tags, *found);
                        if (outdated && rounds > 1) {
                          again.push_back(std::move(hit));
                        } else {
                          self->classify_hit(std::move(hit), tagged);
                        }
                      }
                      if (again.empty()) return then();
                      self->check_tags(std::move(again), std::move(then), rounds - 1);
                    });
  }

  /// The entry's tokens are the ones that were found, in the order of the sorted `tags`.
  static bool has_tokens(const Unwrapped& entry, const std::vector<std::string>& tags,
                         const std::vector<Token>& found) {
    for (std::size_t i = 0; i < entry.tags.size(); ++i) {
      const auto at = std::lower_bound(tags.begin(), tags.end(), entry.tags[i]) - tags.begin();
      if (compare_tokens(entry.tokens[i], found[static_cast<std::size_t>(at)]) != TagVerdict::valid)
        return false;
    }
    return true;
  }

  /// A fresh value answers its flight; a stale one becomes the candidate, in case nothing better is found. So
  /// does every value of a narrow level: another process may have changed or erased the key since, and such a
  /// level is not notified of that.
  void classify_hit(Hit hit, TagVerdict tags) {
    Entry& entry = hit.unwrapped.entry;
    const TimePoint now = core_->now();
    const bool due = hit.flight->refresh && core_->refresh_due(entry);
    if (!level().narrow && tags == TagVerdict::valid && entry.fresh(now) && !due) {
      level().counters.add(&LevelStats::hits);
      if (!entry.value) level().counters.add(&LevelStats::negative_hits);
      const Answer answer{.kind = entry.value ? LookupKind::hit : LookupKind::negative,
                          .entry = std::move(entry),
                          .level = tier_ + 1};
      return complete_with_fill(core_, hit.flight, answer, hit.stored);
    }
    core_->keep_candidate(*hit.flight, std::move(entry), tier_ + 1, !level().narrow);
    miss(std::move(hit.flight), std::move(hit.stored));
  }

  /// Coherence rule "Lease": only the holder of a key's lease may fill a shared tier; the others wait.
  void lease() {
    if (level().fills == FillRule::claim) return claim();
    if (level().shared == nullptr) return pass();
    asked_ = take_passed([](const Flight&) { return true; });
    if (asked_.empty()) return pass();
    struct Replies {
      explicit Replies(std::size_t n) : of(n), left(n) {}
      std::vector<Result<LeaseReply>> of;
      std::atomic<std::size_t> left;
    };
    auto replies = std::make_shared<Replies>(asked_.size());
    const auto asking = asked_;  // the last reply moves on with asked_, perhaps within this loop
    for (std::size_t i = 0; i < asking.size(); ++i) {
      acquire_lease(*core_, asking[i], tier_, {}, false,
                    [self = shared_from_this(), replies, i](Result<LeaseReply> reply) {
                      replies->of[i] = std::move(reply);
                      if (--replies->left == 0) self->leased(std::move(replies->of));
                    });
    }
  }

  /// Of the flights that this tier does not have, takes those that may find a value below it for this tier.
  template <class Chosen>
  std::vector<FlightPtr> take_passed(Chosen chosen) {
    std::vector<FlightPtr> taken;
    std::vector<FlightPtr> rest;
    for (auto& flight : passed_) {
      const bool more = flight->seen[tier_].beside.empty() && chosen(*flight) &&
                        (core_->more_answers(next_) ||
                         (core_->flights.wants_load(flight) && !core_->load_pause(flight->key)));
      (more ? taken : rest).push_back(std::move(flight));
    }
    passed_ = std::move(rest);
    return taken;
  }

  /// Coherence rule "Claim": what is found below, or loaded, may fill this tier only in place of what it holds now.
  /// Where it holds nothing, it gets a claim.
  void claim() {
    asked_ = take_passed([this](const Flight& flight) {
      const Flight::Seen& seen = flight.seen[tier_];
      return seen.missed && !seen.stale;
    });
    if (asked_.empty()) return pass();
    keys_.clear();
    for (const auto& flight : asked_) {
      keys_.push_back(core_->tier_key(flight->key));
      flight->seen[tier_].stale = claims::make(core_->options, flight->key);
    }
    core_->ask_in_chunks<bool>(
        keys_.size(),
        [self = shared_from_this()](KeyRange keys, TimePoint deadline,
                                    Handler<std::vector<Result<bool>>> told) {
          std::vector<TierSwap> writes;
          for (std::size_t i = keys.first; i < keys.first + keys.count; ++i) {
            const Bytes& claim = *self->asked_[i]->seen[self->tier_].stale;
            writes.push_back(
                {self->keys_[i], std::nullopt, claim, claims::life(self->core_->options.load_timeout)});
          }
          self->level().tier->compare_and_set_many(std::move(writes), deadline, std::move(told));
        },
        nullptr, [self = shared_from_this()](const std::vector<Result<bool>>& made) { self->claimed(made); });
  }

  /// Without a claim the tier is not filled: another process has just put something there, or it cannot be asked.
  void claimed(const std::vector<Result<bool>>& made) {
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (!made[i]) level().lease_errors.add(made[i].error(), core_->now());
      asked_[i]->seen[tier_].missed = made[i] && *made[i];
      passed_.push_back(std::move(asked_[i]));
    }
    asked_.clear();
    pass();
  }

  void leased(std::vector<Result<LeaseReply>> replies) {
    std::vector<Hit> hits;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      FlightPtr flight = std::move(asked_[i]);
      Result<LeaseReply>& reply = replies[i];
      if (!reply) {
        flight->unavailable = Error(reply.error().code, level().name + ": " + reply.error().context);
        passed_.push_back(std::move(flight));
      } else if (reply->kind == LeaseReply::Kind::value) {
        open(std::move(flight), std::move(reply->value), hits);
      } else if (reply->kind == LeaseReply::Kind::granted) {
        passed_.push_back(std::move(flight));
      } else {
        held(std::move(flight), *reply);
      }
    }
    look_beside(std::move(hits), [self = shared_from_this()] { self->pass(); });
  }

  /// Another process is loading the key. A stale candidate may be served meanwhile only if this tier has a
  /// stale value as well: otherwise the key may have been erased since memory got it.
  void held(FlightPtr flight, const LeaseReply& reply) {
    if (flight->candidate && flight->seen[tier_].stale) {
      return complete_failed(*core_, flight, Error(Errc::unavailable, "another process is loading it"));
    }
    await_lease(core_, std::move(flight), tier_, reply);
  }

  /// To the next tier, with the flights that are still open.
  void pass() {
    for (auto& flight : passed_) flights_.push_back(std::move(flight));
    passed_.clear();
    step();
  }

  /// No level has these keys.
  void finish() {
    std::vector<FlightPtr> loading;
    for (const auto& flight : flights_) {
      auto lookers = core_->flights.begin_load(flight);
      if (flight->phase == Flight::Phase::loading) {
        loading.push_back(flight);
      } else {
        release_leases(*core_, flight);
      }
      const Answer answer =
          flight->unavailable ? core_->candidate_or(flight, *flight->unavailable) : Answer{};
      for (const Waiter& waiter : lookers) waiter.call->set_outcome(waiter.index, answer);
    }
    if (!loading.empty()) start_load(core_, loading);
  }

  std::shared_ptr<Core> core_;
  const TiersOfCallPtr tiers_;
  std::vector<FlightPtr> flights_;    // to be asked for at the next tier
  std::vector<FlightPtr> asked_;      // being asked for at this tier
  std::vector<FlightPtr> of_others_;  // of these, the ones whose key has a fresh entry of others
  std::vector<FlightPtr> passed_;     // of these, the ones that this tier does not have
  std::vector<std::string> keys_;
  std::size_t next_ = 0;
  std::size_t tier_ = 0;
  TimePoint asked_at_;
};

}  // namespace

void start_lookup(std::shared_ptr<Core> core, std::vector<FlightPtr> flights, TiersOfCallPtr tiers) {
  std::make_shared<LevelLookup>(std::move(core), std::move(flights), std::move(tiers))->step();
}

void resume_lookup(std::shared_ptr<Core> core, FlightPtr flight, std::size_t tier, Result<LeaseReply> reply) {
  std::vector<FlightPtr> one{std::move(flight)};
  std::make_shared<LevelLookup>(std::move(core), std::move(one))->resume(tier, std::move(reply));
}

}  // namespace terrace::cascade
