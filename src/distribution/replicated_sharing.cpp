#include "distribution/replicated_sharing.hpp"

#include <algorithm>

#include "base/tier_check.hpp"
#include "distribution/kept_lease.hpp"
#include "distribution/lease_watcher.hpp"
#include "distribution/replicated_read.hpp"
#include "distribution/replicated_write.hpp"

namespace terrace::distribution {
namespace {

/// The name that identifies a lease of this process.
std::string name_of(std::string_view key, const LeaseToken& token) {
  return std::string(token.data(), token.size()).append(key);
}

std::optional<Error> first_of(std::initializer_list<std::optional<Error>> faults) {
  for (const auto& fault : faults) {
    if (fault) return fault;
  }
  return std::nullopt;
}

}  // namespace

// ---- Grants

void ReplicatedSharing::Grants::add(const LeaseToken& token, Grant grant, TimePoint now) {
  std::lock_guard lock(mutex);
  if (held.size() >= prune_at) {
    erase_if(held, [now](const auto& entry) { return entry.second.until <= now; });
    prune_at = std::max(grants_before_pruning, 2 * held.size());
  }
  auto name = name_of(grant.key, token);
  held.insert_or_assign(std::move(name), std::move(grant));
}

std::optional<ReplicatedSharing::Grant> ReplicatedSharing::Grants::find(std::string_view key,
                                                                        const LeaseToken& token,
                                                                        TimePoint now) {
  std::lock_guard lock(mutex);
  const auto found = held.find(name_of(key, token));
  if (found == held.end() || found->second.until <= now) return std::nullopt;
  return found->second;
}

std::optional<ReplicatedSharing::Grant> ReplicatedSharing::Grants::take(std::string_view key,
                                                                        const LeaseToken& token,
                                                                        TimePoint now) {
  std::lock_guard lock(mutex);
  const auto found = held.find(name_of(key, token));
  if (found == held.end() || found->second.until <= now) return std::nullopt;
  Grant grant = std::move(found->second);
  held.erase(found);
  return grant;
}

// ---- Acquire

/// Reads the key. If there is no value and the key has no version, it writes a tombstone, so that a bulk
/// delete finds the key and can invalidate the lease. Then it asks for the lease at the first holder that
/// answers and, with the lease, reads again.
class ReplicatedSharing::Acquire : public std::enable_shared_from_this<Acquire> {
 public:
  Acquire(std::shared_ptr<ReplicaGroup> group, std::shared_ptr<Grants> grants, std::string_view key,
          const LeaseRequest& request, TimePoint deadline, Handler<Result<LeaseReply>> done)
      : group_(std::move(group)),
        grants_(std::move(grants)),
        key_(key),
        token_(request.token),
        time_(request.lease_time),
        stale_(request.stale),
        deadline_(deadline),
        done_(std::move(done)),
        holders_(group_->holders(key)) {}

  void start() {
    look(group_, key_, deadline_,
         [self = shared_from_this()](Result<Copy> copy) { self->looked(std::move(copy)); });
  }

 private:
  void looked(Result<Copy> copy) {
    if (!copy) return done_(std::move(copy).error());
    if (copy->value && (stale_.empty() || *copy->value != stale_)) {
      return done_(LeaseReply{LeaseReply::Kind::value, std::move(*copy->value)});
    }
    seen_ = copy->version;
    if (!seen_.none()) return ask();
    // The same for all processes: of two different versions the lower one would make its holder's lease
    // invalid.
    seen_ = Version{.counter = 1};
    const std::vector<Change> mark = {{key_, std::nullopt, {}, 0, seen_}};
    ReplicatedWrite::start(group_, mark, deadline_,
                           [self = shared_from_this()](const std::vector<Result<bool>>& told) {
                             if (!told.front()) return self->done_(told.front().error());
                             self->ask();
                           });
  }

  void ask() {
    asked_ = group_->now();
    if (holder_ == holders_.size()) return grant(std::nullopt, {});
    const auto kept = kept_lease(token_, seen_, time_);
    sharing().get_or_put(
        lease_key(key_), kept, time_, deadline_,
        [self = shared_from_this(), kept](const Result<Bytes>& there) { self->told(kept, there); });
  }

  void told(const Bytes& kept, const Result<Bytes>& there) {
    if (!there) {
      ++holder_;
      return ask();
    }
    if (*there == kept) return look_again(kept);
    const auto other = parse_kept_lease(*there);
    // A time that no process of the cache gives: the lease was put there by something else.
    const auto strange = [&] { return other->time <= Duration::zero() || other->time / 2 > time_; };
    const bool is_void = !other || other->seen < seen_ || other->token == token_ || strange();
    if (!is_void) return done_(LeaseReply{LeaseReply::Kind::held, {}, other->time});
    asked_ = group_->now();
    sharing().replace(lease_key(key_), *there, kept, time_, deadline_,
                      [self = shared_from_this(), kept](const Result<bool>& replaced) {
                        if (replaced && *replaced) return self->look_again(kept);
                        self->done_(LeaseReply{LeaseReply::Kind::held, {}, self->time_});
                      });
  }

