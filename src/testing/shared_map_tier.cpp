#include <algorithm>
#include <terrace/glob.hpp>
#include <terrace/testing.hpp>
#include <utility>

#include "base/tier_check.hpp"

namespace terrace::testing {
namespace {

template <class Keys>
std::vector<std::string> under(const Keys& prefixes, const std::string& key) {
  const bool watched = std::any_of(prefixes.begin(), prefixes.end(),
                                   [&](const std::string& prefix) { return key.starts_with(prefix); });
  return watched ? std::vector{key} : std::vector<std::string>{};
}

}  // namespace

void SharedMapTier::tell(Event event) {
  if (broken_) return;
  if (holding_) return waiting_.push_back(std::move(event));
  for (const auto& [id, watch] : std::map(watches_)) event(*watch);
}

void SharedMapTier::tell_changed(std::string_view key) {
  tell([key = std::string(key)](const Watch& watch) {
    if (const auto keys = under(watch.prefixes, key); !keys.empty()) watch.watcher->changed(keys);
  });
}

void SharedMapTier::tell_lease(std::string_view key) {
  tell([key = std::string(key)](const Watch& watch) {
    if (const auto keys = under(watch.prefixes, key); !keys.empty()) watch.watcher->lease_changed(keys);
  });
}

bool SharedMapTier::holds(std::string_view key, const LeaseToken& token) {
  const auto found = leases_.find(key);
  return found != leases_.end() && found->second.until > clock_->now() && found->second.token == token &&
         found->second.end == LeaseEnd::untold;
}

void SharedMapTier::end_leases(std::string_view prefix,
                               const std::function<bool(std::string_view)>& matches) {
  for (auto at = leases_.lower_bound(prefix); at != leases_.end() && at->first.starts_with(prefix);) {
    if (!matches(std::string_view(at->first).substr(prefix.size()))) {
      ++at;
      continue;
    }
    const std::string key = at->first;
    at = leases_.erase(at);
    tell_lease(key);
  }
}

/// An expiry is reported when it is noticed, as in Redis.
void SharedMapTier::get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) {
  Result<Found> found = Found{};
  {
    std::lock_guard lock(mutex_);
    MapTier::get(key, deadline, [&](Result<Found> told) { found = std::move(told); });
    const auto stored = keys_under(key);
    if (found && !*found && !stored.empty() && stored.front() == key) {
      MapTier::erase(key, deadline, [](const Result<bool>&) {});
      tell_changed(key);
    }
  }
  done(std::move(found));
}

void SharedMapTier::set(std::string_view key, BytesView value, std::optional<Duration> ttl,
                        TimePoint deadline, Handler<Result<void>> done) {
  set_many({{key, value, ttl}}, deadline,
           [done = std::move(done)](std::vector<Result<void>> one) mutable { done(std::move(one.front())); });
}

void SharedMapTier::set_many(std::vector<TierWrite> writes, TimePoint deadline,
                             Handler<std::vector<Result<void>>> done) {
  std::vector<Result<void>> outcomes;
  {
    std::lock_guard lock(mutex_);
    MapTier::set_many(writes, deadline, [&](std::vector<Result<void>> told) { outcomes = std::move(told); });
    for (std::size_t i = 0; i < writes.size(); ++i) {
      if (!outcomes[i]) continue;
      leases_.erase(std::string(writes[i].key));
      tell_changed(writes[i].key);
    }
  }
  done(std::move(outcomes));
}

void SharedMapTier::compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                                         Handler<std::vector<Result<bool>>> done) {
  std::vector<Result<bool>> outcomes;
  {
    std::lock_guard lock(mutex_);
    MapTier::compare_and_set_many(writes, deadline,
                                  [&](std::vector<Result<bool>> told) { outcomes = std::move(told); });
    for (std::size_t i = 0; i < writes.size(); ++i) {
      if (!outcomes[i] || !*outcomes[i]) continue;
      leases_.erase(std::string(writes[i].key));
      tell_changed(writes[i].key);
    }
  }
  done(std::move(outcomes));
}

void SharedMapTier::erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) {
  Result<bool> erased = false;
  {
    std::lock_guard lock(mutex_);
    MapTier::erase(key, deadline, [&](Result<bool> told) { erased = std::move(told); });
    if (erased && leases_.erase(std::string(key)) > 0) tell_lease(key);
    if (erased && *erased) tell_changed(key);
  }
  done(std::move(erased));
}

void SharedMapTier::erase_prefix(std::string_view prefix, TimePoint deadline,
                                 Handler<Result<std::uint64_t>> done) {
  erase_glob(prefix, "*", deadline, std::move(done));
}

