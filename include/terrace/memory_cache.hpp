#pragma once
/// MemoryCache: a bounded, thread-safe map from keys to values in the memory of this process. It is the first
/// level of a cache, and can be used alone.
///
///     terrace::MemoryCache<std::string, Page> pages({.max_entries = 100'000, .ttl = 5min});
///     pages.set("home", render());
///     if (auto page = pages.find("home")) send(page->html);
///
/// When the cache is full, an eviction policy chooses the entry to evict: see Eviction. An expired entry is
/// never served, and is removed without being asked for. The other public names are MemoryOptions,
/// EntryOptions, EntryInfo, MemoryStats, RemovalCause and default_weight(), in detail/memory/options.hpp and
/// weight.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <functional>
#include <optional>
#include <ranges>
#include <terrace/detail/memory/context.hpp>
#include <terrace/detail/memory/handle.hpp>
#include <terrace/detail/memory/shard.hpp>
#include <terrace/detail/memory/shards.hpp>
#include <terrace/detail/memory/sweeper.hpp>
#include <terrace/memory_options.hpp>
#include <terrace/result.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace terrace {

/// Thread safe: every member may be called at any time, except construction and destruction. A hit by get(),
/// visit() or peek() takes no lock, unless the policy is lru, lfu or w-tinylfu, or the entry expires after
/// access or within the next 34 ms. User code that runs while the cache is locked: hashing, comparing, moving
/// and copying of keys and values, the function of visit() (in the cases above) and the condition of
/// set_if(). It must not call the cache.
///
/// A removed value is destroyed when no reader can be using it. An erased value is destroyed at once, unless
/// a reader uses it. Other values are destroyed in batches: at the latest after 256 removals in a shard, or
/// 256 KiB (16 removals if default_weight() does not see all memory that they hold).
///
/// K and V must be movable. get(), get_many() and get_or_insert() copy values, the others do not. With the
/// default hash and comparison a std::string key may be looked up by std::string_view or const char* without
/// a copy.
///
/// Exceptions thrown by hashing, comparing, copying, the weigher or an allocation reach the caller, and the
/// cache is unchanged.
template <class K, class V, class Hash = KeyHash, class Equal = std::equal_to<>>
class MemoryCache {
  using Shard = memory::Shard<K, V, Hash, Equal>;

 public:
  using Options = MemoryOptions<K, V>;
  using Handle = memory::Handle<K, V, Shard>;

  /// Throws ConfigError for impossible options.
  explicit MemoryCache(Options options = {})
      : lifetime_(lifetime_of(options)),
        measures_cost_(options.eviction == Eviction::gdsf),
        sweep_interval_(options.sweep_interval),
        shared_{.weigher = std::move(options.weigher),
                .listener = std::move(options.listener),
                .clock = options.clock,
                .start = options.clock->now(),
                .max_bytes = options.max_bytes,
                .tuner = options.eviction == Eviction::adaptive
                             ? std::make_unique<memory::Tuner>(options.max_entries)
                             : nullptr,
                .advisor = options.advisor ? std::make_unique<memory::Advisor>(memory::Advisor::Of{
                                                 options.max_entries, options.eviction, options.ttl,
                                                 options.expire_after_access, options.clock})
                                           : nullptr,
                .hash = {},
                .equal = {}},
        shards_(memory::check_limits({options.max_entries, options.max_bytes, options.ttl,
                                      options.expire_after_access, options.shards, options.sweep_interval}),
                shared_, options.eviction, options.max_entries),
        sweeping_([this] { purge(false); }, sweep_interval_) {}
  MemoryCache(const MemoryCache&) = delete;
  MemoryCache& operator=(const MemoryCache&) = delete;

  /// Returns a copy of the value; nothing on a miss. For large values use find() or visit().
  template <class Q>
  [[nodiscard]] std::optional<V> get(const Q& key) {
    std::optional<V> copy;
    visit(key, [&](const V& value) { copy.emplace(value); });
    return copy;
  }

  /// Calls f(const V&) on a hit, without a copy; false on a miss. f must be quick and must not call the
  /// cache.
  template <class Q, class F>
  bool visit(const Q& key, F&& f) {
    const auto& k = as_key(key);
    const std::uint64_t hash = shared_.hash_of(k);
    return shards_.of(hash).read(k, hash, std::forward<F>(f));
  }

