#pragma once
/// Shard: a part of a MemoryCache with its own lock: index, entries, policy, timer wheel and counters.
///
/// An entry is a node that never changes: a new value for a key is a new node that replaces the old one. So a
/// pinned value never changes, and a reader needs no lock: in a Readers::Section it finds a node that was an
/// entry at some moment of the section, and the node stays readable until the section ends, even if it is
/// removed meanwhile. (Readers take the lock if the policy moves entries on a hit.)
///
/// A removed node is unlinked under the lock; departures.hpp describes the rest. The only user code that runs
/// under the lock: hashing, comparing, moving and copying keys and values (and visitors, with policies that
/// move entries).
///
/// Everything that can throw happens before any change.

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <terrace/detail/memory/context.hpp>
#include <terrace/detail/memory/departures.hpp>
#include <terrace/detail/memory/entries.hpp>
#include <terrace/detail/memory/equal.hpp>
#include <terrace/detail/memory/index.hpp>
#include <terrace/detail/memory/policy.hpp>
#include <terrace/detail/memory/readers.hpp>
#include <terrace/detail/memory/spin_lock.hpp>

namespace terrace::memory {

struct Inspector;  // check.hpp

template <class K, class V, class Hash, class Equal>
class alignas(2 * cache_line) Shard {
 public:
  using Entry = Node<K, V>;
  using Shared = Context<K, V, Hash, Equal>;

  /// `max_entries` 0: no bound.
  Shard(Shared& shared, Eviction eviction, std::uint64_t max_entries)
      : index_(max_entries),
        shared_(shared),
        max_entries_(max_entries),
        policy_(eviction, max_entries, shared.tuner.get()),
        entries_(max_entries == 0 ? 0 : max_entries + Leaving::most_nodes(max_entries) + spare),
        departures_(entries_, shared, lock_, max_entries),
        wheel_(shared.start) {
    most_uses_ = policy_.most_uses();
  }
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard() {
    entries_.for_each_live([this](NodeId id) { entries_.destroy_content(entries_[id]); });
  }

  /// Calls use(value), which may continue while the entry is removed; false on a miss.
  template <class Q, class F>
  [[gnu::always_inline]] bool read(const Q& key, std::uint64_t hash, F&& use) {
    if (most_uses_) [[likely]] {
      const Readers::Section section;
      Entry* const node = find(key, hash);
      if (node == nullptr || is_fresh_for_certain(*node)) [[likely]] {
        shared_.reads.add(node == nullptr ? Tally::misses : Tally::hits, section.reader());
        shared_.saw(hash);
        if (node == nullptr) return false;
        node->bits.raise(*most_uses_);
        std::forward<F>(use)(std::as_const(node->value));
        return true;
      }
    }
    return access(key, hash, [&](NodeId id) { std::forward<F>(use)(std::as_const(entries_[id].value)); });
  }

  /// Like read(), but does not count as an access.
  template <class Q, class F>
  bool peek(const Q& key, std::uint64_t hash, F&& use) {
    const Readers::Section section;
    const Entry* const node = find(key, hash);
    if (node == nullptr) return false;
    if (is_fresh_for_certain(*node)) {
      std::forward<F>(use)(node->value);
      return true;
    }
    std::lock_guard lock(lock_);
    const NodeId still = lookup(key, hash);
    if (still == nil || !is_fresh(still)) return false;
    std::forward<F>(use)(std::as_const(entries_[still].value));
    return true;
  }

  /// The entry's id, pinned until unpin(); nil on a miss.
  template <class Q>
  std::pair<Entry*, NodeId> pin(const Q& key, std::uint64_t hash) {
    std::pair<Entry*, NodeId> found{nullptr, nil};
    access(key, hash, [&](NodeId id) { found = {pin_live(id), id}; });
    return found;
  }

  void unpin(Entry& node, NodeId id) noexcept {
    Removed removed(departures_);
    std::lock_guard lock(lock_);
    departures_.unpin(node, id, removed);
  }

