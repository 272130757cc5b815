/// Write mode back over the tiers. A change is acknowledged when it is in the journal (write_back.hpp). Later
/// a batch of changes is flushed: to the program's writer, or to the lowest tier; then to the other tiers.
/// The first of them decides whether a change is flushed; changes that another tier misses are left to
/// recovery.
///
///     start ──► confirm (JournalOwner) ──► begin: the writer, if there is one
///           ──► step ──► wait for fills ──► set ──► erase ──► next ──► step, for the next tier ──► done

#include "cascade/write_back_tiers.hpp"

#include <algorithm>

#include "cascade/writing.hpp"
#include "envelope/seal.hpp"

namespace terrace::cascade {
namespace {

/// The flush of one batch: to the writer, then to the tiers from the lowest to the highest.
class BatchFlush : public std::enable_shared_from_this<BatchFlush> {
 public:
  BatchFlush(std::shared_ptr<Core> core, std::vector<Change> changes, Handler<std::vector<Result<void>>> done)
      : core_(std::move(core)),
        changes_(std::move(changes)),
        done_(std::move(done)),
        outcomes_(changes_.size()),
        left_(core_->levels.size()) {}

  void start() {
    for (const Change& change : changes_) keys_.push_back(core_->tier_key(change.key));
    if (core_->journal_owner == nullptr) return begin();
    core_->journal_owner->confirm([self = shared_from_this()](const Result<void>& ours) {
      if (!ours) return self->refuse(ours.error());
      self->begin();
    });
  }

 private:
  /// Nothing is sent; WriteBack tries the changes again later.
  void refuse(const Error& why) { done_(std::vector<Result<void>>(changes_.size(), why)); }

  void begin() {
    if (core_->options.writer == nullptr) return step();
    core_->scheduler->post_blocking([self = shared_from_this()] {
      self->outcomes_ = self->core_->options.writer->write(self->items());
      self->decided_ = true;
      self->core_->scheduler->post([self] { self->step(); });
    });
  }

  [[nodiscard]] std::vector<WriteBackWriter::Item> items() const {
    std::vector<WriteBackWriter::Item> items;
    for (const Change& change : changes_) {
      items.push_back({change.key, nullptr, change.version});
      if (change.erased) continue;
      // The writer gets the value even if its TTL is over.
      const auto opened = core_->open_payload(change.key, change.stored);
      if (opened) items.back().value = *opened;
    }
    return items;
  }

  /// The next tier. Changes that the writer, or without one the lowest tier, has not taken go to no other
  /// tier.
  void step() {
    if (left_ == 0) return done_(std::move(outcomes_));
    tier_ = --left_;
    sets_.clear();
    erases_.clear();
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      if (!outcomes_[i]) continue;
      (time_left(changes_[i]) ? sets_ : erases_).push_back(i);
    }
    // A fill from before the change may still be under way.
    std::vector<std::string> filled;
    for (const Change& change : changes_) filled.push_back(change.key);
    core_->fills->when_ended(filled, [self = shared_from_this()] {
      self->ticket_ = self->core_->levels[self->tier_]->recovery.ticket();
      self->set();
    });
  }

  /// The rest of the lifetime. None: the tier is to have nothing; Duration::max(): no limit.
  [[nodiscard]] std::optional<Duration> time_left(const Change& change) const {
    if (change.erased) return std::nullopt;
    if (!change.expires) return Duration::max();
    const Duration left = *change.expires - core_->scheduler->clock().wall_now();
    return left > Duration::zero() ? std::optional(left) : std::nullopt;
  }

  void set() {
    if (sets_.empty()) return erase();
    std::vector<TierWrite> writes;
    for (const std::size_t i : sets_) {
      const Duration keep = time_left(changes_[i]).value_or(std::chrono::milliseconds(1));
      writes.push_back({keys_[i], changes_[i].stored,
                        keep == Duration::max() ? std::nullopt : std::optional(keep), changes_[i].version});
    }
    sending(sets_);
    core_->ask_many<void>(
        writes.size(),
        [&](TimePoint deadline, Handler<std::vector<Result<void>>> done) {
          core_->levels[tier_]->tier->set_many(std::move(writes), deadline, std::move(done));
        },
        [self = shared_from_this()](const std::vector<Result<void>>& outcomes) {
          for (std::size_t n = 0; n < outcomes.size(); ++n) {
            self->answered(self->sets_[n], true);
            self->took(self->sets_[n], outcomes[n]);
          }
          self->erase();
        });
  }

  void erase() {
    if (erases_.empty()) return next();
    std::vector<std::string_view> keys;
    for (const std::size_t i : erases_) keys.push_back(keys_[i]);
    sending(erases_);
    core_->ask_many<bool>(
        keys.size(),
        [&](TimePoint deadline, Handler<std::vector<Result<bool>>> done) {
          core_->levels[tier_]->tier->erase_many(std::move(keys), deadline, std::move(done));
        },
        [self = shared_from_this()](const std::vector<Result<bool>>& outcomes) {
          for (std::size_t n = 0; n < outcomes.size(); ++n) {
            self->answered(self->erases_[n], !outcomes[n] || *outcomes[n]);
            self->took(self->erases_[n], outcomes[n] ? Result<void>() : Result<void>(outcomes[n].error()));
          }
          self->next();
        });
  }