  /// Like visit(), but does not count as an access, neither in the statistics nor for the eviction policy.
  template <class Q, class F>
  bool peek(const Q& key, F&& f) const {
    const auto& k = as_key(key);
    const std::uint64_t hash = shared_.hash_of(k);
    return shards_.of(hash).peek(k, hash, std::forward<F>(f));
  }

  /// Returns the value in place, without a copy; see Handle. Empty on a miss.
  template <class Q>
  [[nodiscard]] Handle find(const Q& key) {
    const auto& k = as_key(key);
    const std::uint64_t hash = shared_.hash_of(k);
    Shard& shard = shards_.of(hash);
    const auto [node, id] = shard.pin(k, hash);
    return node == nullptr ? Handle{} : Handle{shard, *node, id};
  }

  /// Stores the value and replaces any older one. Returns false if it is rejected: it is heavier than
  /// max_bytes, or its lifetime is over already. Then an older value of the key is removed all the same,
  /// because it is outdated.
  bool set(K key, V value, EntryOptions options = {}) {
    return set_if(std::move(key), std::move(value), options, [] { return true; });
  }

  /// Like set(), if allowed() returns true at the moment of insertion. allowed() is called under the lock of
  /// the key, so no other change can come between. Returns false if it is not allowed (nothing has changed)
  /// or rejected as by set().
  template <std::predicate P>
  bool set_if(K key, V value, EntryOptions options, P&& allowed) {
    return store(std::move(key), std::move(value), options, allowed, [](const V&) { return false; });
  }

  /// Like set(), unless the key has a value: then the value stays, and this is no access. False: not stored.
  bool insert(K key, V value, EntryOptions options = {}) {
    bool is_there = false;
    const bool stored = store(
        std::move(key), std::move(value), options, [] { return true; },
        [&](const V&) { return is_there = true; });
    return stored && !is_there;
  }

  /// Returns the value in the cache; if there is none, calls make() and stores its result. make() runs
  /// without a lock, and several threads may run it at the same time: the first to store wins, and all return
  /// its value. (Cache::get_or_load runs only one at a time.)
  template <std::invocable F>
  [[nodiscard]] V get_or_insert(const K& key, F&& make, EntryOptions options = {}) {
    if (std::optional<V> found = get(key)) return *std::move(found);
    const TimePoint began = measures_cost_ ? clock().now() : TimePoint{};
    V made = std::forward<F>(make)();
    if (measures_cost_ && !options.cost) {
      options.cost = std::chrono::duration<double, std::milli>(clock().now() - began).count();
    }
    std::optional<V> winner;
    store(
        K(key), V(made), options, [] { return true; },
        [&](const V& value) { return winner.emplace(value), true; });
    return winner ? *std::move(winner) : std::move(made);
  }

  /// get() for each key, in their order.
  template <std::ranges::input_range Keys>
  [[nodiscard]] std::vector<std::optional<V>> get_many(const Keys& keys) {
    std::vector<std::optional<V>> values;
    if constexpr (std::ranges::sized_range<const Keys>) values.reserve(std::ranges::size(keys));
    for (const auto& key : keys) values.push_back(get(key));
    return values;
  }

  /// set() for each pair of key and value; returns how many were stored.
  template <std::ranges::input_range Pairs>
  std::size_t set_many(Pairs&& pairs, EntryOptions options = {}) {
    std::size_t stored = 0;
    for (auto&& [key, value] : pairs) {
      if constexpr (std::is_lvalue_reference_v<Pairs>) {
        stored += set(key, value, options);
      } else {
        stored += set(std::move(key), std::move(value), options);
      }
    }
    return stored;
  }

  /// erase() for each key; returns how many were there.
  template <std::ranges::input_range Keys>
  std::size_t erase_many(const Keys& keys) {
    std::size_t erased = 0;
    for (const auto& key : keys) erased += erase(key);
    return erased;
  }

  /// Returns true if there was an entry; it is removed.
  template <class Q>
  bool erase(const Q& key) {
    const auto& k = as_key(key);
    const std::uint64_t hash = shared_.hash_of(k);
    shared_.erased(hash);
    return shards_.of(hash).erase(k, hash);
  }

