#include <algorithm>
#include <terrace/glob.hpp>
#include <terrace/testing.hpp>
#include <utility>

#include "base/tier_check.hpp"

namespace terrace::testing {
namespace {

constexpr std::size_t page_size = 100;

Error no_version() {
  return {Errc::corrupt, "the stored version is not valid"};
}

}  // namespace

const VersionedMapTier::Held* VersionedMapTier::held(std::string_view key) {
  const auto at = held_.find(key);
  if (at == held_.end()) return nullptr;
  if (at->second.expires > clock_->now()) return &at->second;
  held_.erase(at);
  return nullptr;
}

Found VersionedMapTier::value(std::string_view key) {
  Found value;
  MapTier::get(key, no_deadline, [&](Result<Found> found) {
    if (found) value = std::move(*found);
  });
  return value;
}

// ---- Like any tier

/// A version of TierWrite is ordered among those of copies like one with no counting writer.
Result<void> VersionedMapTier::store(const TierWrite& write, TimePoint deadline) {
  const Version version{write.version, 0};
  const Held* old = held(write.key);
  TierWrite now = write;
  now.version = 0;
  if (!version.none() && old != nullptr && old->version >= version && value(write.key)) {
    if (auto refused = refuse(write.key, deadline)) return *std::move(refused);
    return {};
  }
  Result<void> stored;
  MapTier::set_many({now}, deadline, [&](std::vector<Result<void>> told) { stored = std::move(told[0]); });
  if (!stored) return stored;
  held_.erase(std::string(write.key));
  const TimePoint expires = write.ttl ? after(clock_->now(), *write.ttl) : no_deadline;
  if (!version.none()) held_.emplace(write.key, Held{version, expires, expires});
  return stored;
}

void VersionedMapTier::set(std::string_view key, BytesView value, std::optional<Duration> ttl,
                           TimePoint deadline, Handler<Result<void>> done) {
  set_many({{key, value, ttl}}, deadline,
           [done = std::move(done)](std::vector<Result<void>> one) mutable { done(std::move(one.front())); });
}

void VersionedMapTier::set_many(std::vector<TierWrite> writes, TimePoint deadline,
                                Handler<std::vector<Result<void>>> done) {
  std::vector<Result<void>> outcomes;
  {
    const std::lock_guard lock(mutex_);
    for (const TierWrite& write : writes) outcomes.push_back(store(write, deadline));
  }
  done(std::move(outcomes));
}

void VersionedMapTier::erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) {
  Result<bool> erased = false;
  {
    const std::lock_guard lock(mutex_);
    MapTier::erase(key, deadline, [&](Result<bool> told) { erased = std::move(told); });
    if (erased) held_.erase(std::string(key));
  }
  done(std::move(erased));
}

void VersionedMapTier::erase_prefix(std::string_view prefix, TimePoint deadline,
                                    Handler<Result<std::uint64_t>> done) {
  erase_glob(prefix, "*", deadline, std::move(done));
}

void VersionedMapTier::erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                                  Handler<Result<std::uint64_t>> done) {
  Result<std::uint64_t> count = std::uint64_t{0};
  {
    const std::lock_guard lock(mutex_);
    MapTier::erase_glob(prefix, pattern, deadline,
                        [&](Result<std::uint64_t> told) { count = std::move(told); });
    if (count) {
      std::erase_if(held_, [&](const auto& one) {
        const std::string_view key = one.first;
        return key.starts_with(prefix) && glob_matches(pattern, key.substr(prefix.size()));
      });
    }
  }
  done(std::move(count));
}

void VersionedMapTier::close() {
  const std::lock_guard lock(mutex_);
  MapTier::close();
}

// ---- Copies

Membership VersionedMapTier::standing() const {
  const TimePoint now = clock_->now();
  if (mark_.until <= now) return {};
  return {mark_.until - now, mark_.run == run_, mark_.token};
}

