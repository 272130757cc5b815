#include "cascade/core.hpp"

#include <algorithm>
#include <random>

namespace terrace::cascade {
namespace {

/// "redis", and "redis#2" for the second tier of that name.
std::string unique_name(const std::vector<std::string>& taken, std::string_view name) {
  std::string candidate(name);
  for (int n = 2; std::find(taken.begin(), taken.end(), candidate) != taken.end(); ++n) {
    candidate = std::string(name) + "#" + std::to_string(n);
  }
  return candidate;
}

/// 0 … 1, for jitter only.
double random_share() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>{}(random);
}

}  // namespace

Core::Core(CacheOptions o, std::shared_ptr<Values> v, std::vector<std::shared_ptr<Tier>> tiers)
    : options(std::move(o)),
      prefix(options.name + ":"),
      scheduler(options.scheduler),
      values(std::move(v)),
      tier_calls(std::make_shared<TierCalls>(scheduler, options.tier_timeout)) {
  level_names.emplace_back("memory");
  for (auto& tier : tiers) {
    if (tier == nullptr) throw ConfigError("cache " + options.name + ": a tier is null");
    auto level = std::make_unique<Level>();
    level->name = unique_name(level_names, tier->name());
    level->tier = std::move(tier);
    level_names.push_back(level->name);
    levels.push_back(std::move(level));
  }
  level_names.emplace_back("loader");
}

std::optional<Error> Core::refuse_key(std::string_view key) const {
  if (key.empty()) return Error(Errc::invalid_key, "the key is empty");
  const std::size_t limit = max_key_size - prefix.size();
  if (key.size() <= limit) return std::nullopt;
  return Error(Errc::invalid_key, "the key " + printable_key(key) + " is longer than " +
                                      std::to_string(limit) + " bytes; use a digest of it as the key");
}

std::optional<TimePoint> Core::expiry(std::optional<Duration> ttl) const {
  if (!ttl) return std::nullopt;
  const double share = options.ttl_jitter > 0 ? 1 - options.ttl_jitter * random_share() : 1;
  const auto jittered = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::nano>(static_cast<double>(ttl->count()) * share));
  const TimePoint when = after(now(), share < 1 ? jittered : *ttl);
  return when == no_deadline ? std::nullopt : std::optional(when);
}

bool Core::invalidate(std::string_view key, Stamp& stamp) {
  stamp = generations.bump(key);
  const bool had = values->forget(key);
  flights.detach(key);
  return had;
}

void Core::invalidate_all() {
  generations.bump_all();
  values->forget_all();
  flights.detach_all();
}

Result<Bytes> Core::seal_up(std::string_view key, const Entry& entry) const {
  Bytes payload;
  if (entry.value != nullptr) {
    auto encoded = values->encode(entry.value.get());
    if (!encoded) return encoded.error();
    payload = std::move(*encoded);
  }
  if (payload.size() > options.max_value_bytes) {
    return Error(Errc::value_too_large, "the value of " + printable_key(key) + " has " +
                                            std::to_string(payload.size()) + " bytes encoded; the limit is " +
                                            std::to_string(options.max_value_bytes) + " (max_value_bytes)");
  }
  const auto wall = [&](TimePoint t) {
    return scheduler->clock().wall_now() + std::chrono::floor<std::chrono::milliseconds>(t - now());
  };
  envelope::EnvelopeMeta meta;
  meta.created = wall(entry.created);
  if (entry.expires) meta.fresh_until = wall(*entry.expires);
  meta.codec = values->codec();
  meta.schema = values->schema();
  meta.negative = entry.value == nullptr;
  return envelope::wrap(options.name, key, meta, payload,
                        {.enabled = options.compress_above > 0, .threshold = options.compress_above},
                        options.keys.get());
}

Result<std::optional<Entry>> Core::unwrap(std::string_view key, BytesView stored) const {
  const envelope::Limits limits{.max_payload = options.max_value_bytes,
                                .expected = envelope::Kind{values->codec(), values->schema()},
                                .keys = options.keys.get()};
  const auto opened = envelope::open(options.name, key, stored, limits);
  if (!opened) return opened.error();
  const auto& meta = opened->meta;
  const WallTime wall = scheduler->clock().wall_now();
  if (meta.fresh_until && *meta.fresh_until <= wall) return std::optional<Entry>{};
  const TimePoint local = now();
  Entry entry;
  entry.created = local - std::max<Duration>(wall - meta.created, Duration::zero());
  if (meta.fresh_until) entry.expires = after(local, *meta.fresh_until - wall);
  if (meta.negative) return std::optional(std::move(entry));
  auto value = values->decode(opened->payload());
  if (!value) return value.error();
  entry.value = std::move(*value);
  return std::optional(std::move(entry));
}

void Core::fill(std::size_t tier, std::string_view key, BytesView stored, const Entry& entry, Stamp stamp) {
  std::optional<Duration> ttl;
  if (entry.expires) ttl = *entry.expires - now();
  if (ttl && *ttl <= Duration::zero()) return;
  // Before the check: a writer who bumps the generation after it finds this fill and waits.
  Fills::UnderWay filling(fills, std::string(key));
  if (!generations.valid(key, stamp)) {
    ++counters.rejected_fills;
    return;
  }
  ask<void>(
      [&](TimePoint deadline, Handler<Result<void>> done) {
        levels[tier]->tier->set(tier_key(key), stored, ttl, deadline, std::move(done));
      },
      [self = shared_from_this(), tier, key = std::string(key), stamp,
       filling = std::move(filling)](const Result<void>& outcome) {
        if (!outcome && !self->generations.valid(key, stamp)) self->take_back(tier, key);
      });
}

/// The tier did not say in time what became of the fill, and the key has changed: the old value may still
/// arrive.
void Core::take_back(std::size_t tier, const std::string& key) {
  invalidate(key);
  ask<bool>(
      [&](TimePoint deadline, Handler<Result<bool>> done) {
        levels[tier]->tier->erase(tier_key(key), deadline, std::move(done));
      },
      [self = shared_from_this(), key](const Result<bool>&) { self->invalidate(key); });
}

}  // namespace terrace::cascade