  void sending(const std::vector<std::size_t>& these) {
    if (core_->levels[tier_]->shared == nullptr) return;
    for (const std::size_t i : these) core_->levels[tier_]->own_notices.sending(changes_[i].key);
  }
  void answered(std::size_t i, bool changed) {
    core_->levels[tier_]->own_notices.answered(changes_[i].key, changed, core_->now());
  }
  void took(std::size_t i, const Result<void>& outcome) {
    if (outcome) {
      core_->sent(tier_);
      return core_->levels[tier_]->recovery.arrived(keys_[i], ticket_);
    }
    if (!decided_) {
      outcomes_[i] = outcome.error();
    } else {
      recover(core_, tier_, keys_[i], ticket_);
    }
  }

  void next() {
    decided_ = true;
    step();
  }

  const std::shared_ptr<Core> core_;
  const std::vector<Change> changes_;
  Handler<std::vector<Result<void>>> done_;
  std::vector<Result<void>> outcomes_;
  std::vector<std::string> keys_;
  std::size_t left_;
  std::size_t tier_ = 0;
  std::uint64_t ticket_ = 0;
  bool decided_ = false;
  std::vector<std::size_t> sets_;
  std::vector<std::size_t> erases_;
};

journal::Sealing sealing(const std::shared_ptr<const KeyRing>& keys) {
  if (keys == nullptr) return {};
  const auto place = [](BytesView context) { return "terrace journal " + std::string(context); };
  return {.seal = [=](BytesView context,
                      BytesView plain) { return envelope::seal(*keys, place(context), plain); },
          .open = [=](BytesView context,
                      BytesView sealed) { return envelope::unseal(*keys, place(context), sealed); }};
}

/// The error, if this journal must not acknowledge a change because it would never be flushed.
std::optional<Error> refusal(Core& core) {
  if (core.journal_owner == nullptr || !core.journal_owner->refused()) return std::nullopt;
  core.counters.add(&CacheStats::write_failures);
  return core.journal_owner->refusal();
}

}  // namespace

void start_write_back(const std::shared_ptr<Core>& core) {
  if (core->levels.empty() && core->options.writer == nullptr) {
    throw ConfigError(
        "cache \"" + core->options.name +
        "\": write_mode is WriteMode::back, but there is neither a tier nor a writer to write to");
  }
  const auto sink = [weak = std::weak_ptr(core)](std::vector<Change> changes,
                                                 Handler<std::vector<Result<void>>> done) {
    const std::size_t count = changes.size();
    if (const auto alive = weak.lock()) {
      std::make_shared<BatchFlush>(alive, std::move(changes), std::move(done))->start();
    } else {
      done(std::vector<Result<void>>(count, Error(Errc::shutdown)));
    }
  };
  if (const auto tier = core->shared_tier())
    core->journal_owner = std::make_shared<JournalOwner>(core, *tier);
  core->write_back =
      std::make_unique<WriteBack>(core->options.write_back, core->scheduler, sink,
                                  WriteBack::Parts{.sealing = sealing(core->options.key_ring)});
  if (core->journal_owner) core->journal_owner->start(core->write_back->journal_id());
}

void set_in_journal(const std::shared_ptr<Core>& core, const std::string& key, Entry entry, Bytes stored,
                    Handler<Result<void>> done) {
  if (auto refused = refusal(*core)) return done(*std::move(refused));
  Stamp stamp;
  core->invalidate(key, stamp);
  Change change{.key = key, .stored = std::move(stored)};
  if (const auto gone = entry.gone()) {
    // By the clock of this process: the journal may be opened again before any store answers.
    const WallTime now = core->scheduler->clock().wall_now();
    change.expires = now + std::chrono::floor<std::chrono::milliseconds>(*gone - core->now());
  }
  const TimePoint began = core->now();
  core->write_back->put(std::move(change),
                        [core, key, entry = std::move(entry), stamp = std::move(stamp), began,
                         done = std::move(done)](Result<void> acknowledged) mutable {
                          core->counters.add(&CacheStats::writes);
                          bool own_notice = false;
                          if (acknowledged && core->generations.bump_if_current(stamp, own_notice)) {
                            core->remember(key, entry, {began, false}, stamp, own_notice);
                            core->flights.detach(key);
                          } else {
                            if (!acknowledged) core->counters.add(&CacheStats::write_failures);
                            core->invalidate(key);
                          }
                          done(std::move(acknowledged));
                        });
}

void erase_in_journal(const std::shared_ptr<Core>& core, const std::string& key, Handler<Result<bool>> done) {
  if (auto refused = refusal(*core)) return done(*std::move(refused));
  const bool had = journalled(*core, key) == Journalled::value;
  const bool remembered = core->invalidate(key);
  core->write_back->put(
      {.key = key, .erased = true},
      [core, key, had = had || remembered, done = std::move(done)](const Result<void>& acknowledged) mutable {
        core->counters.add(&CacheStats::erases);
        core->invalidate(key);
        if (!acknowledged) core->counters.add(&CacheStats::write_failures);
        done(acknowledged ? Result<bool>(had) : Result<bool>(acknowledged.error()));
      });
}

Journalled journalled(Core& core, const std::string& key, Entry* entry) {
  if (core.write_back == nullptr) return Journalled::nothing;
  const auto change = core.write_back->pending(key);
  if (!change) return Journalled::nothing;
  if (change->erased) return Journalled::erased;
  if (entry == nullptr) return Journalled::value;
  auto unwrapped = core.unwrap(key, change->stored);
  if (!unwrapped || !*unwrapped || !(*unwrapped)->entry.fresh(core.now())) return Journalled::erased;
  *entry = std::move((*unwrapped)->entry);
  entry->tags = core.tags.mark((*unwrapped)->tags, (*unwrapped)->tokens);
  if (verdict(entry->tags) > TagVerdict::unverified) return Journalled::erased;
  return Journalled::value;
}

}  // namespace terrace::cascade
