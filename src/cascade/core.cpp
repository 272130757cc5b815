#include "cascade/core.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>

#include "base/tier_check.hpp"

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

/// The limit for the distance of a stored time from now, 146 years: whatever the bytes say, the difference of
/// two such times fits into a Duration.
constexpr auto farthest = std::chrono::floor<std::chrono::milliseconds>(Duration::max() / 2);

/// How much the clocks of two processes may differ before their entries are not fresh for each other.
constexpr Duration clock_tolerance = std::chrono::seconds(1);

/// 0 … 1, for jitter only.
double random_share() {
  struct Source {
    HomeProcess home;
    std::minstd_rand numbers{std::random_device{}()};
  };
  thread_local std::optional<Source> source;
  if (!source || !source->home.here()) source.emplace();
  return std::uniform_real_distribution<double>{}(source->numbers);
}

StoredKind kind_of(const envelope::EnvelopeMeta& meta) noexcept {
  return {meta.codec, meta.schema};
}

}  // namespace

Core::Core(CacheOptions o, std::shared_ptr<Values> v, std::vector<std::shared_ptr<Tier>> tiers)
    : options(std::move(o)),
      prefix(options.name + ":"),
      tag_prefix(options.name + "~tag:"),
      beside_prefix(options.name + beside::infix(v->kind(), options.key_ring != nullptr)),
      scheduler(options.scheduler),
      values(std::move(v)),
      tags(scheduler->clock()),
      load_slots(options.max_concurrent_loads),
      load_budget(options.max_loads_per_second > 0
                      ? std::make_shared<LoadBudget>(scheduler, options.max_loads_per_second)
                      : nullptr),
      refresh_pauses(scheduler->clock()),
      error_pauses(options.error_ttl ? std::make_unique<Pauses>(scheduler->clock()) : nullptr),
      tier_calls(std::make_shared<TierCalls>(scheduler, options.tier_timeout)) {
  level_names.emplace_back("memory");
  for (auto& tier : tiers) {
    if (tier == nullptr) throw ConfigError("cache " + options.name + ": a tier is null");
    auto name = unique_name(level_names, tier->name());
    level_names.push_back(name);
    levels.push_back(std::make_unique<Level>(options.name, std::move(name), std::move(tier), random_seed()));
  }
  level_names.emplace_back("loader");
  const auto traits = level_traits();
  for (auto& level : levels) {
    level->narrow = is_narrow(level->tier->scope(), traits);
    level->fills = fill_rule(*level->tier, level->narrow);
    if (level->fills != FillRule::never) continue;
    spdlog::warn(
        "cache {}: level {} has no compare-and-set, so loaded values are not kept there: an erase of another "
        "process "
        "could not stop them (Tier::compare_and_set_many)",
        options.name, level->name);
  }
  for (std::size_t tier = levels.size(); tier-- > 0 && !decider;) {
    const Level& level = *levels[tier];
    if (!level.narrow && level.tier->has_compare_and_set() && !level.tier->may_lag()) decider = tier;
  }
  if (options.name == CacheOptions{}.name && shared_tier()) {
    spdlog::warn(
        "a cache has the name \"{}\" over level {}: another program with this name would read its values; "
        "give "
        "each cache a name of its own (CacheOptions::name)",
        options.name, levels[*shared_tier()]->name);
  }
}

std::vector<LevelTraits> Core::level_traits() const {
  std::vector<LevelTraits> traits;
  for (const auto& level : levels)
    traits.push_back({level->name, level->tier->scope(), level->tier->may_lag()});
  return traits;
}

std::optional<Error> Core::refuse_key(std::string_view key) const {
  return bad_key(key, max_key_size - prefix.size());
}

std::optional<TimePoint> Core::expiry(std::optional<Duration> ttl) const {
  if (!ttl || *ttl == no_expiry) return std::nullopt;
  const double share = options.ttl_jitter > 0 ? 1 - options.ttl_jitter * random_share() : 1;
  const auto jittered = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::nano>(static_cast<double>(ttl->count()) * share));
  const TimePoint when = after(now(), share < 1 ? jittered : *ttl);
  return when == no_deadline ? std::nullopt : std::optional(when);
}

