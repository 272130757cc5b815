/// Invalidation: of keys and groups, hard or soft; bulk delete by prefix or glob; clear(); of a tag.
///
/// A hard invalidation of keys is an erase (write.cpp), of a tag an erase of its token (tags.cpp).
///
/// A soft one, for each tier from the lowest to the highest:
///
///     step ──► read ──fresh value with grace──► soften ──► replace ──► step, for the next tier
///                └──nothing, no grace, an error──► erase ◄──fails──┘   (replace reads again, up to 3 times, if the
///                                                  └──► step            value has changed meanwhile)
///
/// A bulk delete: forget (memory) ──► step ──► erase_in_tier ──► step, for the next tier; at the end forget again.
/// clear() also erases the tokens of the tags in the tier that has them: erase_tokens.
/// Before each tier, and before and after memory loses its keys, the reads in flight of these keys are cancelled.

#include <algorithm>

#include "cascade/failures.hpp"
#include "cascade/tags.hpp"
#include "cascade/writing.hpp"

namespace terrace::cascade {
namespace {

using Call = std::shared_ptr<Gather<Result<std::uint64_t>>>;

/// A bulk delete: every tier, from the lowest to the highest, and memory lose the selected keys. Reads of
/// other keys are not touched.
class BulkErase : public std::enable_shared_from_this<BulkErase> {
 public:
  BulkErase(std::shared_ptr<Core> core, Call call, KeySelection keys)
      : core_(std::move(core)), call_(std::move(call)), keys_(std::move(keys)), left_(core_->levels.size()) {}

  void start() {
    if (left_ == 0 && core_->write_back == nullptr) return step();
    forget([this] { flush_journal(); });
  }

 private:
  void flush_journal() {
    if (core_->write_back == nullptr) return step();
    // Changes that are still in the journal would reach the tiers after the bulk delete.
    core_->write_back->flush([self = shared_from_this()](const Result<void>& flushed) {
      if (flushed || flushed.error() == Errc::partial_write) return self->step();
      self->call_->set_outcome(0, flushed.error());
    });
  }

  /// Memory loses the keys, part by part: between the parts the I/O thread has other work. Reads are cancelled
  /// before, so no older value enters memory any more; and after, because a read that begins meanwhile may
  /// still have found an old value there.
  void forget(std::function<void()> then) {
    core_->cancel(keys_);
    forgetting_ = core_->values->forget_if([this](std::string_view key) { return keys_.contains(key); });
    then_ = std::move(then);
    forget_on();
  }
  void forget_on() {
    if (forgetting_->step())
      return core_->scheduler->post([self = shared_from_this()] { self->forget_on(); });
    core_->cancel(keys_);
    count(forgetting_->gone());
    std::exchange(then_, nullptr)();
  }

  void count(std::uint64_t gone) { most_ = std::max(most_, gone); }

  void step() {
    if (left_ == 0) return forget([this] { end(); });
    --left_;
    core_->cancel(keys_);
    core_->fills->when_selected_ended(keys_, [self = shared_from_this()] { self->erase_in_tier(); });
  }

  void erase_in_tier() {
    const std::size_t tier = left_;
    // All keys take longer than one key, so tier_timeout does not count here; the caller's limit does.
    Handler<Result<std::uint64_t>> took = [self = shared_from_this(),
                                           tier](const Result<std::uint64_t>& gone) {
      if (gone) {
        self->count(*gone);
        self->core_->sent(tier);
        if (self->keys_.everything() && tier == self->core_->shared_tier()) return self->erase_tokens(tier);
      } else {
        self->failures_.add(self->core_->levels[tier]->name, gone.error());
        recover(self->core_, tier, self->keys_);
      }
      self->step();
    };
    Tier& below = *core_->levels[tier]->tier;
    const KeySelection keys = core_->tier_keys(keys_);
    if (keys.pattern.empty()) return below.erase_prefix(keys.prefix, no_deadline, std::move(took));
    below.erase_glob(keys.prefix, keys.pattern, no_deadline, std::move(took));
  }

  /// No entry of the cache is left, so no tag needs its token. A token that stays does no harm, but is never
  /// removed where it has no end.
  void erase_tokens(std::size_t tier) {
    core_->levels[tier]->tier->erase_prefix(
        core_->tag_prefix, no_deadline, [self = shared_from_this(), tier](const Result<std::uint64_t>& gone) {
          self->core_->tags.forget_all();
          if (!gone) self->failures_.add(self->core_->levels[tier]->name, gone.error());
          self->step();
        });
  }

  void end() {
    if (failures_.none()) return call_->set_outcome(0, most_);
    core_->counters.add(&CacheStats::write_failures);
    call_->set_outcome(0, failures_.error("erased"));
  }

