#pragma once
/// Generations: the stamps that decide whether a value read earlier may still enter a level (coherence rule
/// "Generation" of docs/reliability.md).
///
/// A caller that reads below memory takes a stamp of the key first, and may put the value it found into a
/// level only while the stamp is valid. A caller that changes or erases a key first bumps it, which makes all
/// stamps of the key void, and then erases the key. So a value that was read before the change is either
/// rejected or erased.
///
/// A key is counted while there are stamps of it, and each key by itself: a change of one key never makes
/// stamps of another key void. (A 64-bit hash stands for the key. If two keys ever share it, one costs the
/// other a load, never a wrong value.) Three kinds of event are counted separately, because they do not all
/// make the same work void: changes by this process; notices, that is changes which a watch reports; and own
/// notices, which this process has probably caused itself.
///
///     stamp() or bump_and_stamp() ──► valid ──any event of the key──► void
///     void ──accept_own_notices(), if there were only own notices─────────────────────► valid
///     void ──bump_if_current(), on the same condition; makes the other stamps void────► valid
///     void ──accept_notices(), if there were only notices, whether own or not─────────► valid

#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <terrace/hash.hpp>
#include <utility>

namespace terrace::cascade {

class Generations;

/// The counts of a key's events at one time. Copies are independent; one stamp is for one thread at a time.
/// It may outlive its Generations.
class Stamp {
 public:
  Stamp() = default;
  Stamp(const Stamp& other) : table_(other.table_), hash_(other.hash_), seen_(other.seen_) { hold(); }
  Stamp(Stamp&& other) noexcept : table_(std::move(other.table_)), hash_(other.hash_), seen_(other.seen_) {}
  Stamp& operator=(Stamp other) noexcept {
    std::swap(table_, other.table_);
    std::swap(hash_, other.hash_);
    std::swap(seen_, other.seen_);
    return *this;
  }
  ~Stamp() { release(); }

 private:
  friend class Generations;

  struct Counts {
    std::uint64_t changes = 0;
    std::uint64_t notices = 0;      ///< of changes by other processes
    std::uint64_t own_notices = 0;  ///< of changes that this process has probably made
    bool operator==(const Counts&) const = default;
  };
  struct Counter {
    Counts counts;
    std::uint64_t stamps = 0;
  };
  struct alignas(64) Stripe {
    std::mutex mutex;
    boost::unordered_flat_map<std::uint64_t, Counter> counters;
  };
  struct Table {
    Stripe& stripe(std::uint64_t hash) noexcept { return stripes[hash % stripes.size()]; }
    std::atomic<std::uint64_t> epoch{0};
    std::array<Stripe, 32> stripes;
  };
  struct Seen {
    Counts counts;
    std::uint64_t epoch = 0;
  };

  Stamp(std::shared_ptr<Table> table, std::uint64_t hash, const Seen& seen) noexcept
      : table_(std::move(table)), hash_(hash), seen_(seen) {}

  void hold() const {
    if (table_ == nullptr) return;
    Stripe& stripe = table_->stripe(hash_);
    const std::lock_guard lock(stripe.mutex);
    ++stripe.counters[hash_].stamps;
  }
  void release() const noexcept {
    if (table_ == nullptr) return;
    Stripe& stripe = table_->stripe(hash_);
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.counters.find(hash_);
    if (--found->second.stamps == 0) stripe.counters.erase(found);
  }

  std::shared_ptr<Table> table_;  // null: void
  std::uint64_t hash_ = 0;
  Seen seen_;
};

/// Thread safe. No lock is held when a call returns, and none is taken but its own.
class Generations {
 public:
  [[nodiscard]] Stamp stamp(std::string_view key) { return stamped(key, 0); }

  /// As bump(), and takes a stamp that is valid after it.
  [[nodiscard]] Stamp bump_and_stamp(std::string_view key) { return stamped(key, 1); }

  /// This process changes the key: every stamp of it becomes void.
  void bump(std::string_view key) {
    count(key, [](Counts& counts) { ++counts.changes; });
  }
  /// A watch has reported a change of the key: every stamp of it becomes void. accept_notices() can make a
  /// stamp valid again.
  void noticed(std::string_view key) {
    count(key, [](Counts& counts) { ++counts.notices; });
  }
  /// The same for a change that this process has probably made. Each of the three functions below can make a
  /// stamp valid again.
  void noticed_own(std::string_view key) {
    count(key, [](Counts& counts) { ++counts.own_notices; });
  }
  /// Every stamp of every key becomes void, for good.
  void bump_all() noexcept { table_->epoch.fetch_add(1); }

  [[nodiscard]] bool valid(const Stamp& stamp) const {
    return with(stamp, [&](const Counts& now) { return now == stamp.seen_.counts; });
  }

  /// Makes the stamp valid again if only own notices have made it void: the write or fill that caused them
  /// has just put its value into a level, and this value may enter memory as well. `own_notice`: set when
  /// there were such notices.
  bool accept_own_notices(Stamp& stamp, bool& own_notice) const {
    return with(stamp, [&](const Counts& now) {
      Counts& seen = stamp.seen_.counts;
      if (now.changes != seen.changes || now.notices != seen.notices) return false;
      own_notice = own_notice || now.own_notices != seen.own_notices;
      seen = now;
      return true;
    });
  }

  /// A compare-and-swap of the stamp: as accept_own_notices(), and then bumps, so all other stamps of the key
  /// become void. False: another event has made the stamp void, and nothing is bumped.
  bool bump_if_current(Stamp& stamp, bool& own_notice) const {
    return with(stamp, [&](Counts& now) {
      Counts& seen = stamp.seen_.counts;
      if (now.changes != seen.changes || now.notices != seen.notices) return false;
      own_notice = own_notice || now.own_notices != seen.own_notices;
      ++now.changes;
      seen = now;
      return true;
    });
  }

  /// Makes the stamp valid again if only notices have made it void. For a fill under leases: each tier that
  /// can report a change also rejects the fill if the change came after the lease.
  bool accept_notices(Stamp& stamp) const {
    return with(stamp, [&](const Counts& now) {
      if (now.changes != stamp.seen_.counts.changes) return false;
      stamp.seen_.counts = now;
      return true;
    });
  }

 private:
  using Counts = Stamp::Counts;

  Stamp stamped(std::string_view key, std::uint64_t changes) {
    const std::uint64_t hash = hash_(key);
    const std::uint64_t epoch = table_->epoch.load();
    Stamp::Stripe& stripe = table_->stripe(hash);
    const std::lock_guard lock(stripe.mutex);
    Stamp::Counter& counter = stripe.counters[hash];
    counter.counts.changes += changes;
    ++counter.stamps;
    return {table_, hash, {counter.counts, epoch}};
  }

  template <class Change>
  void count(std::string_view key, Change change) {
    const std::uint64_t hash = hash_(key);
    Stamp::Stripe& stripe = table_->stripe(hash);
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.counters.find(hash);
    if (found != stripe.counters.end()) change(found->second.counts);
  }

  template <class Act>
  bool with(const Stamp& stamp, Act act) const {
    if (stamp.table_ == nullptr || table_->epoch.load() != stamp.seen_.epoch) return false;
    Stamp::Stripe& stripe = table_->stripe(stamp.hash_);
    const std::lock_guard lock(stripe.mutex);
    return act(stripe.counters.find(stamp.hash_)->second.counts);
  }

  KeyHash hash_;
  std::shared_ptr<Stamp::Table> table_ = std::make_shared<Stamp::Table>();
};

}  // namespace terrace::cascade
