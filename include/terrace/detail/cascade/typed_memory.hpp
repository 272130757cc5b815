#pragma once
/// TypedMemory<V>: the memory level of a Cache<V>, and the codec of its values.

#include <memory>
#include <optional>
#include <string>
#include <terrace/codec.hpp>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/detail/memory/weight.hpp>
#include <terrace/memory_cache.hpp>
#include <utility>
#include <vector>

namespace terrace::cascade {

/// What memory keeps under a key: a value, or the knowledge that there is none.
template <class V>
struct Slot {
  std::optional<V> value = {};
  TimePoint created = {};
  TimePoint expires = no_deadline;  ///< no_deadline: never
};

template <class V>
Lookup<V> to_lookup(const Slot<V>& slot, TimePoint now) {
  Lookup<V> out{.kind = slot.value ? LookupKind::hit : LookupKind::negative,
                .value = slot.value,
                .level = "memory",
                .age = now - slot.created};
  if (slot.expires != no_deadline) out.remaining = slot.expires - now;
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
  if (answer.entry.expires) out.remaining = *answer.entry.expires - now;
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

template <class V>
class TypedMemory final : public Values {
 public:
  explicit TypedMemory(const CacheOptions& options)
      : scheduler_(options.scheduler), memory_ttl_(options.memory_ttl), memory_(memory_options(options)) {}

  template <class Visitor>
  bool visit(std::string_view key, Visitor&& visitor) {
    return memory_.visit(key, std::forward<Visitor>(visitor));
  }
  [[nodiscard]] TimePoint now() const noexcept { return scheduler_->clock().now(); }

  [[nodiscard]] std::uint8_t codec() const noexcept override { return Codec<V>::id; }
  [[nodiscard]] std::uint64_t schema() const noexcept override { return Codec<V>::schema; }

  Result<Bytes> encode(const void* value) const override {
    Bytes out;
    const auto encoded = Codec<V>::encode(*static_cast<const V*>(value), out);
    if (!encoded) return encoded.error();
    return out;
  }
  Result<ValuePtr> decode(BytesView payload) const override {
    auto value = Codec<V>::decode(payload);
    if (!value) return value.error();
    return ValuePtr(std::make_shared<const V>(std::move(*value)));
  }

  bool remember(std::string_view key, const Entry& entry, const Generations& generations,
                Stamp stamp) override {
    const TimePoint local = now();
    TimePoint expires = entry.expires.value_or(no_deadline);
    if (memory_ttl_) expires = std::min(expires, after(local, *memory_ttl_));
    if (expires <= local) return generations.valid(key, stamp);
    EntryOptions life;
    if (expires != no_deadline) life.ttl = expires - local;
    Slot<V> slot{.created = entry.created, .expires = expires};
    if (entry.value) slot.value = *static_cast<const V*>(entry.value.get());
    bool valid = false;
    memory_.set_if(std::string(key), std::move(slot), life,
                   [&] { return valid = generations.valid(key, stamp); });
    return valid;
  }

  std::optional<Entry> recall(std::string_view key) override {
    std::optional<Entry> found;
    memory_.peek(key, [&](const Slot<V>& slot) {
      found.emplace(Entry{.created = slot.created});
      if (slot.value) found->value = std::make_shared<const V>(*slot.value);
      if (slot.expires != no_deadline) found->expires = slot.expires;
    });
    return found;
  }

  bool forget(std::string_view key) override { return memory_.erase(key); }
  void forget_all() override { memory_.clear(); }

  [[nodiscard]] LevelStats stats() const override {
    const MemoryStats seen = memory_.stats();
    return {.name = "memory",
            .hits = seen.hits,
            .misses = seen.misses,
            .entries = seen.entries,
            .bytes = seen.bytes,
            .evictions = seen.evictions,
            .expirations = seen.expired};
  }

  [[nodiscard]] LevelExplanation explain(std::string_view key) const override {
    LevelExplanation out{.level = "memory"};
    memory_.peek(key, [&](const Slot<V>& slot) {
      out.kind = slot.value ? LookupKind::hit : LookupKind::negative;
      out.age = now() - slot.created;
      if (slot.expires != no_deadline) out.remaining = slot.expires - now();
    });
    if (const auto info = memory_.inspect(key)) out.bytes = info->weight;
    return out;
  }

 private:
  using Memory = MemoryCache<std::string, Slot<V>>;

  static MemoryOptions<std::string, Slot<V>> memory_options(const CacheOptions& options) {
    MemoryOptions<std::string, Slot<V>> out;
    out.max_entries = options.max_entries;
    out.max_bytes = options.max_bytes;
    out.eviction = options.eviction;
    out.clock = &options.scheduler->clock();
    return out;
  }

  const std::shared_ptr<Scheduler> scheduler_;  // its clock is memory's
  const std::optional<Duration> memory_ttl_;
  Memory memory_;
};

}  // namespace terrace::cascade

/// What a slot holds on the heap is what its value does.
template <class V>
struct terrace::memory::HeapBytes<terrace::cascade::Slot<V>> {
  static std::size_t of(const cascade::Slot<V>& slot) noexcept {
    return slot.value ? HeapBytes<V>::of(*slot.value) : 0;
  }
};