  /// Stores the entry if `allowed()`, unless keep(value) accepts the existing fresh value. False: not
  /// allowed, or rejected (see EntryOptions, MemoryOptions::max_bytes).
  template <class Allowed, class Keep>
  bool store(K&& key, V&& value, std::uint64_t hash, const Lifetime& life, const Worth& worth,
             Allowed&& allowed, Keep&& keep) {
    Removed removed(departures_);
    std::lock_guard lock(lock_);
    if (!wheel_.empty()) expire_due(shared_.clock->coarse_now(), steps_per_write, removed);
    NodeId old = lookup(key, hash);
    if (!allowed()) return false;
    const bool old_is_fresh = old != nil && is_fresh(old);
    if (old_is_fresh && keep(std::as_const(entries_[old].value))) return true;
    const auto old_cause = old_is_fresh ? RemovalCause::replaced : RemovalCause::expired;
    if (life.has_run_out() || !shared_.can_hold(worth.weight)) {
      if (old != nil) unlink(old, hash, old_cause, removed);
      ++counts_.rejected;
      return false;
    }
    const NodeId id = make(std::move(key), std::move(value), hash, life, worth);
    departures_.leave(index_.outgrown(), removed);
    if (old != nil && !old_is_fresh) {
      unlink(old, hash, old_cause, removed);
      old = nil;
    }
    if (old == nil) {
      insert(id, hash, worth.weight, removed);
    } else {
      replace(old, id, hash, worth.weight, removed);
    }
    return true;
  }

  template <class Q>
  bool erase(const Q& key, std::uint64_t hash) {
    Removed removed(departures_);
    std::lock_guard lock(lock_);
    const NodeId id = lookup(key, hash);
    if (id == nil) return false;
    const bool fresh = is_fresh(id);
    unlink(id, hash, fresh ? RemovalCause::explicit_erase : RemovalCause::expired, removed);
    if constexpr (!Leaving::is_plain) departures_.collect(removed);
    return fresh;
  }

  /// Erases exactly that node, if it still is an entry. It must be pinned.
  bool erase_node(Entry& node, NodeId id) noexcept {
    Removed removed(departures_);
    std::lock_guard lock(lock_);
    if (!node.is(Links::live)) return false;
    unlink(id, safe_hash(id), RemovalCause::explicit_erase, removed);
    return true;
  }

  void clear() noexcept {
    Removed removed(departures_);
    std::lock_guard lock(lock_);
    const bool has_entries = index_.size() != 0;
    index_.clear();
    policy_.with([](auto& policy) { policy.clear(); });
    wheel_.clear();
    // Looking at every node takes long, and most often all entries were erased before.
    if (has_entries)
      entries_.for_each_live([&](NodeId id) { leave(id, RemovalCause::explicit_erase, removed); });
    departures_.collect(removed);
  }

  /// Evicts one entry; false when there is none.
  bool evict() noexcept {
    Removed removed(departures_);
    std::lock_guard lock(lock_);
    return evict_one(removed);
  }

  /// Removes expired entries: to the tick, or `exactly`. Returns how many.
  std::size_t purge(bool exactly) noexcept {
    std::size_t total = 0;
    for (bool more = true; more;) {
      Removed removed(departures_);
      std::lock_guard lock(lock_);
      departures_.collect(removed);
      if (wheel_.empty()) break;
      const std::uint64_t before = counts_.expired;
      const TimePoint now = shared_.clock->now();
      more = expire_due(now, steps_per_purge, removed);
      if (!more && exactly) expire_present(now, removed);
      total += static_cast<std::size_t>(counts_.expired - before);
    }
    return total;
  }

  /// Looks at `count` nodes from `from` on, pins the fresh entries among them, and calls take(node, id, life)
  /// for each with its remaining lifetime; returns where to continue.
  template <class F>
  NodeId scan(NodeId from, NodeId count, F&& take) {
    std::lock_guard lock(lock_);
    const TimePoint now = shared_.clock->now();
    return entries_.for_each_live(from, count, [&](NodeId id) {
      if (is_fresh(id)) take(*pin_live(id), id, life_left(id, now));
    });
  }