bool Core::invalidate(std::string_view key, Stamp& stamp) {
  stamp = generations.bump_and_stamp(key);
  return drop(key);
}

bool Core::invalidate(std::string_view key) {
  generations.bump(key);
  return drop(key);
}

Stamp Core::supersede(std::string_view key) {
  Stamp stamp = generations.bump_and_stamp(key);
  flights.detach(key);
  if (error_pauses) error_pauses->end(key);
  return stamp;
}

void Core::on_notice(std::string_view key) {
  generations.noticed(key);
  drop(key);
}

bool Core::drop(std::string_view key) {
  const bool had = values->forget(key);
  flights.detach(key);
  if (error_pauses) error_pauses->end(key);
  return had;
}

void Core::on_own_notice(std::string_view key) {
  generations.noticed_own(key);
  values->unwatch(key);
  flights.detach(key);
}

bool Core::remember(std::string_view key, const Entry& entry, StalenessProof proof, const Stamp& stamp,
                    bool own_notice) {
  proof.watched = proof.watched && !own_notice;
  if (values->remember(key, entry, proof, TimePoint::min(), generations, stamp)) return true;
  // Few keys change meanwhile, so only here is the stamp copied: that takes its lock.
  Stamp now = stamp;
  while (generations.accept_own_notices(now, own_notice)) {
    proof.watched = proof.watched && !own_notice;
    if (values->remember(key, entry, proof, TimePoint::min(), generations, now)) return true;
  }
  return false;
}

void Core::invalidate_all() {
  generations.bump_all();
  values->forget_all();
  flights.detach_all();
  if (error_pauses) error_pauses->end_all();
}

void Core::pause_loads(const std::string& key, const Error& why) {
  if (!error_pauses) return;
  const auto half = static_cast<double>(options.error_ttl->count()) / 2;
  error_pauses->begin(key, why, Duration(static_cast<Duration::rep>(half + half * random_share())));
}

void Core::cancel(const KeySelection& keys) {
  generations.bump_if([&](std::string_view key) { return keys.contains(key); });
  flights.detach_if(keys);
  if (error_pauses) error_pauses->end(keys);
}

WallTime Core::wall_now() const noexcept {
  for (const auto& level : levels) {
    if (level->narrow) continue;
    if (const auto offset = level->tier->clock_offset())
      return std::chrono::floor<std::chrono::milliseconds>(WallTime{} + now().time_since_epoch() + *offset);
  }
  return scheduler->clock().wall_now();
}

Result<Bytes> Core::seal_up(std::string_view key, const Entry& entry) const {
  Document stored{{}, values->kind().value_or(StoredKind())};
  if (entry.value != nullptr) {
    auto encoded = values->encode(entry.value.get());
    if (!encoded) return encoded.error();
    stored = std::move(*encoded);
  }
  const Bytes& payload = stored.payload;
  if (payload.size() > options.max_value_bytes) {
    return Error(Errc::value_too_large, "the value of " + printable_key(key) + " has " +
                                            std::to_string(payload.size()) + " bytes encoded; the limit is " +
                                            std::to_string(options.max_value_bytes) + " (max_value_bytes)");
  }
  envelope::EnvelopeMeta meta;
  meta.created = wall(entry.created);
  if (entry.fresh_until) meta.fresh_until = wall(*entry.fresh_until);
  if (entry.fresh_until) meta.grace = entry.grace;
  if (entry.tags) {
    for (const TagMark& mark : *entry.tags) meta.tags.push_back({mark.tag, mark.token});
  }
  meta.codec = stored.kind.codec;
  meta.schema = stored.kind.schema;
  meta.negative = entry.value == nullptr;
  const std::size_t compress_above = options.compress_above.value_or(options.key_ring ? 0 : 1024);
  return envelope::wrap(options.name, key, meta, payload,
                        {.enabled = compress_above > 0, .threshold = compress_above}, options.key_ring.get());
}

