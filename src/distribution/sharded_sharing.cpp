#include "distribution/sharded_sharing.hpp"

#include <string>

namespace terrace::distribution {
namespace {

SharedTier& shared(const ShardMap& map, std::size_t member) {
  return *map.tier(member).shared();
}

/// Adds the name of the shard to an error on its way to the handler.
template <class T>
Handler<Result<T>> named(const MapPtr& map, std::size_t member, Handler<Result<T>> done) {
  return [weak = WeakMap(map), member, done = std::move(done)](Result<T> told) mutable {
    if (!told) told = at_shard(weak, member, told.error());
    done(std::move(told));
  };
}

/// After a step has changed the key at one owner, erases it at the other.
Handler<Result<bool>> then_erase(const MapPtr& map, std::size_t other, std::string key, TimePoint deadline,
                                 Handler<Result<bool>> done) {
  return [weak = WeakMap(map), other, key = std::move(key), deadline,
          done = std::move(done)](Result<bool> changed) mutable {
    if (!changed || !*changed) return done(std::move(changed));
    const MapPtr map_now = weak.lock();
    if (!map_now) return done(overtaken_write());
    map_now->tier(other).erase(key, deadline,
                               [weak, other, done = std::move(done)](const Result<bool>& erased) mutable {
                                 if (!erased) return done(half_done(at_shard(weak, other, erased.error())));
                                 done(true);
                               });
  };
}

/// Asks the other owner for a value first; `instead` continues if it has none.
template <class T, class Use>
void read_first(const MapPtr& map, std::size_t other, std::string_view key, TimePoint deadline,
                Handler<Result<T>> done, Use use_value,
                UniqueFunction<void(const ShardMap&, Handler<Result<T>>)> instead) {
  map->tier(other).get(key, deadline,
                       [weak = WeakMap(map), other, done = std::move(done), use_value = std::move(use_value),
                        instead = std::move(instead)](Result<Found> found) mutable {
                         if (!found) return done(at_shard(weak, other, found.error()));
                         if (*found) {
                           std::optional<T> answer = use_value(std::move(**found));
                           if (answer) return done(*std::move(answer));
                         }
                         const MapPtr map_now = weak.lock();
                         if (!map_now) return done(overtaken_read());
                         instead(*map_now, std::move(done));
                       });
}

}  // namespace

void ShardedSharing::acquire(std::string_view key, const LeaseRequest& request, TimePoint deadline,
                             Handler<Result<LeaseReply>> done) {
  const MapPtr map = core_->map();
  const Route route = core_->route(*map, key);
  if (route.leader == Route::nowhere) return done(no_owner());
  if (!route.read_other) return shared(*map, route.leader).acquire(key, request, deadline, std::move(done));
  read_first<LeaseReply>(
      map, *route.other, key, deadline, named(map, route.leader, std::move(done)),
      [stale = Bytes(request.stale)](Bytes value) -> std::optional<LeaseReply> {
        if (!stale.empty() && value == stale) return std::nullopt;
        return LeaseReply{.kind = LeaseReply::Kind::value, .value = std::move(value)};
      },
      [=, key = std::string(key), stale = Bytes(request.stale)](const ShardMap& now,
                                                                Handler<Result<LeaseReply>> next) {
        LeaseRequest again = request;
        again.stale = stale;
        shared(now, route.leader).acquire(key, again, deadline, std::move(next));
      });
}

void ShardedSharing::fill(std::string_view key, const LeaseToken& token, BytesView value,
                          std::optional<Duration> ttl, TimePoint deadline, Handler<Result<bool>> done) {
  const MapPtr map = core_->map();
  const Route route = core_->route(*map, key);
  if (route.leader == Route::nowhere) return done(no_owner());
  if (route.other) done = then_erase(map, *route.other, std::string(key), deadline, std::move(done));
  shared(*map, route.leader).fill(key, token, value, ttl, deadline, std::move(done));
}

void ShardedSharing::renew(std::string_view key, const LeaseToken& token, Duration lease_time,
                           TimePoint deadline, Handler<Result<bool>> done) {
  const MapPtr map = core_->map();
  const Route route = core_->route(*map, key);
  if (route.leader == Route::nowhere) return done(no_owner());
  shared(*map, route.leader).renew(key, token, lease_time, deadline, std::move(done));
}

/// At both owners: a caller that waits for a lease from before the change of the lead is notified, too.
void ShardedSharing::release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint deadline,
                             Handler<Result<void>> done) {
  const MapPtr map = core_->map();
  const Route route = core_->route(*map, key);
  if (route.leader == Route::nowhere) return done(no_owner());
  if (route.other) {
    done = [weak = WeakMap(map), other = *route.other, key = std::string(key), token, end, deadline,
            done = named(map, route.leader, std::move(done))](Result<void> released) mutable {
      const MapPtr map_now = weak.lock();
      if (!map_now) return done(std::move(released));
      shared(*map_now, other)
          .release(key, token, end, deadline, [released, done = std::move(done)](Result<void> too) mutable {
            done(released ? std::move(too) : std::move(released));
          });
    };
  }
  shared(*map, route.leader).release(key, token, end, deadline, std::move(done));
}

