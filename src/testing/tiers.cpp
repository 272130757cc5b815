#include <stdexcept>
#include <terrace/glob.hpp>
#include <terrace/testing.hpp>
#include <utility>

#include "base/tier_check.hpp"
#include "base/tier_counters.hpp"

namespace terrace::testing {
namespace {

/// Runs `one(index, handler)` for each index and collects the results of the handlers.
template <class T, class One>
void each(std::size_t count, Handler<std::vector<Result<T>>> done, One one) {
  struct State {
    std::mutex mutex;
    std::vector<std::optional<Result<T>>> outcomes;
    std::size_t missing;
    Handler<std::vector<Result<T>>> done;
  };
  if (count == 0) return done({});
  auto state = std::make_shared<State>();
  state->outcomes.resize(count);
  state->missing = count;
  state->done = std::move(done);
  for (std::size_t i = 0; i < count; ++i) {
    one(i, [state, i](Result<T> outcome) {
      {
        std::lock_guard lock(state->mutex);
        state->outcomes[i].emplace(std::move(outcome));
        if (--state->missing > 0) return;
      }
      std::vector<Result<T>> all;
      for (auto& each : state->outcomes) all.push_back(std::move(*each));
      state->done(std::move(all));
    });
  }
}

}  // namespace

void OneByOneTier::get_many(std::vector<std::string_view> keys, TimePoint deadline,
                            Handler<std::vector<Result<Found>>> done) {
  each<Found>(keys.size(), std::move(done),
              [&](std::size_t i, Handler<Result<Found>> one) { get(keys[i], deadline, std::move(one)); });
}

void OneByOneTier::set_many(std::vector<TierWrite> writes, TimePoint deadline,
                            Handler<std::vector<Result<void>>> done) {
  each<void>(writes.size(), std::move(done), [&](std::size_t i, Handler<Result<void>> one) {
    set(writes[i].key, writes[i].value, writes[i].ttl, deadline, std::move(one));
  });
}

void OneByOneTier::erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                              Handler<std::vector<Result<bool>>> done) {
  each<bool>(keys.size(), std::move(done),
             [&](std::size_t i, Handler<Result<bool>> one) { erase(keys[i], deadline, std::move(one)); });
}

std::optional<Error> MapTier::refuse(std::string_view key, TimePoint deadline) const {
  if (closed_) return Error(Errc::shutdown, "map tier");
  if (away_) return Error(Errc::unavailable, "the tier is away, as the test wants it");
  if (auto why = bad_key(key)) return why;
  return late(deadline, clock_->now());
}

std::optional<std::pair<Bytes, TimePoint>> MapTier::held(std::string_view key) const {
  std::lock_guard lock(mutex_);
  const auto at = stored_.find(key);
  if (at == stored_.end() || at->second.expires <= clock_->now()) return std::nullopt;
  return std::pair(at->second.value, at->second.expires);
}

void MapTier::get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) {
  Result<Found> found = Found{};
  {
    std::lock_guard lock(mutex_);
    if (auto refused = refuse(key, deadline)) {
      found = *std::move(refused);
    } else if (const auto at = stored_.find(key); at != stored_.end() && at->second.expires > clock_->now()) {
      found = at->second.value;
    }
    tally(stats_, found);
  }
  done(std::move(found));
}

Result<void> MapTier::store(const TierWrite& write, TimePoint deadline) {
  std::lock_guard lock(mutex_);
  Result<void> outcome;
  if (auto refused = refuse(write.key, deadline)) {
    outcome = *std::move(refused);
  } else if (auto why = bad_ttl(write.ttl)) {
    outcome = *std::move(why);
  }
  tally(stats_, outcome);
  if (!outcome) return outcome;
  const auto old = stored_.find(write.key);
  const bool overtaken = write.version != 0 && old != stored_.end() && old->second.expires > clock_->now() &&
                         old->second.version >= write.version;
  const TimePoint expires = write.ttl ? after(clock_->now(), *write.ttl) : no_deadline;
  if (!overtaken)
    stored_.insert_or_assign(std::string(write.key), Stored{Bytes(write.value), expires, write.version});
  return outcome;
}