Result<ValuePtr> Core::open_payload(std::string_view key, BytesView stored) const {
  const auto opened = envelope::open(options.name, key, stored, limits());
  if (!opened) return opened.error();
  return opened->meta.negative ? Result<ValuePtr>(nullptr)
                               : values->decode(opened->payload(), kind_of(opened->meta));
}

Result<std::optional<Unwrapped>> Core::unwrap(std::string_view key, BytesView stored) const {
  const auto opened = envelope::open(options.name, key, stored, limits());
  if (!opened) return opened.error();
  const auto& meta = opened->meta;
  const WallTime dated = wall_now();
  const TimePoint local = now();
  const auto from_now = [dated](WallTime when) -> Duration {
    return std::clamp(when, dated - farthest, dated + farthest) - dated;
  };
  Unwrapped out;
  Entry& entry = out.entry;
  entry.created = local + std::min(from_now(meta.created), Duration::zero());
  if (meta.fresh_until) {
    // A writer whose clock is ahead has stored an expiry that is too late here. So the rest of the lifetime
    // is never more than the whole.
    const Duration left = from_now(*meta.fresh_until);
    const Duration given = left - from_now(meta.created);
    entry.fresh_until = after(local, given > Duration::zero() ? std::min(left, given) : left);
    entry.grace = meta.grace;
    // An entry from the future: the clocks of its writer and of this process differ, so its age is unknown. It
    // may have expired, and is not fresh.
    if (from_now(meta.created) > clock_tolerance) {
      if (meta.grace == Duration::zero()) return std::optional<Unwrapped>{};
      entry.go_stale(local, Duration::zero());
    }
    if (*entry.gone() <= local) return std::optional<Unwrapped>{};
  }
  for (const auto& tag : meta.tags) {
    out.tags.push_back(tag.tag);
    out.tokens.push_back(tag.token);
  }
  if (meta.negative) return std::optional(std::move(out));
  auto value = values->decode(opened->payload(), kind_of(meta));
  if (!value) return value.error();
  entry.value = std::move(*value);
  return std::optional(std::move(out));
}

envelope::Limits Core::limits() const noexcept {
  return {.max_payload = options.max_value_bytes, .expected = values->kind(), .keys = options.key_ring.get()};
}

bool Core::refresh_due(const Entry& entry) const noexcept {
  if (options.eager_refresh == 0 || !entry.fresh_until) return false;
  const auto life = static_cast<double>((*entry.fresh_until - entry.created).count());
  return static_cast<double>((now() - entry.created).count()) >= life * options.eager_refresh;
}

void Core::keep_candidate(Flight& flight, Entry entry, std::size_t level, bool proven) const {
  const TagVerdict tagged = verdict(entry.tags);
  if (entry.value == nullptr || tagged == TagVerdict::void_) return;
  if (flight.candidate && flight.candidate->entry.created >= entry.created) return;
  const bool fresh = proven && entry.fresh(now()) && tagged == TagVerdict::valid;
  if (!fresh) {
    const auto gone = entry.gone();
    if (gone && entry.grace == Duration::zero()) return;
    entry.go_stale(now(), options.grace);
    if (*entry.gone() <= now()) return;
  }
  flight.candidate =
      Answer{.kind = fresh ? LookupKind::hit : LookupKind::stale, .entry = std::move(entry), .level = level};
}

Answer Core::candidate_or(const FlightPtr& flight, const Error& why) {
  if (!flight->candidate) return failed<Answer>(why);
  Answer answer = *flight->candidate;
  answer.error = why;
  if (answer.kind == LookupKind::stale) {
    values->remember(flight->key, answer.entry, {now(), false}, after(now(), options.retry_after),
                     generations, flight->stamp);
  }
  return answer;
}

std::optional<Duration> Core::tier_life(const Entry& entry) const {
  const auto gone = entry.gone();
  return gone ? std::optional(*gone - now()) : std::nullopt;
}

bool Core::trusts_tags() const noexcept {
  const bool shared =
      std::any_of(levels.begin(), levels.end(), [](const auto& level) { return level->shared; });
  return !shared || (options.consistency == Consistency::eventual && values->gate().watching(now()));
}

}  // namespace terrace::cascade