Result<Reading> VersionedMapTier::read(std::string_view key, TimePoint deadline) {
  if (auto refused = refuse(key, deadline)) return *std::move(refused);
  Reading reading{standing(), {}};
  const Held* copy = held(key);
  if (copy == nullptr) return reading;
  if (copy->version.counter > Version::highest_counter) return no_version();
  reading.copy.version = copy->version;
  reading.copy.value = value(key);
  if (reading.copy.value && copy->value_expires != no_deadline) {
    reading.copy.ttl = copy->value_expires - clock_->now();
  }
  return reading;
}

void VersionedMapTier::read_many(std::vector<std::string_view> keys, TimePoint deadline,
                                 Handler<std::vector<Result<Reading>>> done) {
  std::vector<Result<Reading>> readings;
  {
    const std::lock_guard lock(mutex_);
    for (const auto key : keys) readings.push_back(read(key, deadline));
  }
  done(std::move(readings));
}

Result<Written> VersionedMapTier::look(std::string_view key, TimePoint deadline) {
  if (auto refused = refuse(key, deadline)) return *std::move(refused);
  const Held* copy = held(key);
  if (copy == nullptr) return Written{standing(), {}, false};
  if (copy->version.counter > Version::highest_counter) return no_version();
  return Written{standing(), copy->version, value(key).has_value()};
}

void VersionedMapTier::versions_many(std::vector<std::string_view> keys, TimePoint deadline,
                                     Handler<std::vector<Result<Written>>> done) {
  std::vector<Result<Written>> told;
  {
    const std::lock_guard lock(mutex_);
    for (const auto key : keys) told.push_back(look(key, deadline));
  }
  done(std::move(told));
}

Result<Written> VersionedMapTier::write(const VersionedWrite& write, Duration retention, TimePoint deadline) {
  auto told = look(write.key, deadline);
  if (!told && told.error() == Errc::corrupt) told = Written{standing(), {}, value(write.key).has_value()};
  if (!told) return told;
  if (write.version.none()) return Error(Errc::invalid_argument, "the version is none");
  if (write.version.counter > Version::highest_counter) {
    return Error(Errc::invalid_argument, "the version is above the highest possible");
  }
  if (auto why = bad_time("retention", retention)) return *std::move(why);
  if (auto why = bad_ttl(write.ttl)) return *std::move(why);
  if (write.version < told->held || (write.version == told->held && write.value)) return told;
  const TimePoint now = clock_->now();
  const TimePoint dies = !write.value ? now : write.ttl ? after(now, *write.ttl) : no_deadline;
  if (write.value) {
    MapTier::set(write.key, *write.value, write.ttl, no_deadline, [](const Result<void>&) {});
  } else {
    MapTier::erase(write.key, no_deadline, [](const Result<bool>&) {});
  }
  held_.insert_or_assign(std::string(write.key), Held{write.version, dies, after(dies, retention)});
  told->held = write.version;
  return told;
}

void VersionedMapTier::write_many(std::vector<VersionedWrite> writes, Duration retention, TimePoint deadline,
                                  Handler<std::vector<Result<Written>>> done) {
  std::vector<Result<Written>> outcomes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& one : writes) outcomes.push_back(write(one, retention, deadline));
  }
  done(std::move(outcomes));
}

/// ScanPage::next contains the run, and the last key of the page.
void VersionedMapTier::scan(std::string_view from, TimePoint deadline, Handler<Result<ScanPage>> done) {
  const auto page = [&]() -> Result<ScanPage> {
    const std::lock_guard lock(mutex_);
    if (auto refused = refuse("any", deadline)) return *std::move(refused);
    const std::string run = std::to_string(run_) + ":";
    if (!from.empty() && !from.starts_with(run)) {
      return Error(Errc::unavailable, "the node has restarted since the scan began");
    }
    ScanPage out;
    auto at = from.empty() ? held_.begin() : held_.upper_bound(from.substr(run.size()));
    for (; at != held_.end() && out.keys.size() < page_size; ++at) {
      const Version& version = at->second.version;
      if (at->second.expires > clock_->now() && version.counter <= Version::highest_counter)
        out.keys.emplace_back(at->first, at->second.version);
    }
    if (at != held_.end()) out.next = run + std::prev(at)->first;
    return out;
  };
  done(page());
}

// ---- Membership and maintenance