  const std::shared_ptr<Core> core_;
  const Call call_;
  const KeySelection keys_;
  std::size_t left_;
  std::uint64_t most_ = 0;
  std::unique_ptr<Forgetting> forgetting_;
  std::function<void()> then_;
  Failures failures_;
};

/// A soft invalidation: one key becomes stale in every level. An entry without grace is erased.
class SoftInvalidation : public std::enable_shared_from_this<SoftInvalidation> {
 public:
  SoftInvalidation(std::shared_ptr<Core> core, std::string key, Handler<Result<bool>> done)
      : core_(std::move(core)), key_(std::move(key)), done_(std::move(done)), left_(core_->levels.size()) {}

  void start() {
    had_ = make_stale_in_memory();
    step();
  }

 private:
  static constexpr int max_attempts = 3;

  bool make_stale_in_memory() {
    core_->generations.bump(key_);
    const bool had = core_->values->soften(key_);
    core_->flights.detach(key_);
    return had;
  }

  [[nodiscard]] Level& level() const { return *core_->levels[left_]; }

  void step() {
    if (left_ == 0) return end();
    --left_;
    attempts_ = 0;
    // As a write does before each tier (write.cpp).
    core_->generations.bump(key_);
    core_->fills->when_ended({key_}, [self = shared_from_this()] { self->read(); });
  }

  void read() {
    core_->ask<Found>(
        [&](TimePoint deadline, Handler<Result<Found>> done) {
          level().tier->get(core_->tier_key(key_), deadline, std::move(done));
        },
        [self = shared_from_this()](const Result<Found>& found) {
          if (!found || !*found) return self->erase();
          self->soften(**found);
        });
  }

  void soften(const Bytes& stored) {
    auto unwrapped = core_->unwrap(key_, stored);
    if (!unwrapped || !*unwrapped) return erase();
    Entry entry = std::move((*unwrapped)->entry);
    const TimePoint now = core_->now();
    const auto gone = entry.gone();
    if (entry.value == nullptr || (gone ? entry.grace : core_->options.grace) == Duration::zero())
      return erase();
    had_ = true;
    entry.go_stale(now, core_->options.grace);
    entry.tags = core_->tags.mark((*unwrapped)->tags, (*unwrapped)->tokens);
    const auto softened = core_->seal_up(key_, entry);
    const auto life = core_->tier_life(entry);
    if (!softened || !life || *life <= Duration::zero()) return erase();
    replace(stored, *softened, *life);
  }

  void replace(const Bytes& stored, const Bytes& softened, Duration life) {
    if (level().shared == nullptr) {
      return core_->ask<void>(
          [&](TimePoint deadline, Handler<Result<void>> done) {
            level().tier->set(core_->tier_key(key_), softened, life, deadline, std::move(done));
          },
          [self = shared_from_this()](const Result<void>& done) { done ? self->step() : self->erase(); });
    }
    core_->ask<bool>(
        [&](TimePoint deadline, Handler<Result<bool>> done) {
          level().shared->replace(core_->tier_key(key_), stored, softened, life, deadline, std::move(done));
        },
        [self = shared_from_this()](const Result<bool>& replaced) {
          if (replaced && *replaced) {
            self->core_->sent(self->left_);
            return self->step();
          }
          // Another value has been stored meanwhile, perhaps one that was loaded before this invalidation.
          if (replaced && ++self->attempts_ < max_attempts) return self->read();
          self->erase();
        });
  }

  /// Where the key cannot be made stale, it is erased. This ends leases, too.
  void erase() {
    const std::uint64_t ticket = level().recovery.ticket();
    core_->ask<bool>(
        [&](TimePoint deadline, Handler<Result<bool>> done) {
          level().tier->erase(core_->tier_key(key_), deadline, std::move(done));
        },
        [self = shared_from_this(), ticket](const Result<bool>& erased) {
          if (erased) {
            self->had_ = self->had_ || *erased;
            self->core_->sent(self->left_);
          } else {
            self->failures_.add(self->level().name, erased.error());
            recover(self->core_, self->left_, self->core_->tier_key(self->key_), ticket);
          }
          self->step();
        });
  }

  void end() {
    make_stale_in_memory();
    if (failures_.none()) return done_(had_);
    core_->counters.add(&CacheStats::write_failures);
    done_(failures_.error("invalidated"));
  }

