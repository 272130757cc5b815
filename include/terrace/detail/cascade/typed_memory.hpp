#pragma once
/// TypedMemory<V>: the memory level of a Cache<V>, and the stored form of its values.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/detail/cascade/stored_form.hpp>
#include <terrace/detail/memory/weight.hpp>
#include <terrace/detail/striped_counters.hpp>
#include <terrace/memory_cache.hpp>
#include <utility>
#include <vector>

namespace terrace::cascade {

/// What memory keeps under a key: a value, or a negative entry. The fields that a hit reads come first, on
/// one cache line together with a short key.
template <class V>
struct Slot {
  [[no_unique_address]] std::optional<V> value = {};  // the next field may use its padding
  bool plain = false;                                 ///< the usual case: no tags, and no grace
  TimePoint fresh_until = no_deadline;
  TimePoint gone = no_deadline;  ///< the end of its grace
  TagMarks tags = {};
  TimePoint as_of = {};  ///< this and the next one: StalenessProof
  Watched watched = {};
  TimePoint created = {};
  TimePoint retry_at = TimePoint::min();  ///< a stale entry is served until then
};

/// Whether and how a slot may be served now.
enum class Use : std::uint8_t { nothing, fresh, stale };

template <class V>
Lookup<V> to_lookup(const Slot<V>& slot, Use use, TimePoint now) {
  Lookup<V> out{.kind = use == Use::stale ? LookupKind::stale : LookupKind::hit,
                .value = slot.value,
                .level = "memory",
                .age = now - slot.created};
  if (!slot.value) out.kind = LookupKind::negative;
  const TimePoint ends = use == Use::stale ? slot.gone : slot.fresh_until;
  if (ends != no_deadline) out.remaining = ends - now;
  return out;
}

template <class V>
Lookup<V> to_lookup(Answer&& answer, const Engine& engine) {
  Lookup<V> out{.kind = answer.kind, .joined = answer.joined, .error = std::move(answer.error)};
  if (answer.kind == LookupKind::miss || answer.kind == LookupKind::unavailable) return out;
  const TimePoint now = engine.scheduler().clock().now();
  if (answer.entry.value) out.value = *static_cast<const V*>(answer.entry.value.get());
  out.level = engine.level_name(answer.level);
  out.age = now - answer.entry.created;
  const auto ends = answer.kind == LookupKind::stale ? answer.entry.gone() : answer.entry.fresh_until;
  if (ends) out.remaining = *ends - now;
  return out;
}

template <class V>
Result<V> to_result(Lookup<V>&& found, std::string_view key) {
  if (found.value) return std::move(*found.value);
  if (found.kind == LookupKind::unavailable) return std::move(found.error);
  return Error(Errc::not_found, printable_key(key));
}

template <class V>
std::vector<Result<V>> to_results(std::vector<Lookup<V>>&& found, const std::vector<std::string>& keys) {
  std::vector<Result<V>> results;
  for (std::size_t i = 0; i < keys.size(); ++i) results.push_back(to_result(std::move(found[i]), keys[i]));
  return results;
}

/// Bindings to other languages derive from it, to give the values of each cache a stored form of their own.
template <class V>
class TypedMemory : public Values {
 public:
  explicit TypedMemory(const CacheOptions& options)
      : scheduler_(options.scheduler),
        memory_ttl_(options.memory_ttl),
        eager_refresh_(options.eager_refresh),
        keeps_(options.memory_level),
        gate_(options.max_staleness),
        memory_(memory_options(options)) {}

  /// Calls `visitor(slot, use)` if there is a slot that may be served; true when called.
  template <class Visitor>
  bool visit(std::string_view key, Visitor&& visitor) {
    bool served = false;
    memory_.visit(key, [&](const Slot<V>& slot) {
      const Use good_for = use(slot);
      served = good_for != Use::nothing;
      if (good_for != Use::fresh || !slot.value) [[unlikely]]
        count(slot, good_for);
      if (served) visitor(slot, good_for);
    });
    return served;
  }
  /// As visit: the slot as an answer.
  std::optional<Answer> look(std::string_view key) {
    std::optional<Answer> found;
    visit(key, [&](const Slot<V>& slot, Use use) {
      const LookupKind served = use == Use::stale ? LookupKind::stale : LookupKind::hit;
      found.emplace(Answer{.kind = slot.value ? served : LookupKind::negative, .entry = entry_of(slot)});
    });
    return found;
  }
  [[nodiscard]] TimePoint now() const noexcept { return scheduler_->clock().now(); }