void VersionedMapTier::membership(TimePoint deadline, Handler<Result<Membership>> done) {
  const auto told = [&]() -> Result<Membership> {
    const std::lock_guard lock(mutex_);
    if (auto refused = refuse("any", deadline)) return *std::move(refused);
    return standing();
  };
  done(told());
}

bool VersionedMapTier::in_charge() const {
  return charge_.run == run_ && charge_.until > clock_->now();
}

/// Runs under the lock, if the call can be answered.
template <class Do>
void VersionedMapTier::maintain(Duration time, TimePoint deadline, Handler<Result<bool>> done, Do act) {
  const auto outcome = [&]() -> Result<bool> {
    const std::lock_guard lock(mutex_);
    if (auto refused = refuse("any", deadline)) return *std::move(refused);
    if (auto why = bad_time("time", time)) return *std::move(why);
    return act();
  };
  done(outcome());
}

void VersionedMapTier::take_charge(std::uint64_t token, Duration time, TimePoint deadline,
                                   Handler<Result<bool>> done) {
  maintain(time, deadline, std::move(done), [&] {
    if (in_charge() && charge_.token != token) return false;
    charge_ = {run_, after(clock_->now(), time), token};
    return true;
  });
}

void VersionedMapTier::keep_charge(std::uint64_t token, Duration time, TimePoint deadline,
                                   Handler<Result<bool>> done) {
  maintain(time, deadline, std::move(done), [&] {
    if (!in_charge(token)) return false;
    charge_.until = after(clock_->now(), time);
    return true;
  });
}

void VersionedMapTier::forget() {
  MapTier::erase_prefix("", no_deadline, [](const Result<std::uint64_t>&) {});
  held_.clear();
  mark_ = {};
}

/// A value set without a version is no copy, and stays.
void VersionedMapTier::purge(std::uint64_t token, TimePoint deadline, Handler<Result<bool>> done) {
  maintain(Duration(1), deadline, std::move(done), [&] {
    if (!in_charge(token)) return false;
    for (const auto& [key, copy] : std::exchange(held_, {})) {
      MapTier::erase(key, no_deadline, [](const Result<bool>&) {});
    }
    mark_ = {};
    return true;
  });
}

void VersionedMapTier::admit(std::uint64_t token, Duration time, TimePoint deadline,
                             Handler<Result<bool>> done) {
  maintain(time, deadline, std::move(done), [&] {
    if (!in_charge(token)) return false;
    const TimePoint until = after(clock_->now(), time);
    mark_ = standing().remembers ? Pledge{run_, until, mark_.token} : Pledge{run_, until, token};
    charge_ = {};
    return true;
  });
}

// ---- For tests

void VersionedMapTier::restart_empty() {
  const std::lock_guard lock(mutex_);
  forget();
  charge_ = {};
  ++run_;
}

void VersionedMapTier::take_snapshot() {
  const std::lock_guard lock(mutex_);
  snapshot_ = {{}, mark_, charge_};
  for (const auto& [key, copy] : held_) snapshot_.copies.emplace(key, std::pair(copy, value(key)));
}

void VersionedMapTier::restart_from_snapshot() {
  const std::lock_guard lock(mutex_);
  forget();
  ++run_;
  mark_ = snapshot_.mark;
  charge_ = snapshot_.charge;
  const TimePoint now = clock_->now();
  for (const auto& [key, saved] : snapshot_.copies) {
    const auto& [copy, bytes] = saved;
    held_.emplace(key, copy);
    if (!bytes || copy.value_expires <= now) continue;
    const bool lasts = copy.value_expires == no_deadline;
    MapTier::set(key, *bytes, lasts ? std::nullopt : std::optional(copy.value_expires - now), no_deadline,
                 [](const Result<void>&) {});
  }
}

std::map<std::string, std::pair<Version, Found>> VersionedMapTier::contents() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::pair<Version, Found>> all;
  for (const auto& [key, copy] : held_) {
    if (copy.expires > clock_->now()) all.emplace(key, std::pair(copy.version, value(key)));
  }
  return all;
}

}  // namespace terrace::testing