void SharedMapTier::erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                               Handler<Result<std::uint64_t>> done) {
  Result<std::uint64_t> count = std::uint64_t{0};
  {
    std::lock_guard lock(mutex_);
    end_leases(prefix, [&](std::string_view rest) { return glob_matches(pattern, rest); });
    for (const std::string& key : keys_under(prefix)) {
      if (glob_matches(pattern, std::string_view(key).substr(prefix.size()))) tell_changed(key);
    }
    MapTier::erase_glob(prefix, pattern, deadline,
                        [&](Result<std::uint64_t> told) { count = std::move(told); });
  }
  done(std::move(count));
}

std::optional<Error> SharedMapTier::refuse_write(std::string_view key, std::optional<Duration> ttl,
                                                 TimePoint deadline) const {
  if (auto refused = refuse(key, deadline)) return refused;
  return bad_ttl(ttl);
}

std::optional<Error> SharedMapTier::refuse_lease(std::string_view key, Duration lease_time,
                                                 TimePoint deadline) const {
  if (auto refused = refuse(key, deadline)) return refused;
  return bad_time("lease time", lease_time);
}

void SharedMapTier::acquire(std::string_view key, const LeaseRequest& request, TimePoint deadline,
                            Handler<Result<LeaseReply>> done) {
  const auto& [token, lease_time, stale, waited_for, take_over] = request;
  if (auto refused = refuse_lease(key, lease_time, deadline)) return done(*std::move(refused));
  Result<LeaseReply> reply = LeaseReply{};
  MapTier::get(key, deadline, [&, stale = stale](Result<Found> found) {
    if (!found) {
      reply = found.error();
    } else if (*found && (stale.empty() || **found != stale)) {
      reply = LeaseReply{.kind = LeaseReply::Kind::value, .value = std::move(**found)};
    }
  });
  if (reply && reply->kind == LeaseReply::Kind::held) {
    std::lock_guard lock(mutex_);
    const auto held = leases_.find(key);
    const TimePoint now = clock_->now();
    // As in a server: a longer lease was not given by a process of the cache.
    const auto possible = [&](const Lease& lease) {
      return lease.end != LeaseEnd::untold || (lease.until - now) / 2 <= lease_time;
    };
    const bool counts = held != leases_.end() && held->second.until > now && possible(held->second);
    const bool of_waited = counts && held->second.token == waited_for;
    if (of_waited && held->second.end != LeaseEnd::untold) {
      reply->kind = LeaseReply::Kind::ended;
      reply->end = held->second.end;
    } else if (counts && held->second.end == LeaseEnd::untold && !(of_waited && take_over)) {
      reply->held_for = held->second.until - now;
      reply->holder = held->second.token;
    } else {
      leases_.insert_or_assign(std::string(key), Lease{token, after(now, lease_time)});
      reply->kind = LeaseReply::Kind::granted;
      tell_lease(key);
    }
  }
  done(std::move(reply));
}

void SharedMapTier::fill(std::string_view key, const LeaseToken& token, BytesView value,
                         std::optional<Duration> ttl, TimePoint deadline, Handler<Result<bool>> done) {
  if (auto refused = refuse_write(key, ttl, deadline)) return done(*std::move(refused));
  Result<bool> filled = false;
  {
    std::lock_guard lock(mutex_);
    if (holds(key, token)) {
      set(key, value, ttl, deadline, [&](const Result<void>& stored) {
        filled = stored ? Result<bool>(true) : Result<bool>(stored.error());
      });
    }
  }
  done(std::move(filled));
}

void SharedMapTier::renew(std::string_view key, const LeaseToken& token, Duration lease_time,
                          TimePoint deadline, Handler<Result<bool>> done) {
  if (auto refused = refuse_lease(key, lease_time, deadline)) return done(*std::move(refused));
  bool held = false;
  {
    std::lock_guard lock(mutex_);
    held = holds(key, token);
    if (held) leases_.find(key)->second.until = after(clock_->now(), lease_time);
  }
  done(held);
}

void SharedMapTier::release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint deadline,
                            Handler<Result<void>> done) {
  if (auto refused = refuse(key, deadline)) return done(*std::move(refused));
  {
    std::lock_guard lock(mutex_);
    if (holds(key, token)) {
      const auto held = leases_.find(key);
      if (end == LeaseEnd::untold) {
        leases_.erase(held);
      } else {
        held->second = {token, after(clock_->now(), end_life), end};
      }
      tell_lease(key);
    }
  }
  done({});
}

