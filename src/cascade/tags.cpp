/// Tags: their tokens are stored in the first shared tier, each under a key of its own. So the invalidation
/// of a tag is one erase (coherence rule "Tags" of docs/reliability.md). Without a shared tier, tokens are
/// only in this process, and are lost with it.
///
/// make_tag_tokens() of a set or a load, for each tag whose token is not known, or may end before the entry:
///
///     get_or_prolong ──a token──► created ──the last tag──► finish
///         ▲  └──something else is there──► clear_away, once ─┐
///         └──────────────────────────────────────────────────┘
///
/// find_tag_tokens() of a read: one get_many, then finish.
///
/// A token lasts at least as long as the entries that name it, and not much longer. Where it ends too soon (it
/// was evicted, or the clock of the server jumped), its entries become misses.

#include "cascade/tags.hpp"

#include <cstring>
#include <random>

#include "cascade/writing.hpp"

namespace terrace::cascade {
namespace {

using envelope::max_tag_size;
using envelope::max_tags;

Token random_tag_token() {
  thread_local std::random_device device;
  Token token = 0;
  while (token >> soft_token_bits == 0) token = Token{device()} << 32U | device();
  return token;
}

/// The same hard part, another soft part.
Token next_soft(Token token) {
  constexpr Token soft_part = (Token{1} << soft_token_bits) - 1;
  return (token & ~soft_part) | ((token + 1) & soft_part);
}

Bytes to_bytes(Token token) {
  Bytes out(sizeof(token), '\0');
  std::memcpy(out.data(), &token, sizeof(token));
  return out;
}

/// Bytes that random_tag_token() cannot have made count as no token.
Token to_token(BytesView bytes) {
  Token token = unknown_token;
  if (bytes.size() == sizeof(token)) std::memcpy(&token, bytes.data(), sizeof(token));
  return token >> soft_token_bits == 0 ? unknown_token : token;
}

/// The key of the token holds something else: of another size or type, or too large to be read.
bool no_token(const Error& error) {
  return error == Errc::corrupt || error == Errc::value_too_large;
}

/// How long a token is asked to stay for an entry that is gone after `life`. Twice as long, so that it need not
/// be prolonged for each entry: a prolonging is reported to every process.
std::optional<Duration> token_life(std::optional<Duration> life) {
  constexpr Duration shortest = std::chrono::minutes(10);
  constexpr Duration longest = std::chrono::hours(24 * 365 * 10);
  if (!life || *life > longest) return std::nullopt;
  return std::max(*life * 2, shortest);
}

/// Asks for the tokens that this process does not know.
class TokenLookup : public std::enable_shared_from_this<TokenLookup> {
 public:
  TokenLookup(std::shared_ptr<Core> core, std::vector<std::string> tags,
              Handler<Result<std::vector<Token>>> done)
      : core_(std::move(core)), tags_(std::move(tags)), tokens_(tags_.size()), done_(std::move(done)) {}

  void find() {
    begin([](const std::string&) { return true; });
    if (unknown_.empty()) return finish();
    if (const auto tier = core_->shared_tier()) return ask(*tier);
    finish();
  }

  void make(std::optional<Duration> life) {
    const auto tier = core_->shared_tier();
    const TimePoint until = life ? after(core_->now(), *life) : no_deadline;
    begin([&](const std::string& tag) { return !tier || core_->tags.lasts(tag, until); });
    if (unknown_.empty()) return finish();
    if (tier) return ask_or_create(*tier, token_life(life));
    for (std::size_t n = 0; n < unknown_.size(); ++n) learn(n, random_tag_token());
    finish();
  }

 private:
  /// Which tokens have to be asked for; `lasts(tag)`: a known one stays long enough.
  template <class Lasts>
  void begin(Lasts lasts) {
    const bool trusted = core_->trusts_tags();
    for (std::size_t i = 0; i < tags_.size(); ++i) {
      if (trusted) tokens_[i] = core_->tags.known(tags_[i]);
      if (tokens_[i] == unknown_token || !lasts(tags_[i])) unknown_.push_back(i);
    }
    asked_ = core_->now();
    for (const std::size_t i : unknown_) stamps_.push_back(core_->tags.stamp(tags_[i]));
  }