void ShardedSharing::get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl,
                                TimePoint deadline, Handler<Result<Bytes>> done) {
  get_or(&SharedTier::get_or_put, key, value, ttl, deadline, std::move(done));
}

/// A value that is found at the other owner is not prolonged there: it is a miss of its entries if it ends.
void ShardedSharing::get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life,
                                    TimePoint deadline, Handler<Result<Bytes>> done) {
  get_or(&SharedTier::get_or_prolong, key, value, life, deadline, std::move(done));
}

void ShardedSharing::get_or(decltype(&SharedTier::get_or_put) ask, std::string_view key, BytesView value,
                            std::optional<Duration> life, TimePoint deadline, Handler<Result<Bytes>> done) {
  const MapPtr map = core_->map();
  const Route route = core_->route(*map, key);
  if (route.leader == Route::nowhere) return done(no_owner());
  if (!route.read_other) {
    return (shared(*map, route.leader).*ask)(key, value, life, deadline, std::move(done));
  }
  read_first<Bytes>(
      map, *route.other, key, deadline, named(map, route.leader, std::move(done)),
      [](Bytes there) { return std::optional(std::move(there)); },
      [=, key = std::string(key), value = Bytes(value)](const ShardMap& now, Handler<Result<Bytes>> next) {
        (shared(now, route.leader).*ask)(key, value, life, deadline, std::move(next));
      });
}

/// A value that the leader does not have may be at the other owner; it is replaced there.
void ShardedSharing::replace(std::string_view key, BytesView expected, BytesView value,
                             std::optional<Duration> ttl, TimePoint deadline, Handler<Result<bool>> done) {
  const MapPtr map = core_->map();
  const Route route = core_->route(*map, key);
  if (route.leader == Route::nowhere) return done(no_owner());
  if (!route.other) {
    return shared(*map, route.leader).replace(key, expected, value, ttl, deadline, std::move(done));
  }
  Handler<Result<bool>> next = [=, weak = WeakMap(map), key = std::string(key), expected = Bytes(expected),
                                value = Bytes(value),
                                done = std::move(done)](const Result<bool>& replaced) mutable {
    if (!replaced) return done(at_shard(weak, route.leader, replaced.error()));
    const MapPtr map_now = weak.lock();
    if (!map_now) return done(overtaken_write());
    if (*replaced) {
      return then_erase(map_now, *route.other, key, deadline, std::move(done))(true);
    }
    if (!route.read_other) return done(false);
    shared(*map_now, *route.other)
        .replace(key, expected, value, ttl, deadline, named(map_now, *route.other, std::move(done)));
  };
  shared(*map, route.leader).replace(key, expected, value, ttl, deadline, std::move(next));
}

std::shared_ptr<void> ShardedSharing::watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) {
  return core_->watches().watch(std::move(prefixes), std::move(watcher));
}

}  // namespace terrace::distribution