  /// Between the first read and the lease, its last holder may have filled the key.
  void look_again(const Bytes& kept) {
    look(group_, key_, deadline_, [self = shared_from_this(), kept](Result<Copy> copy) {
      const bool filled = copy && copy->value && self->seen_ < copy->version;
      if (!filled) return self->grant(self->holders_[self->holder_], kept);
      self->group_->node(self->holders_[self->holder_])
          .tier->erase(lease_key(self->key_), self->deadline_, [](const Result<bool>&) {});
      self->looked(std::move(copy));
    });
  }

  /// The node counts the time from when it was asked, or later: another process must not get the lease while
  /// this one still considers it its own.
  void grant(std::optional<std::size_t> node, const Bytes& kept) {
    grants_->add(token_, {key_, seen_, after(asked_, time_), node, kept}, group_->now());
    done_(LeaseReply{LeaseReply::Kind::granted});
  }

  SharedTier& sharing() { return *group_->node(holders_[holder_]).tier->shared(); }

  const std::shared_ptr<ReplicaGroup> group_;
  const std::shared_ptr<Grants> grants_;
  const std::string key_;
  const LeaseToken token_;
  const Duration time_;
  const Bytes stale_;
  const TimePoint deadline_;
  Handler<Result<LeaseReply>> done_;
  const std::vector<std::size_t> holders_;
  std::size_t holder_ = 0;
  TimePoint asked_{};  // when the granted lease was asked for
  Version seen_;
};

// ---- The tier

ReplicatedSharing::ReplicatedSharing(std::shared_ptr<ReplicaGroup> group)
    : group_(std::move(group)), watches_(group_->scheduler().clock()) {
  WatchChange all;
  for (std::size_t i = 0; i < group_->size(); ++i) all.added.emplace(i, group_->node(i).tier->shared());
  watches_.change(all);
}

void ReplicatedSharing::look(const std::shared_ptr<ReplicaGroup>& group, std::string_view key,
                             TimePoint deadline, Seen then) {
  ReplicatedRead::start(
      group, {key}, deadline,
      [then = std::move(then)](std::vector<Result<Copy>> one) mutable { then(std::move(one.front())); });
}

void ReplicatedSharing::drop(ReplicaGroup& group, const Grant& grant, TimePoint deadline) {
  if (grant.node)
    group.node(*grant.node).tier->erase(lease_key(grant.key), deadline, [](const Result<bool>&) {});
}

void ReplicatedSharing::acquire(std::string_view key, const LeaseRequest& request, TimePoint deadline,
                                Handler<Result<LeaseReply>> done) {
  const auto why =
      first_of({bad_time("lease time", request.lease_time), bad_key(key), group_->refusal(deadline)});
  if (why) return done(*why);
  std::make_shared<Acquire>(group_, grants_, key, request, deadline, std::move(done))->start();
}

void ReplicatedSharing::fill(std::string_view key, const LeaseToken& token, BytesView value,
                             std::optional<Duration> ttl, TimePoint deadline, Handler<Result<bool>> done) {
  const auto why = first_of({bad_key(key), bad_ttl(ttl), group_->refusal(deadline)});
  if (why) return done(*why);
  auto grant = grants_->take(key, token, group_->now());
  if (!grant) return done(false);
  const auto version = group_->version_above(grant->seen, ReplicaGroup::Rank::fill);
  if (!version) return drop(*group_, *grant, deadline), done(version.error());
  const std::vector<Change> changes = {{key, value, ttl, 0, *version}};
  ReplicatedWrite::start(group_, changes, deadline,
                         [group = group_, grant = std::move(*grant), deadline,
                          done = std::move(done)](const std::vector<Result<bool>>& told) mutable {
                           drop(*group, grant, deadline);
                           group->counters.count_write(told.front().has_value());
                           done(told.front());
                         });
}

/// A lease is invalid if its key has changed since.
void ReplicatedSharing::renew(std::string_view key, const LeaseToken& token, Duration lease_time,
                              TimePoint deadline, Handler<Result<bool>> done) {
  const auto why = first_of({bad_time("lease time", lease_time), bad_key(key), group_->refusal(deadline)});
  if (why) return done(*why);
  auto grant = grants_->find(key, token, group_->now());
  if (!grant) return done(false);
  look(group_, key, deadline,
       [group = group_, grants = grants_, grant = std::move(*grant), token, lease_time, deadline,
        done = std::move(done)](const Result<Copy>& copy) mutable {
         if (!copy) return done(copy.error());
         if (grant.seen < copy->version) return done(false);
         Grant renewed = grant;
         renewed.until = after(group->now(), lease_time);
         renewed.kept = kept_lease(token, grant.seen, lease_time);
         const auto prolong = [group, grants, token, renewed] { grants->add(token, renewed, group->now()); };
         if (!grant.node) return prolong(), done(true);
         group->node(*grant.node)
             .tier->shared()
             ->replace(lease_key(grant.key), grant.kept, renewed.kept, lease_time, deadline,
                       [prolong, done = std::move(done)](const Result<bool>& replaced) mutable {
                         if (replaced && *replaced) prolong();
                         done(replaced);
                       });
       });
}

void ReplicatedSharing::release(std::string_view key, const LeaseToken& token, LeaseEnd /*end*/,
                                TimePoint deadline, Handler<Result<void>> done) {
  const auto why = first_of({bad_key(key), group_->refusal(deadline)});
  if (why) return done(*why);
  const auto grant = grants_->take(key, token, group_->now());
  if (!grant || !grant->node) return done({});
  group_->node(*grant->node)
      .tier->erase(lease_key(key), deadline, [done = std::move(done)](const Result<bool>& erased) mutable {
        erased ? done({}) : done(erased.error());
      });
}

/// A call that was overtaken reads again.
void ReplicatedSharing::get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl,
                                   TimePoint deadline, Handler<Result<Bytes>> done) {
  const auto why = first_of({bad_key(key), bad_ttl(ttl), group_->refusal(deadline)});
  if (why) return done(*why);
  look(group_, key, deadline,
       [group = group_, key = std::string(key), value = Bytes(value), ttl, deadline,
        done = std::move(done)](Result<Copy> copy) mutable {
         if (!copy) return done(std::move(copy).error());
         const bool strange = ttl && (!copy->ttl || *copy->ttl / 2 > *ttl);
         if (copy->value && !strange) return done(std::move(*copy->value));
         const auto version = group->version_above(copy->version, ReplicaGroup::Rank::put);
         if (!version) return done(version.error());
         auto put = [group, key, value, deadline,
                     done = std::move(done)](const std::vector<Result<bool>>& told) mutable {
           if (!told.front()) return done(told.front().error());
           if (*told.front()) return done(std::move(value));
           look(group, key, deadline,
                [done = std::move(done), value = std::move(value)](Result<Copy> now) mutable {
                  if (!now) return done(std::move(now).error());
                  done(now->value ? std::move(*now->value) : std::move(value));
                });
         };
         ReplicatedWrite::start(group, {{key, value, ttl, 0, *version}}, deadline, std::move(put));
       });
}