void MapTier::set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                  Handler<Result<void>> done) {
  done(store({key, value, ttl}, deadline));
}

void MapTier::set_many(std::vector<TierWrite> writes, TimePoint deadline,
                       Handler<std::vector<Result<void>>> done) {
  std::vector<Result<void>> outcomes;
  for (const TierWrite& write : writes) outcomes.push_back(store(write, deadline));
  done(std::move(outcomes));
}

Result<bool> MapTier::swap(const TierSwap& write, TimePoint deadline) {
  std::lock_guard lock(mutex_);
  if (auto refused = refuse(write.key, deadline)) return *std::move(refused);
  if (auto why = bad_ttl(write.ttl)) return *std::move(why);
  const auto at = stored_.find(write.key);
  const bool held = at != stored_.end() && at->second.expires > clock_->now();
  if (held != write.expected.has_value() || (held && at->second.value != *write.expected)) return false;
  const TimePoint expires = write.ttl ? after(clock_->now(), *write.ttl) : no_deadline;
  stored_.insert_or_assign(std::string(write.key), Stored{Bytes(write.value), expires});
  return true;
}

void MapTier::compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                                   Handler<std::vector<Result<bool>>> done) {
  std::vector<Result<bool>> outcomes;
  for (const TierSwap& write : writes) outcomes.push_back(swap(write, deadline));
  {
    std::lock_guard lock(mutex_);
    tally_swaps(stats_, outcomes);
  }
  done(std::move(outcomes));
}

void MapTier::erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) {
  Result<bool> erased = false;
  {
    std::lock_guard lock(mutex_);
    if (auto refused = refuse(key, deadline)) {
      erased = *std::move(refused);
    } else if (const auto at = stored_.find(key); at != stored_.end()) {
      erased = at->second.expires > clock_->now();
      stored_.erase(at);
    }
    tally(stats_, erased);
  }
  done(std::move(erased));
}

template <class Matches>
Result<std::uint64_t> MapTier::erase_range(std::string_view prefix, TimePoint deadline, Matches matches) {
  std::lock_guard lock(mutex_);
  if (auto refused = refuse(prefix.empty() ? "*" : prefix, deadline)) return *std::move(refused);
  std::uint64_t count = 0;
  for (auto at = stored_.lower_bound(prefix); at != stored_.end() && at->first.starts_with(prefix);) {
    if (!matches(std::string_view(at->first).substr(prefix.size()))) {
      ++at;
      continue;
    }
    if (at->second.expires > clock_->now()) ++count;
    at = stored_.erase(at);
  }
  return count;
}

void MapTier::erase_prefix(std::string_view prefix, TimePoint deadline, Handler<Result<std::uint64_t>> done) {
  done(erase_range(prefix, deadline, [](std::string_view) { return true; }));
}

void MapTier::erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                         Handler<Result<std::uint64_t>> done) {
  if (const auto bad = check_glob(pattern); !bad) return done(bad.error());
  done(erase_range(prefix, deadline, [&](std::string_view rest) { return glob_matches(pattern, rest); }));
}

std::vector<std::string> MapTier::keys_under(std::string_view prefix) const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> keys;
  for (auto at = stored_.lower_bound(prefix); at != stored_.end() && at->first.starts_with(prefix); ++at) {
    keys.push_back(at->first);
  }
  return keys;
}

void MapTier::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

TierStats MapTier::stats() const {
  std::lock_guard lock(mutex_);
  TierStats out = stats_;
  out.entries = stored_.size();
  return out;
}

void FaultyTier::plan(Plan plan) {
  std::lock_guard lock(mutex_);
  plan_ = std::move(plan);
}

std::size_t FaultyTier::held() const {
  std::lock_guard lock(mutex_);
  return held_.size();
}

std::size_t FaultyTier::release() {
  std::vector<Task> passing;
  {
    std::lock_guard lock(mutex_);
    passing.swap(held_);
  }
  for (Task& pass : passing) pass();
  return passing.size();
}