/// `written(there)`: what is to be stored, given what is there; none: that stays.
template <class Written>
void SharedMapTier::get_or(std::string_view key, std::optional<Duration> ttl, TimePoint deadline,
                           Written written, Handler<Result<Bytes>> done) {
  if (auto refused = refuse_write(key, ttl, deadline)) return done(*std::move(refused));
  Result<Bytes> there = Bytes{};
  {
    std::lock_guard lock(mutex_);
    const auto now = held(key);
    std::optional<Bytes> bytes = written(now);
    there = bytes ? *std::move(bytes) : now->first;
    if (bytes) {
      set(key, *there, ttl, deadline, [&](const Result<void>& stored) {
        if (!stored) there = stored.error();
      });
    }
  }
  done(std::move(there));
}

void SharedMapTier::get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl,
                               TimePoint deadline, Handler<Result<Bytes>> done) {
  const auto written = [&](const auto& there) {
    // A TTL that no process asking for this one would give.
    const bool strange = there && ttl && (there->second - clock_->now()) / 2 > *ttl;
    return there && !strange ? std::nullopt : std::optional<Bytes>(value);
  };
  get_or(key, ttl, deadline, written, std::move(done));
}

void SharedMapTier::get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life,
                                   TimePoint deadline, Handler<Result<Bytes>> done) {
  const auto written = [&](const auto& there) {
    const TimePoint enough = life ? after(clock_->now(), *life / 4 * 3) : no_deadline;
    if (there && there->second >= enough) return std::optional<Bytes>();
    return std::optional<Bytes>(there ? there->first : Bytes(value));
  };
  get_or(key, life, deadline, written, std::move(done));
}

void SharedMapTier::replace(std::string_view key, BytesView expected, BytesView value,
                            std::optional<Duration> ttl, TimePoint deadline, Handler<Result<bool>> done) {
  if (auto refused = refuse_write(key, ttl, deadline)) return done(*std::move(refused));
  Result<bool> replaced = false;
  {
    std::lock_guard lock(mutex_);
    if (const auto now = held(key); now && now->first == expected) {
      set(key, value, ttl, deadline, [&](const Result<void>& stored) {
        replaced = stored ? Result<bool>(true) : Result<bool>(stored.error());
      });
    }
  }
  done(std::move(replaced));
}

std::shared_ptr<void> SharedMapTier::watch(std::vector<std::string> prefixes,
                                           std::shared_ptr<Watcher> watcher) {
  std::lock_guard lock(mutex_);
  const std::uint64_t id = ++last_watch_;
  watches_.emplace(id, std::make_shared<Watch>(Watch{std::move(prefixes), watcher}));
  if (!broken_) {
    watcher->watching(TimePoint::min());
    watcher->proven(holding_ ? clock_->now() : no_deadline);
  }
  return {this, [id](SharedMapTier* tier) {
            std::lock_guard end(tier->mutex_);
            tier->watches_.erase(id);
          }};
}

void SharedMapTier::hold_events() {
  std::lock_guard lock(mutex_);
  holding_ = true;
  for (const auto& [id, watch] : std::map(watches_)) {
    watch->watcher->watching(TimePoint::min());  // revokes the claim that everything is proven
    watch->watcher->proven(clock_->now());
  }
}

std::size_t SharedMapTier::deliver() {
  std::lock_guard lock(mutex_);
  std::deque<Event> events;
  events.swap(waiting_);
  for (const auto& [id, watch] : std::map(watches_)) {
    for (const auto& event : events) event(*watch);
    if (!broken_) watch->watcher->proven(clock_->now());
  }
  return events.size();
}

void SharedMapTier::forget_oldest_event() {
  std::lock_guard lock(mutex_);
  if (!waiting_.empty()) waiting_.pop_front();
}

void SharedMapTier::break_watch() {
  std::lock_guard lock(mutex_);
  broken_ = true;
  waiting_.clear();
  for (const auto& [id, watch] : std::map(watches_)) watch->watcher->lost();
}

void SharedMapTier::restore_watch() {
  std::lock_guard lock(mutex_);
  broken_ = false;
  for (const auto& [id, watch] : std::map(watches_)) {
    watch->watcher->watching(clock_->now());
    watch->watcher->proven(holding_ ? clock_->now() : no_deadline);
  }
}

void SharedMapTier::flush_all() {
  std::lock_guard lock(mutex_);
  leases_.clear();
  MapTier::erase_prefix("", no_deadline, [](const Result<std::uint64_t>&) {});
  tell([](const Watch& watch) { watch.watcher->changed_all(); });
}

}  // namespace terrace::testing