  /// Calls f(key, slot) for every entry there is, in no order, whether it may be served or not. f may call
  /// the cache.
  template <class F>
  void for_each(F&& f) {
    memory_.for_each(std::forward<F>(f));
  }

  /// So much of its lifetime is over (eager_refresh) that it should be loaded again.
  [[nodiscard]] bool refresh_due(const Slot<V>& slot) const noexcept {
    if (eager_refresh_ == 0 || slot.fresh_until == no_deadline) return false;
    const auto life = static_cast<double>((slot.fresh_until - slot.created).count());
    return static_cast<double>((now() - slot.created).count()) >= life * eager_refresh_;
  }

  [[nodiscard]] std::optional<StoredKind> kind() const noexcept override { return StoredForm<V>::kind(); }

  Result<Document> encode(const void* value) const override {
    return StoredForm<V>::encode(*static_cast<const V*>(value));
  }
  Result<ValuePtr> decode(BytesView payload, StoredKind kind) const override {
    auto value = StoredForm<V>::decode(payload, kind);
    if (!value) return value.error();
    return ValuePtr(std::make_shared<const V>(std::move(*value)));
  }

  bool remember(std::string_view key, const Entry& entry, const StalenessProof& proof, TimePoint retry_at,
                const Generations& generations, const Stamp& stamp) override {
    if (!keeps_) return generations.valid(stamp);
    const TimePoint local = now();
    const TimePoint at_most = memory_ttl_ ? after(local, *memory_ttl_) : no_deadline;
    Slot<V> slot{.fresh_until = std::min(entry.fresh_until.value_or(no_deadline), at_most),
                 .gone = std::min(entry.gone().value_or(no_deadline), at_most),
                 .tags = entry.tags,
                 .as_of = proof.as_of,
                 .watched = proof.watched,
                 .created = entry.created,
                 .retry_at = retry_at};
    if (slot.gone <= local) return generations.valid(stamp);
    EntryOptions life;
    if (slot.gone != no_deadline) life.ttl = slot.gone - local;
    if (entry.load_time > Duration::zero())
      life.cost = std::chrono::duration<double, std::milli>(entry.load_time).count();
    if (entry.value) slot.value = *static_cast<const V*>(entry.value.get());
    slot.plain = slot.tags == nullptr && slot.fresh_until == slot.gone;
    bool valid = false;
    memory_.set_if(std::string(key), std::move(slot), life, [&] { return valid = generations.valid(stamp); });
    return valid;
  }

  std::optional<Recalled> recall(std::string_view key) override {
    std::optional<Recalled> found;
    memory_.peek(key, [&](const Slot<V>& slot) {
      found.emplace(Recalled{.entry = entry_of(slot), .serves = use(slot) == Use::fresh});
    });
    return found;
  }

  void unwatch(std::string_view key) override {
    memory_.peek(key, [](const Slot<V>& slot) { slot.watched.take_back(); });
  }

  bool soften(std::string_view key) override {
    const TimePoint local = now();
    std::optional<Slot<V>> slot;
    memory_.peek(key, [&](const Slot<V>& there) { slot = there; });
    if (!slot) return false;
    const bool has_grace = slot->value && slot->gone > std::max(slot->fresh_until, local);
    if (!has_grace) return memory_.erase(key);
    const EntryOptions life{.ttl = slot->gone - local};
    // Hits read the coarse clock, which is behind.
    slot->fresh_until = std::min(slot->fresh_until, scheduler_->clock().coarse_now());
    slot->retry_at = TimePoint::min();
    slot->plain = false;
    memory_.set(std::string(key), std::move(*slot), life);
    return true;
  }

  std::unique_ptr<Forgetting> forget_if(std::function<bool(std::string_view)> matches) override {
    return std::make_unique<ForgetIf>(memory_, std::move(matches));
  }

  [[nodiscard]] Gate& gate() noexcept override { return gate_; }

  bool forget(std::string_view key) override { return memory_.erase(key); }
  void forget_all() override { memory_.clear(); }

  [[nodiscard]] LevelStats stats() const override {
    if (!keeps_) return {.name = "memory"};
    const MemoryStats seen = memory_.stats();
    const std::uint64_t unserved = std::min(special_.sum(Special::unserved), seen.hits);
    return {.name = "memory",
            .hits = seen.hits - unserved,
            .stale_hits = special_.sum(Special::stale),
            .negative_hits = special_.sum(Special::negative),
            .misses = seen.misses + unserved,
            .entries = seen.entries,
            .bytes = seen.bytes,
            .evictions = seen.evictions,
            .expirations = seen.expired,
            .invalidated = seen.erased,
            .replaced = seen.replaced};
  }