  /// Looks at `count` nodes from `from` on, and erases the entries among them for which pred(key, value) is
  /// true; adds the number of fresh ones to `erased`; returns where to continue.
  template <class P>
  NodeId erase_some(NodeId from, NodeId count, P&& pred, std::size_t& erased) {
    Removed removed(departures_);
    std::lock_guard lock(lock_);
    return entries_.for_each_live(from, count, [&](NodeId id) {
      if (!pred(std::as_const(entries_[id].key), std::as_const(entries_[id].value))) return;
      const bool fresh = is_fresh(id);
      erased += fresh ? 1 : 0;
      const auto hash = safe_hash(id);
      if (hash) shared_.erased(*hash);
      unlink(id, hash, fresh ? RemovalCause::explicit_erase : RemovalCause::expired, removed);
    });
  }

  template <class Q>
  std::optional<EntryInfo> inspect(const Q& key, std::uint64_t hash) {
    std::lock_guard lock(lock_);
    const NodeId id = lookup(key, hash);
    if (id == nil || !is_fresh(id)) return std::nullopt;
    const Entry& node = entries_[id];
    const TimePoint now = shared_.clock->now();
    EntryInfo info{};
    Stamp created = node.when;
    if (node.is(Links::timed)) {
      created = entries_.timings[id].created;
      info.remaining = entries_.expires(id) - now;
    }
    if (node.is(Links::idles)) info.idle = now - entries_.idlings[id].used;
    info.age =
        std::max(Duration::zero(), now - shared_.start - Duration{std::int64_t{created} << stamp_shift});
    info.access_count = policy_.with([&](auto& policy) { return policy.accesses(entries_, id); });
    info.weight = weight_of(id);
    return info;
  }

  std::size_t size() {
    std::lock_guard lock(lock_);
    return index_.size();
  }

  void add_stats(MemoryStats& sum) {
    std::lock_guard lock(lock_);
    sum.inserts += counts_.inserts;
    sum.replaced += counts_.replaced;
    sum.evictions += counts_.evictions;
    sum.expired += counts_.expired;
    sum.erased += counts_.erased;
    sum.rejected += counts_.rejected;
    sum.entries += index_.size();
    sum.bytes += bytes_;
    sum.used_bytes += sizeof(*this) + index_.heap_bytes() + entries_.heap_bytes() + policy_.heap_bytes();
  }

 private:
  friend struct Inspector;
  using Leaving = Departures<K, V, Shared>;
  using Removed = typename Leaving::Removed;

  // A write pays for the expiry of a few entries; a purge holds the lock for this many at a time.
  static constexpr std::size_t steps_per_write = 16;
  static constexpr std::size_t steps_per_purge = 256;

  template <class Q>
  NodeId lookup(const Q& key, std::uint64_t hash) const {
    return index_.find(hash, [&](NodeId id) { return equal_keys(shared_.equal, entries_[id].key, key); });
  }

  /// Without the lock, in a section.
  template <class Q>
  [[gnu::always_inline]] Entry* find(const Q& key, std::uint64_t hash) const {
    Entry* node = nullptr;
    const NodeId id = index_.find(hash, [&](NodeId candidate) {
      node = &entries_[candidate];
      return equal_keys(shared_.equal, node->key, key);
    });
    return id == nil ? nullptr : node;
  }

  template <class Q, class F>
  [[gnu::noinline]] bool access(const Q& key, std::uint64_t hash, F&& use) {
    Reader& reader = Readers::own();  // may throw, so it is called first
    shared_.saw(hash);
    Removed removed(departures_);
    std::lock_guard lock(lock_);
    const NodeId id = lookup(key, hash);
    if (id == nil) [[unlikely]] {
      shared_.reads.add(Tally::misses, reader);
      return false;
    }
    if (entries_[id].is(Links::timed)) {
      if (!is_fresh(id)) {
        unlink(id, hash, RemovalCause::expired, removed);
        shared_.reads.add(Tally::misses, reader);
        return false;
      }
      if (entries_[id].is(Links::idles)) touch(id);
    }
    shared_.reads.add(Tally::hits, reader);
    policy_.with([&](auto& policy) { policy.hit(entries_, id); });
    std::forward<F>(use)(id);
    return true;
  }