  void ask(std::size_t tier) {
    Level& level = *core_->levels[tier];
    for (const std::size_t i : unknown_) keys_.push_back(core_->tag_key(tags_[i]));
    core_->ask_many<Found>(
        keys_.size(),
        [&](TimePoint deadline, Handler<std::vector<Result<Found>>> done) {
          level.tier->get_many({keys_.begin(), keys_.end()}, deadline, std::move(done));
        },
        [self = shared_from_this(), &level](const std::vector<Result<Found>>& found) {
          for (std::size_t n = 0; n < found.size(); ++n) {
            const Token token = found[n] && *found[n] ? to_token(**found[n]) : unknown_token;
            const bool absent = found[n] && !*found[n];
            const bool unreadable =
                token == unknown_token && !absent && (found[n] || no_token(found[n].error()));
            if (unreadable) level.counters.add(&LevelStats::unreadable);
            if (!found[n]) self->failure_ = found[n].error();
            // What an earlier lookup has learned may be out of date.
            if (!found[n] && !unreadable) self->core_->tags.doubt(self->tags_[self->unknown_[n]]);
            // It was invalidated, and the tier has not taken that yet.
            if (!level.recovery.trusts(self->keys_[n]))
              self->core_->tags.invalidated(self->tags_[self->unknown_[n]]);
            if (token != unknown_token && level.recovery.trusts(self->keys_[n])) {
              self->learn(n, token);
            } else if (found[n] || unreadable) {
              // It was invalidated, and perhaps the watch has not reported that yet.
              self->core_->tags.invalidated(self->tags_[self->unknown_[n]]);
            }
          }
          self->finish();
        });
  }

  void ask_or_create(std::size_t tier, std::optional<Duration> life) {
    left_ = unknown_.size();
    life_ = life;
    lasts_ = life ? after(asked_, *life / 4 * 3) : no_deadline;
    for (std::size_t n = 0; n < unknown_.size(); ++n) get_or_prolong(tier, n, true);
  }

  void get_or_prolong(std::size_t tier, std::size_t n, bool first) {
    const std::string key = core_->tag_key(tags_[unknown_[n]]);
    core_->ask<Bytes>(
        [&](TimePoint deadline, Handler<Result<Bytes>> done) {
          if (!core_->levels[tier]->recovery.trusts(key)) {
            return done(Error(Errc::unavailable, "a tag was invalidated and the tier has not caught up"));
          }
          core_->levels[tier]->shared->get_or_prolong(key, to_bytes(random_tag_token()), life_, deadline,
                                                      std::move(done));
        },
        [self = shared_from_this(), tier, n, first](const Result<Bytes>& stored) {
          const Token token = stored ? to_token(*stored) : unknown_token;
          if (token != unknown_token) return self->created(n, token);
          if (!stored && !no_token(stored.error())) {
            self->core_->levels[tier]->lease_errors.add(stored.error(), self->core_->now());
            return self->created(n, stored.error());
          }
          self->core_->levels[tier]->counters.add(&LevelStats::unreadable);
          if (first) return self->clear_away(tier, n);
          const std::string tag = printable_key(self->tags_[self->unknown_[n]]);
          self->created(n, Error(Errc::corrupt, "another program writes the key of the token of tag " + tag));
        });
  }

  /// Erases what is under the token's key, once, to make room for a fresh token. No valid entry can have been
  /// stored with what was there.
  void clear_away(std::size_t tier, std::size_t n) {
    const std::string key = core_->tag_key(tags_[unknown_[n]]);
    core_->ask<bool>(
        [&](TimePoint deadline, Handler<Result<bool>> done) {
          core_->levels[tier]->tier->erase(key, deadline, std::move(done));
        },
        [self = shared_from_this(), tier, n](const Result<bool>& erased) {
          if (!erased) return self->created(n, erased.error());
          self->core_->sent(tier);
          self->get_or_prolong(tier, n, false);
        });
  }

  /// The outcome for one tag; the last one ends the lookup.
  void created(std::size_t n, const Result<Token>& token) {
    {
      std::lock_guard lock(mutex_);
      if (token) {
        learn(n, *token);
      } else if (tokens_[unknown_[n]] == unknown_token || no_token(token.error())) {
        failure_ = token.error();
      }  // else it was to be prolonged only: if it ends before the entry, the entry becomes a miss
      if (--left_ > 0) return;
    }
    finish();
  }

  void learn(std::size_t n, Token token) {
    tokens_[unknown_[n]] = token;
    core_->tags.learn(tags_[unknown_[n]], token, stamps_[n], asked_, lasts_);
  }

  void finish() {
    if (failure_) return done_(*failure_);
    done_(std::move(tokens_));
  }