  /// Erases the entries for which pred(key, value) is true; returns how many. It visits every entry that is
  /// in the cache during the whole call; an entry that is stored or replaced meanwhile may be visited or not.
  /// pred may call the cache.
  template <std::predicate<const K&, const V&> P>
  std::size_t erase_if(P&& pred) {
    std::size_t erased = 0;
    for_each_handle(
        [&](Handle& entry, const EntryOptions&) { erased += pred(entry.key(), *entry) && entry.erase(); });
    return erased;
  }

  /// Where erase_some() has come to.
  class Place {
   public:
    /// Every entry was visited.
    [[nodiscard]] bool at_end() const noexcept { return ended_; }

   private:
    friend MemoryCache;
    memory::NodeId node_ = 0;
    unsigned shard_ = 0;
    bool more_ = false;  // one of the shards so far has nodes after these
    bool ended_ = false;
  };

  /// As erase_if(), in parts: each call visits about `most` places for entries, from `place` on, which begins
  /// as `{}`. pred runs under a lock, so it must be quick and must not call the cache. No lock is held for
  /// more than 64 entries.
  template <std::predicate<const K&, const V&> P>
  std::size_t erase_some(Place& place, std::size_t most, P&& pred) {
    std::size_t erased = 0;
    // From shard to shard, so that a caller that waits for one of the locks gets it.
    for (std::size_t visited = 0; !place.ended_ && visited < most; visited += batch) {
      Shard& shard = shards_.begin()[place.shard_];
      place.more_ = shard.erase_some(place.node_, batch, pred, erased) != memory::nil || place.more_;
      if (++place.shard_ < shards_.size()) continue;
      place.ended_ = !std::exchange(place.more_, false);
      place.shard_ = 0;
      place.node_ += batch;
    }
    return erased;
  }

  /// Calls f(key, value) for every entry, in no order, with the guarantee of erase_if(). f may call the
  /// cache. Does not count as accesses.
  template <std::invocable<const K&, const V&> F>
  void for_each(F&& f) {
    for_each_handle([&](Handle& entry, const EntryOptions&) { f(entry.key(), *entry); });
  }

  /// Like for_each(), with the remaining lifetime in the form that set() takes: f(key, value, EntryOptions).
  template <std::invocable<const K&, const V&, const EntryOptions&> F>
  void for_each_with_life(F&& f) {
    for_each_handle([&](Handle& entry, const EntryOptions& left) { f(entry.key(), *entry, left); });
  }

  /// Erases everything. An entry that is stored meanwhile may be erased or not.
  void clear() noexcept {
    if (shared_.advisor) shared_.advisor->cleared();
    // Most of the work in parts; the rest also resets what the policy has learnt.
    Place place;
    while (!place.at_end()) erase_some(place, batch, [](const K&, const V&) { return true; });
    for (Shard& shard : shards_) shard.clear();
  }

  /// Evicts a share of the entries, 0 … 1, the least wanted by the policy first; returns how many. Heap
  /// memory of their keys and values is freed; the nodes are kept for later entries. The bounds stay the
  /// same, so the cache can grow again. Use it when memory is short: see MemoryPressure
  /// (memory_pressure.hpp).
  std::size_t shrink(double share) noexcept {
    std::size_t evicted = 0;
    if (!(share > 0)) return 0;
    for (Shard& shard : shards_) {
      auto left =
          static_cast<std::size_t>(std::ceil(static_cast<double>(shard.size()) * std::min(share, 1.0)));
      for (; left > 0 && shard.evict(); --left) ++evicted;
      shard.purge(false);  // destroys the removed entries
    }
    return evicted;
  }

  /// Returns what is known about an entry; does not count as an access.
  template <class Q>
  [[nodiscard]] std::optional<EntryInfo> inspect(const Q& key) const {
    const auto& k = as_key(key);
    const std::uint64_t hash = shared_.hash_of(k);
    return shards_.of(hash).inspect(k, hash);
  }

  /// Removes all expired entries, now and exactly; returns how many.
  std::size_t purge_expired() noexcept { return purge(true); }