  /// Runs without the lock. The coarse clock decides if the expiry is at least one stamp away (17 ms, more
  /// than the clock lags). A caller that reads an entry that expires after access must record that, under the
  /// lock.
  bool is_fresh_for_certain(const Links& node) const {
    const std::uint32_t bits = node.bits;
    if ((bits & Links::timed) == 0) [[likely]]
      return true;
    return (bits & Links::idles) == 0 && ends_later(node);
  }
  bool ends_later(const Links& node) const {
    return std::uint64_t{shared_.stamp(shared_.clock->coarse_now())} + 1 < node.when;
  }
  bool is_fresh(NodeId id) const {
    const Links& node = entries_[id];
    if (!node.is(Links::timed)) return true;
    return ends_later(node) || shared_.clock->now() < entries_.expires(id);
  }

  EntryOptions life_left(NodeId id, TimePoint now) const noexcept {
    EntryOptions left{.ttl = Duration::max(), .expire_after_access = Duration::max(), .cost = {}};
    if (!entries_[id].is(Links::timed)) return left;
    TimePoint last = entries_.expires(id);
    if (entries_[id].is(Links::idles)) {
      const Idling& idling = entries_.idlings[id];
      last = idling.last;
      left.expire_after_access = idling.idle;
    }
    if (last != no_deadline) left.ttl = last - now;
    return left;
  }

  /// The wheel learns of the later expiry when it reaches the old one.
  void touch(NodeId id) noexcept {
    Idling& idling = entries_.idlings[id];
    idling.used = shared_.clock->now();
    set_expiry(id, idling.expires());
    policy_.with([&](auto& policy) { policy.retimed(entries_, id); });
  }

  void set_expiry(NodeId id, TimePoint expires) noexcept {
    entries_.timings[id].expires = expires;
    entries_[id].when = shared_.stamp(expires);
  }

  Entry* pin_live(NodeId id) {
    entries_.pins.ensure(id);
    ++entries_.pins[id];
    entries_[id].bits |= Links::pinned;
    return &entries_[id];
  }

  /// A node with all its data, not yet live. Room for it in index and policy is reserved.
  NodeId make(K&& key, V&& value, std::uint64_t hash, const Lifetime& life, const Worth& worth) {
    Draft<K, V> draft(entries_);
    const NodeId id = draft.id();
    if (life.is_timed()) entries_.timings.ensure(id);
    if (life.idles()) entries_.idlings.ensure(id);
    if (shared_.weigher) {
      entries_.weights.ensure(id);
      entries_.weights[id] = worth.weight;
    }
    index_.reserve_one([this](NodeId other) { return shared_.hash_of(std::as_const(entries_[other].key)); });
    policy_.with([&](auto& policy) { policy.prepare(entries_, id, hash, worth); });
    draft.commit(std::move(key), std::move(value));
    Links& node = entries_[id];
    if (!life.is_timed()) {
      node.when = shared_.stamp(shared_.clock->coarse_now());
      return id;
    }
    const TimePoint now = shared_.clock->now();
    const Idling idling{after(now, life.ttl), life.idle, now};
    node.bits |= Links::timed;
    if (life.idles()) {
      node.bits |= Links::idles;
      entries_.idlings[id] = idling;
    }
    entries_.timings[id].created = shared_.stamp(now);
    set_expiry(id, idling.expires());
    return id;
  }