  const std::shared_ptr<Core> core_;
  const std::vector<std::string> tags_;
  std::vector<Token> tokens_;
  Handler<Result<std::vector<Token>>> done_;
  std::vector<std::size_t> unknown_;
  std::vector<Stamp> stamps_;
  std::vector<std::string> keys_;
  TimePoint asked_;
  std::optional<Duration> life_;        // asked for
  TimePoint lasts_ = TimePoint::min();  // how long the tokens then last at least
  std::mutex mutex_;
  std::size_t left_ = 0;
  std::optional<Error> failure_;
};

void erase_token(const std::shared_ptr<Core>& core, std::size_t tier, const std::string& tag,
                 Handler<Result<std::uint64_t>> done) {
  const std::string key = core->tag_key(tag);
  const std::uint64_t ticket = core->levels[tier]->recovery.ticket();
  core->ask<bool>(
      [&](TimePoint deadline, Handler<Result<bool>> erased) {
        core->levels[tier]->tier->erase(key, deadline, std::move(erased));
      },
      [core, tier, tag, key, ticket, done = std::move(done)](const Result<bool>& erased) mutable {
        core->tags.invalidated(tag);
        if (!erased) {
          recover(core, tier, key, ticket);
          return done(Error(Errc::partial_write,
                            "tag " + printable_key(tag) + " is invalid in this process, and will be in " +
                                core->levels[tier]->name + " later: " + erased.error().message()));
        }
        core->levels[tier]->recovery.arrived(key, ticket);
        core->sent(tier);
        done(std::uint64_t{*erased ? 1U : 0U});
      });
}

/// A token with another soft part makes entries stale: the token is replaced, if it is still the one that was
/// read. If that fails, or if something else is there, every entry with the tag becomes unusable.
void soften(const std::shared_ptr<Core>& core, std::size_t tier, const std::string& tag,
            Handler<Result<std::uint64_t>> done) {
  const std::string key = core->tag_key(tag);
  core->ask<Found>(
      [&](TimePoint deadline, Handler<Result<Found>> found) {
        core->levels[tier]->tier->get(key, deadline, std::move(found));
      },
      [core, tier, tag, key, done = std::move(done)](const Result<Found>& found) mutable {
        core->tags.invalidated(tag);
        if (found && !*found) return done(std::uint64_t{0});
        const Token token = found ? to_token(**found) : unknown_token;
        if (token == unknown_token) {
          if (found || no_token(found.error())) core->levels[tier]->counters.add(&LevelStats::unreadable);
          return erase_token(core, tier, tag, std::move(done));
        }
        core->ask<bool>(
            [&](TimePoint deadline, Handler<Result<bool>> replaced) {
              core->levels[tier]->shared->replace(key, **found, to_bytes(next_soft(token)), std::nullopt,
                                                  deadline, std::move(replaced));
            },
            [core, tier, tag, done = std::move(done)](const Result<bool>& replaced) mutable {
              core->tags.invalidated(tag);
              if (!replaced) return erase_token(core, tier, tag, std::move(done));
              // Not replaced: another process has changed it meanwhile, which makes the same entries unusable
              // or stale.
              if (*replaced) core->sent(tier);
              done(std::uint64_t{1});
            });
      });
}

}  // namespace

std::optional<Error> refuse_tags(const std::vector<std::string>& tags) {
  if (tags.size() > max_tags) {
    return Error(Errc::invalid_argument,
                 std::to_string(tags.size()) + " tags are given; an entry has at most " +
                     std::to_string(max_tags) + ": use fewer, such as one of a group of keys");
  }
  for (const std::string& tag : tags) {
    if (tag.empty()) return Error(Errc::invalid_argument, "a tag is empty; give it a name, or leave it out");
    if (tag.size() > max_tag_size) {
      return Error(Errc::invalid_argument, "the tag " + printable_key(tag) + " is longer than " +
                                               std::to_string(max_tag_size) +
                                               " bytes; use a shorter one, such as a hash of it");
    }
  }
  return std::nullopt;
}

void find_tag_tokens(const std::shared_ptr<Core>& core, const std::vector<std::string>& tags,
                     Handler<Result<std::vector<Token>>> done) {
  std::make_shared<TokenLookup>(core, tags, std::move(done))->find();
}

void make_tag_tokens(const std::shared_ptr<Core>& core, const std::vector<std::string>& tags,
                     std::optional<Duration> life, Handler<Result<std::vector<Token>>> done) {
  std::make_shared<TokenLookup>(core, tags, std::move(done))->make(life);
}

void invalidate_tag(const std::shared_ptr<Core>& core, std::string tag, bool soft,
                    Handler<Result<std::uint64_t>> done) {
  const Token known = core->tags.known(tag);
  core->tags.invalidated(tag);
  const auto tier = core->shared_tier();
  if (tier) {
    return soft ? soften(core, *tier, tag, std::move(done)) : erase_token(core, *tier, tag, std::move(done));
  }
  if (soft && known != unknown_token)
    core->tags.learn(tag, next_soft(known), core->tags.stamp(tag), core->now());
  done(std::uint64_t{known == unknown_token ? 0U : 1U});
}

}  // namespace terrace::cascade