template <class T, class Pass>
void FaultyTier::spoil(std::string_view operation, std::string_view key, Handler<Result<T>> done, Pass pass) {
  Plan plan;
  {
    std::lock_guard lock(mutex_);
    plan = plan_;
  }
  const Fault fault = plan ? plan(operation, key) : Fault{};
  const Error error(fault.error, "planned fault");
  const auto later = [&] {
    return Task([pass, done = std::move(done)]() mutable { pass(std::move(done)); });
  };
  switch (fault.kind) {
    case Fault::Kind::none:
      return pass(std::move(done));
    case Fault::Kind::fail:
      return done(error);
    case Fault::Kind::lose_reply:
      return pass([error, done = std::move(done)](const Result<T>&) mutable { done(error); });
    case Fault::Kind::delay:
      scheduler_->call_at(after(scheduler_->clock().now(), fault.delay), later());
      return;
    case Fault::Kind::hold:
    case Fault::Kind::hang: {
      std::lock_guard lock(mutex_);
      (fault.kind == Fault::Kind::hold ? held_ : hanging_).push_back(later());
      return;
    }
    case Fault::Kind::raise:
      throw std::runtime_error("planned fault");
  }
}

void FaultyTier::get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) {
  spoil<Found>("get", key, std::move(done),
               [this, key = std::string(key), deadline](Handler<Result<Found>> pass) {
                 below_->get(key, deadline, std::move(pass));
               });
}

void FaultyTier::set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                     Handler<Result<void>> done) {
  spoil<void>("set", key, std::move(done),
              [this, key = std::string(key), value = Bytes(value), ttl, deadline](
                  Handler<Result<void>> pass) { below_->set(key, value, ttl, deadline, std::move(pass)); });
}

/// One by one, each with its own fault, and with its version.
void FaultyTier::set_many(std::vector<TierWrite> writes, TimePoint deadline,
                          Handler<std::vector<Result<void>>> done) {
  each<void>(writes.size(), std::move(done), [&](std::size_t i, Handler<Result<void>> one) {
    const TierWrite& write = writes[i];
    spoil<void>("set", write.key, std::move(one),
                [this, key = std::string(write.key), value = Bytes(write.value), ttl = write.ttl,
                 version = write.version, deadline](Handler<Result<void>> pass) {
                  below_->set_many({{key, value, ttl, version}}, deadline,
                                   [pass = std::move(pass)](std::vector<Result<void>> told) mutable {
                                     pass(std::move(told.front()));
                                   });
                });
  });
}

void FaultyTier::erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) {
  spoil<bool>("erase", key, std::move(done),
              [this, key = std::string(key), deadline](Handler<Result<bool>> pass) {
                below_->erase(key, deadline, std::move(pass));
              });
}

void FaultyTier::compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                                      Handler<std::vector<Result<bool>>> done) {
  each<bool>(writes.size(), std::move(done), [&](std::size_t i, Handler<Result<bool>> one) {
    const TierSwap& write = writes[i];
    const auto expected = write.expected ? std::optional<Bytes>(*write.expected) : std::nullopt;
    spoil<bool>(write.expected ? "compare_and_set" : "set_if_absent", write.key, std::move(one),
                [this, key = std::string(write.key), expected, value = Bytes(write.value), ttl = write.ttl,
                 deadline](Handler<Result<bool>> pass) {
                  below_->compare_and_set_many(
                      {{key, expected, value, ttl}}, deadline,
                      [pass = std::move(pass)](std::vector<Result<bool>> told) mutable {
                        pass(std::move(told.front()));
                      });
                });
  });
}

void FaultyTier::erase_prefix(std::string_view prefix, TimePoint deadline,
                              Handler<Result<std::uint64_t>> done) {
  spoil<std::uint64_t>("erase_prefix", prefix, std::move(done),
                       [this, prefix = std::string(prefix), deadline](Handler<Result<std::uint64_t>> pass) {
                         below_->erase_prefix(prefix, deadline, std::move(pass));
                       });
}

void FaultyTier::erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                            Handler<Result<std::uint64_t>> done) {
  spoil<std::uint64_t>("erase_glob", prefix, std::move(done),
                       [this, prefix = std::string(prefix), pattern = std::string(pattern),
                        deadline](Handler<Result<std::uint64_t>> pass) {
                         below_->erase_glob(prefix, pattern, deadline, std::move(pass));
                       });
}

}  // namespace terrace::testing
