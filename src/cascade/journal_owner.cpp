#include "cascade/journal_owner.hpp"

#include "cascade/core.hpp"

namespace terrace::cascade {
namespace {

constexpr std::string_view before_id = "journal ";

/// What a journal writes, not somebody else.
bool is_name(std::string_view text) {
  if (!text.starts_with(before_id)) return false;
  text.remove_prefix(before_id.size());
  return !text.empty() && text.size() <= 20 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

JournalOwner::JournalOwner(const std::shared_ptr<Core>& core, std::size_t tier)
    : core_(core), tier_(tier), key_(core->options.name + "~writer") {}

std::string JournalOwner::name() const {
  return std::string(before_id) + std::to_string(journal_.load());
}

void JournalOwner::start(std::uint64_t journal) {
  journal_ = journal;
  ask([](const Result<void>&) {});
  arm();
}

void JournalOwner::confirm(Handler<Result<void>> done) {
  const auto core = core_.lock();
  if (!core) return done(Error(Errc::shutdown));
  if (refused_) return done(Error(Errc::unavailable, refusal().context));
  if (core->now() < until_.load()) return done({});
  ask(std::move(done));
}

Error JournalOwner::refusal() const {
  return Error(
      Errc::overloaded,
      "another journal writes back into this namespace (" + printable_key(key_) +
          "), and changes of two journals have no order: let one process write back, and the others write "
          "through. When that process has ended (30 s ago, if it died), open this cache again; the journal "
          "keeps "
          "its changes");
}

void JournalOwner::ask(Handler<Result<void>> done) {
  const auto core = core_.lock();
  if (!core || released_) return done(Error(Errc::shutdown));
  if (journal_ == 0) return done(Error(Errc::unavailable, "the journal is being opened"));
  const TimePoint began = core->now();
  core->ask<Bytes>(
      [&](TimePoint deadline, Handler<Result<Bytes>> told) {
        core->levels[tier_]->shared->get_or_put(key_, name(), life, deadline, std::move(told));
      },
      [self = shared_from_this(), began, done = std::move(done)](const Result<Bytes>& owner) mutable {
        if (!owner) {
          return done(Error(Errc::unavailable,
                            "who writes back into the namespace is unknown: " + owner.error().message()));
        }
        if (*owner == self->name() || !is_name(*owner)) return self->extend(began, *owner, std::move(done));
        self->until_ = TimePoint::min();
        self->refused_ = true;
        done(Error(Errc::unavailable, self->refusal().context));
      });
}

void JournalOwner::extend(TimePoint began, const Bytes& from, Handler<Result<void>> done) {
  const auto core = core_.lock();
  if (!core) return done(Error(Errc::shutdown));
  core->ask<bool>(
      [&](TimePoint deadline, Handler<Result<bool>> told) {
        core->levels[tier_]->shared->replace(key_, from, name(), life, deadline, std::move(told));
      },
      [self = shared_from_this(), began, done = std::move(done)](const Result<bool>& extended) mutable {
        if (!extended || !*extended) {
          return done(Error(Errc::unavailable, "the namespace could not be kept for this journal"));
        }
        // The name may be evicted before it lapses, and another journal take its place: so not for long.
        self->until_ = after(began, life / 4);
        done({});
      });
}

void JournalOwner::arm() {
  const auto core = core_.lock();
  if (!core || core->closed || released_ || refused_) return;
  core->scheduler->call_at(after(core->now(), life / 6), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->ask([](const Result<void>&) {});
    self->arm();
  });
}

void JournalOwner::release(Handler<Result<bool>> done) {
  const auto core = core_.lock();
  if (!core || released_.exchange(true) || refused_ || journal_ == 0) return done(false);
  until_ = TimePoint::min();
  // Once it is surely ours for a while, nobody else's name can be in its place when it is erased.
  core->ask<bool>(
      [&](TimePoint deadline, Handler<Result<bool>> told) {
        core->levels[tier_]->shared->replace(key_, name(), name(), life, deadline, std::move(told));
      },
      [self = shared_from_this(), core, done = std::move(done)](Result<bool> ours) mutable {
        if (!ours || !*ours) return done(std::move(ours));
        core->ask<bool>(
            [&](TimePoint deadline, Handler<Result<bool>> told) {
              core->levels[self->tier_]->tier->erase(self->key_, deadline, std::move(told));
            },
            std::move(done));
      });
}

}  // namespace terrace::cascade