  [[nodiscard]] std::optional<Advice> advise() const noexcept { return memory_.advise(); }
  std::size_t shrink(double share) noexcept { return memory_.shrink(share); }

  [[nodiscard]] LevelExplanation explain(std::string_view key) const override {
    LevelExplanation out{.level = "memory"};
    memory_.peek(key, [&](const Slot<V>& slot) {
      const Lookup<V> as_read = to_lookup(slot, now() < slot.fresh_until ? Use::fresh : Use::stale, now());
      out.kind = as_read.kind;
      out.age = as_read.age;
      out.remaining = as_read.remaining;
      if (!gate_.open(slot.as_of, slot.watched, now())) {
        out.note = "not served: it is unknown whether it has changed since";
      } else if (verdict(slot.tags) > TagVerdict::unverified) {
        out.note = "not served: a tag of it was invalidated";
      }
    });
    if (const auto info = memory_.inspect(key)) out.bytes = info->weight;
    return out;
  }

 private:
  using Memory = MemoryCache<std::string, Slot<V>>;

  class ForgetIf final : public Forgetting {
   public:
    ForgetIf(Memory& memory, std::function<bool(std::string_view)> matches)
        : memory_(memory), matches_(std::move(matches)) {}
    bool step() override {
      constexpr std::size_t part = 4096;
      gone_ += memory_.erase_some(place_, part,
                                  [this](const std::string& key, const Slot<V>&) { return matches_(key); });
      return !place_.at_end();
    }
    [[nodiscard]] std::uint64_t gone() const noexcept override { return gone_; }

   private:
    Memory& memory_;
    const std::function<bool(std::string_view)> matches_;
    typename Memory::Place place_;
    std::uint64_t gone_ = 0;
  };

  /// Counts of slots that MemoryCache found and that are no plain hits.
  struct Special {
    enum : std::size_t { unserved, stale, negative, kinds };
  };

  static Entry entry_of(const Slot<V>& slot) {
    Entry entry{.created = slot.created, .tags = slot.tags};
    if (slot.value) entry.value = std::make_shared<const V>(*slot.value);
    if (slot.fresh_until != no_deadline) entry.fresh_until = slot.fresh_until;
    if (slot.gone != no_deadline) entry.grace = slot.gone - slot.fresh_until;
    return entry;
  }

  void count(const Slot<V>& slot, Use good_for) noexcept {
    if (good_for == Use::nothing) return special_.add(Special::unserved);
    special_.add(slot.value ? Special::stale : Special::negative);
  }

  [[nodiscard]] Use use(const Slot<V>& slot) const noexcept {
    // The usual case: only its expiry matters, and MemoryCache has checked that.
    if (slot.plain && !gate_.guarded()) [[likely]]
      return Use::fresh;
    const TimePoint local = scheduler_->clock().coarse_now();
    if (!gate_.open(slot.as_of, slot.watched, local)) return Use::nothing;
    const TagVerdict tags = verdict(slot.tags);
    if (tags <= TagVerdict::unverified && local < slot.fresh_until) return Use::fresh;
    return tags != TagVerdict::void_ && local < slot.retry_at ? Use::stale : Use::nothing;
  }

  static MemoryOptions<std::string, Slot<V>> memory_options(const CacheOptions& options) {
    MemoryOptions<std::string, Slot<V>> out;
    out.max_entries = options.memory_level ? options.max_entries : 1;
    out.max_bytes = options.memory_level ? options.max_bytes : 0;
    out.eviction = options.eviction;
    out.advisor = options.advisor && options.memory_level;
    out.clock = &options.scheduler->clock();
    return out;
  }

  const std::shared_ptr<Scheduler> scheduler_;  // its clock is memory's
  const std::optional<Duration> memory_ttl_;
  const double eager_refresh_;
  const bool keeps_;  // false: it stays empty
  Gate gate_;
  StripedCounters<Special::kinds> special_;
  Memory memory_;
};

}  // namespace terrace::cascade

/// The heap bytes of a slot are those of its value.
template <class V>
struct terrace::memory::HeapBytes<terrace::cascade::Slot<V>> {
  static constexpr bool known = HeapBytes<V>::known;
  static std::size_t of(const cascade::Slot<V>& slot) noexcept {
    return slot.value ? HeapBytes<V>::of(*slot.value) : 0;
  }
};