  /// Number of entries, including expired ones that are not removed yet.
  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t sum = 0;
    for (Shard& shard : shards_) sum += shard.size();
    return sum;
  }

  /// The sum of the entries' weights.
  [[nodiscard]] std::uint64_t weight() const noexcept { return stats().bytes; }

  /// The clock from the options.
  [[nodiscard]] const Clock& clock() const noexcept { return *shared_.clock; }

  /// The counters of one shard are consistent with each other, except hits and misses, which each thread
  /// counts on its own. The counters of different shards and threads are read one after the other.
  [[nodiscard]] MemoryStats stats() const noexcept {
    MemoryStats sum;
    sum.hits = shared_.reads.sum(memory::Tally::hits);
    sum.misses = shared_.reads.sum(memory::Tally::misses);
    for (Shard& shard : shards_) shard.add_stats(sum);
    if (shared_.tuner) sum.used_bytes += shared_.tuner->heap_bytes();
    if (shared_.advisor) sum.used_bytes += shared_.advisor->heap_bytes();
    return sum;
  }

  /// Estimates how many reads a quarter, half, once, twice and four times max_entries would have answered,
  /// from a sample of the reads since construction (see Advisor; over the shared traces nearly always within
  /// 2 percentage points). It assumes that each miss is stored, with the cache's default lifetimes. Returns
  /// nothing without MemoryOptions::advisor.
  [[nodiscard]] std::optional<Advice> advise() const noexcept {
    if (!shared_.advisor) return std::nullopt;
    return shared_.advisor->advice(shared_.reads.sum(memory::Tally::hits) +
                                   shared_.reads.sum(memory::Tally::misses));
  }

 private:
  friend struct memory::Inspector;

  static constexpr memory::NodeId batch = 64;  // this many at a time under the lock

  static memory::Lifetime lifetime_of(const Options& options) noexcept {
    return {options.ttl.value_or(Duration::max()), options.expire_after_access.value_or(Duration::max())};
  }

  /// The key in the form that hash and comparison take: unchanged if they are transparent, otherwise
  /// converted.
  template <class Q>
  static decltype(auto) as_key(const Q& key) {
    constexpr bool is_transparent = requires {
      typename Hash::is_transparent;
    }
    &&requires {
      typename Equal::is_transparent;
    };
    if constexpr (std::is_same_v<Q, K>) {
      return (key);
    } else if constexpr (is_transparent && !std::is_arithmetic_v<K> && !std::is_enum_v<K>) {
      return (key);
    } else {
      return static_cast<K>(key);  // among numbers, 1U and 1L must be the same key
    }
  }

  template <class Allowed, class Keep>
  bool store(K&& key, V&& value, const EntryOptions& options, Allowed&& allowed, Keep&& keep) {
    const memory::Lifetime lifetime{options.ttl.value_or(lifetime_.ttl),
                                    options.expire_after_access.value_or(lifetime_.idle)};
    if (lifetime.is_timed()) sweeping_.start();
    const memory::Worth worth{shared_.weigh(key, value), memory::cost_of(options.cost)};
    const std::uint64_t hash = shared_.hash_of(std::as_const(key));
    Shard& own = shards_.of(hash);
    const bool stored = own.store(std::move(key), std::move(value), hash, lifetime, worth, allowed, keep);
    if (shared_.is_too_heavy()) [[unlikely]]
      make_room(own);
    return stored;
  }

  /// The shard of a heavy entry could not make enough room, so the other shards must.
  void make_room(Shard& own) noexcept {
    for (Shard& shard : shards_) {
      while (&shard != &own && shared_.is_too_heavy() && shard.evict()) {
      }
    }
    while (shared_.is_too_heavy() && own.evict()) {
    }
  }

  template <class F>
  void for_each_handle(F&& f) {
    for (Shard& shard : shards_) {
      for (memory::NodeId at = 0; at != memory::nil;) {
        std::array<Handle, batch> found;
        std::array<EntryOptions, batch> lives;
        std::size_t count = 0;
        at = shard.scan(at, batch, [&](auto& node, memory::NodeId id, const EntryOptions& left) {
          found[count] = Handle(shard, node, id);
          lives[count++] = left;
        });
        for (std::size_t i = 0; i < count; ++i) f(found[i], lives[i]);
      }
    }
  }

  std::size_t purge(bool exactly) noexcept {
    std::size_t removed = 0;
    for (Shard& shard : shards_) removed += shard.purge(exactly);
    return removed;
  }

  memory::Lifetime lifetime_;
  bool measures_cost_;
  Duration sweep_interval_;
  memory::Context<K, V, Hash, Equal> shared_;
  memory::Shards<Shard> shards_;
  memory::Sweeping sweeping_;  // last, so that it ends first
};

}  // namespace terrace