void ReplicatedSharing::get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life,
                                       TimePoint deadline, Handler<Result<Bytes>> done) {
  const auto why = first_of({bad_key(key), bad_ttl(life), group_->refusal(deadline)});
  if (why) return done(*why);
  prolong(group_, std::string(key), Bytes(value), life, deadline, std::move(done));
}

/// A call that was overtaken begins again.
void ReplicatedSharing::prolong(const std::shared_ptr<ReplicaGroup>& group, std::string key, Bytes value,
                                std::optional<Duration> life, TimePoint deadline,
                                Handler<Result<Bytes>> done) {
  const std::string_view asked = key;
  auto looked = [group, key = key, value = std::move(value), life, deadline,
                 done = std::move(done)](Result<Copy> copy) mutable {
    if (!copy) return done(std::move(copy).error());
    const bool lasts = !copy->ttl || (life && *copy->ttl >= *life / 4 * 3);
    if (copy->value && lasts) return done(std::move(*copy->value));
    const Bytes kept = copy->value ? std::move(*copy->value) : value;
    const auto version = group->version_above(copy->version, ReplicaGroup::Rank::put);
    if (!version) return done(version.error());
    const std::vector<Change> changes = {{key, kept, life, 0, *version}};
    auto put = [group, key, value, life, deadline, kept,
                done = std::move(done)](const std::vector<Result<bool>>& told) mutable {
      if (!told.front()) return done(told.front().error());
      if (*told.front()) return done(std::move(kept));
      prolong(group, std::move(key), std::move(value), life, deadline, std::move(done));
    };
    ReplicatedWrite::start(group, changes, deadline, std::move(put));
  };
  look(group, asked, deadline, std::move(looked));
}

void ReplicatedSharing::replace(std::string_view key, BytesView expected, BytesView value,
                                std::optional<Duration> ttl, TimePoint deadline, Handler<Result<bool>> done) {
  const auto why = first_of({bad_key(key), bad_ttl(ttl), group_->refusal(deadline)});
  if (why) return done(*why);
  look(group_, key, deadline,
       [group = group_, key = std::string(key), expected = Bytes(expected), value = Bytes(value), ttl,
        deadline, done = std::move(done)](const Result<Copy>& copy) mutable {
         if (!copy) return done(copy.error());
         if (copy->value != expected) return done(false);
         const auto version = group->version_above(copy->version, ReplicaGroup::Rank::put);
         if (!version) return done(version.error());
         ReplicatedWrite::start(
             group, {{key, value, ttl, 0, *version}}, deadline,
             [done = std::move(done)](const std::vector<Result<bool>>& told) mutable { done(told.front()); });
       });
}

std::shared_ptr<void> ReplicatedSharing::watch(std::vector<std::string> prefixes,
                                               std::shared_ptr<Watcher> watcher) {
  auto translated = LeaseWatcher::prefixes(prefixes);
  return watches_.watch(std::move(translated), std::make_shared<LeaseWatcher>(std::move(watcher)));
}

}  // namespace terrace::distribution