  const std::shared_ptr<Core> core_;
  const std::string key_;
  Handler<Result<bool>> done_;
  std::size_t left_;
  int attempts_ = 0;
  bool had_ = false;
  Failures failures_;
};

void start_soft(const std::shared_ptr<Core>& core, const std::vector<std::string>& keys,
                std::optional<Duration> timeout, Handler<std::vector<Result<bool>>> done) {
  const auto call = core->begin_call<Result<bool>>(keys.size(), timeout, std::move(done));
  if (!call->open()) return;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (auto refused = core->refuse_key(keys[i])) {
      call->set_outcome(i, *std::move(refused));
      continue;
    }
    std::make_shared<SoftInvalidation>(core, keys[i], [call, i](Result<bool> had) {
      call->set_outcome(i, std::move(had));
    })->start();
  }
}

/// The number of keys that were there; or the first error, if one failed.
Result<std::uint64_t> tally(const std::vector<Result<bool>>& outcomes) {
  std::uint64_t had = 0;
  for (const auto& outcome : outcomes) {
    if (!outcome) return outcome.error();
    had += *outcome ? 1 : 0;
  }
  return had;
}

void invalidate_keys(const std::shared_ptr<Core>& core, std::vector<std::string> keys,
                     const InvalidateOptions& options, Handler<Result<std::uint64_t>> done) {
  if (keys.empty()) return done(std::uint64_t{0});
  if (options.soft && core->write_back) {
    return done(Error(Errc::invalid_argument, "soft invalidation cannot be combined with WriteMode::back"));
  }
  auto told = [done = std::move(done)](const std::vector<Result<bool>>& outcomes) mutable {
    done(tally(outcomes));
  };
  if (options.soft) return start_soft(core, keys, options.timeout, std::move(told));
  start_erase(core, std::move(keys), options.timeout, std::move(told));
}

Call begin_one(const std::shared_ptr<Core>& core, std::optional<Duration> timeout,
               Handler<Result<std::uint64_t>> done) {
  return core->begin_call<Result<std::uint64_t>>(
      1, timeout, [done = std::move(done)](std::vector<Result<std::uint64_t>> one) mutable {
        done(std::move(one.front()));
      });
}

void start_bulk_erase(const std::shared_ptr<Core>& core, const Invalidation& what,
                      const InvalidateOptions& options, Handler<Result<std::uint64_t>> done) {
  const bool glob = what.kind == Invalidation::Kind::glob;
  if (options.soft) {
    return done(
        Error(Errc::invalid_argument,
              "soft invalidation is for keys, groups and tags; for many keys at once give them a tag"));
  }
  if (!glob && what.text.empty()) {
    return done(Error(Errc::invalid_argument, "the prefix is empty; clear() removes everything"));
  }
  if (const auto fine = glob ? check_glob(what.text) : Result<void>(); !fine) return done(fine.error());
  const auto call = begin_one(core, options.timeout, std::move(done));
  if (!call->open()) return;
  std::make_shared<BulkErase>(core, call,
                              glob ? KeySelection{.pattern = what.text} : KeySelection{.prefix = what.text})
      ->start();
}

}  // namespace

void start_clear(std::shared_ptr<Core> core, const WriteOptions& options, Handler<Result<void>> done) {
  const auto call =
      begin_one(core, options.timeout, [done = std::move(done)](const Result<std::uint64_t>& gone) mutable {
        done(gone ? Result<void>() : Result<void>(gone.error()));
      });
  if (call->open()) std::make_shared<BulkErase>(core, call, KeySelection())->start();
}

void start_invalidate(std::shared_ptr<Core> core, Invalidation what, const InvalidateOptions& options,
                      Handler<Result<std::uint64_t>> done) {
  if (!core->home.here()) return done(made_before_fork("cache " + core->options.name));
  switch (what.kind) {
    case Invalidation::Kind::keys:
      return invalidate_keys(core, std::move(what.keys), options, std::move(done));
    case Invalidation::Kind::group: {
      auto keys = core->groups.find(what.text);
      if (keys) return invalidate_keys(core, std::move(*keys), options, std::move(done));
      return done(Error(Errc::invalid_argument, "no group " + printable_key(what.text) +
                                                    " was defined in cache " + core->options.name +
                                                    "; call define_group() first"));
    }
    case Invalidation::Kind::prefix:
    case Invalidation::Kind::glob:
      return start_bulk_erase(core, what, options, std::move(done));
    case Invalidation::Kind::tag: {
      if (const auto refused = refuse_tags({what.text})) return done(*refused);
      const auto call = begin_one(core, options.timeout, std::move(done));
      if (!call->open()) return;
      return invalidate_tag(core, std::move(what.text), options.soft, [call](Result<std::uint64_t> outcome) {
        call->set_outcome(0, std::move(outcome));
      });
    }
  }
}

}  // namespace terrace::cascade