  void insert(NodeId id, std::uint64_t hash, std::uint64_t weight, Removed& removed) noexcept {
    while (max_entries_ != 0 && index_.size() >= max_entries_) evict_one(removed);
    shared_.add_bytes(weight);
    while (shared_.is_too_heavy() && evict_one(removed)) {
    }
    bytes_ += weight;
    index_.insert(hash, id);
    go_live(id);
    policy_.with([&](auto& policy) { policy.link(entries_, id); });
    ++counts_.inserts;
  }

  void replace(NodeId old, NodeId id, std::uint64_t hash, std::uint64_t weight, Removed& removed) noexcept {
    index_.replace(hash, old, id);
    go_live(id);
    policy_.with([&](auto& policy) { policy.replace(entries_, old, id); });
    bytes_ += weight;
    shared_.add_bytes(weight);
    if (entries_[old].is(Links::timed)) wheel_.cancel(entries_.timings, old);
    leave(old, RemovalCause::replaced, removed);
    while (shared_.is_too_heavy() && evict_one(removed)) {
    }
  }

  void go_live(NodeId id) noexcept {
    entries_[id].bits |= Links::live;
    if (entries_[id].is(Links::timed)) wheel_.schedule(entries_.timings, id);
  }

  bool evict_one(Removed& removed) noexcept {
    const NodeId id = policy_.with([&](auto& policy) { return policy.victim(entries_); });
    if (id == nil) return false;
    const auto hash = safe_hash(id);
    if (hash) policy_.with([&](auto& policy) { policy.evicted(entries_, id, *hash); });
    unlink(id, hash, RemovalCause::evicted, removed);
    return true;
  }

  /// True: more may be due.
  bool expire_due(TimePoint now, std::size_t steps, Removed& removed) noexcept {
    for (NodeId id = nil; (id = wheel_.due(entries_.timings, now, steps)) != nil;) {
      if (entries_.expires(id) > now) {
        wheel_.postpone(entries_.timings, id);
      } else {
        unlink(id, safe_hash(id), RemovalCause::expired, removed);
      }
    }
    return steps == 0;
  }

  void expire_present(TimePoint now, Removed& removed) noexcept {
    wheel_.for_each_present(entries_.timings, [&](NodeId id) {
      if (entries_.expires(id) <= now) unlink(id, safe_hash(id), RemovalCause::expired, removed);
    });
  }

  void unlink(NodeId id, std::optional<std::uint64_t> hash, RemovalCause cause, Removed& removed) noexcept {
    if (hash) {
      index_.erase(*hash, id);
    } else {
      index_.erase_without_hash(id);
    }
    policy_.with([&](auto& policy) { policy.unlink(entries_, id); });
    if (entries_[id].is(Links::timed)) wheel_.cancel(entries_.timings, id);
    leave(id, cause, removed);
  }

  /// The last step of every removal.
  void leave(NodeId id, RemovalCause cause, Removed& removed) noexcept {
    const std::uint64_t weight = weight_of(id);
    bytes_ -= weight;
    shared_.subtract_bytes(weight);
    ++*std::array{&counts_.erased, &counts_.replaced, &counts_.expired,
                  &counts_.evictions}[static_cast<int>(cause)];
    departures_.leave(id, weight, cause, removed);
  }

  [[nodiscard]] std::uint64_t weight_of(NodeId id) const noexcept { return shared_.weight_of(entries_, id); }

  /// Nothing when hashing throws.
  [[nodiscard]] std::optional<std::uint64_t> safe_hash(NodeId id) const noexcept {
    try {
      return shared_.hash_of(std::as_const(entries_[id].key));
    } catch (...) {
      return std::nullopt;
    }
  }

  static constexpr std::size_t spare = 8;  // nodes that are about to be used

  // Fields that a reader uses come first; writes change them rarely.
  Index index_;
  Shared& shared_;
  std::optional<std::uint32_t> most_uses_;  // see Policy
  const std::uint64_t max_entries_;
  alignas(cache_line) Policy policy_;
  std::uint64_t bytes_ = 0;
  Entries<K, V> entries_;
  MemoryStats counts_;
  SpinLock lock_;
  Leaving departures_;
  TimerWheel wheel_;
};

}  // namespace terrace::memory
