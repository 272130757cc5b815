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
/// stamps of another key void. Its counter has the key, so a bulk delete finds the counters of its keys. Three
/// kinds of event are counted separately, because they do not all make the same work void: changes by this
/// process; notices, that is changes which a watch reports; and own notices, which this process has probably
/// caused itself.
///
///     stamp() or bump_and_stamp() ──► valid ──any event of the key──► void
///     void ──accept_own_notices(), if there were only own notices─────────────────────► valid
///     void ──bump_if_current(), on the same condition; makes the other stamps void────► valid
///     void ──accept_notices(), if there were only notices, whether own or not─────────► valid

#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
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
  Stamp(const Stamp& other) : table_(other.table_), counter_(other.counter_), seen_(other.seen_) { hold(); }
  Stamp(Stamp&& other) noexcept
      : table_(std::move(other.table_)), counter_(other.counter_), seen_(other.seen_) {}
  Stamp& operator=(Stamp other) noexcept {
    std::swap(table_, other.table_);
    std::swap(counter_, other.counter_);
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
  struct Stripe;
  struct Counter {
    Counter(std::string_view k, Stripe& s) : key(k), home(s) {}
    const std::string key;
    Stripe& home;
    Counts counts = {};
    std::uint64_t stamps = 0;
  };
  struct alignas(64) Stripe {
    std::mutex mutex;
    boost::unordered_flat_map<std::string_view, std::unique_ptr<Counter>, KeyHash, std::equal_to<>> counters;
  };
  struct Table {
    /// Neither the highest bits nor the lowest byte: a stripe's map places its keys by them.
    Stripe& stripe(std::uint64_t hash) noexcept { return stripes[(hash >> 24) % stripes.size()]; }
    std::atomic<std::uint64_t> epoch{0};
    std::array<Stripe, 32> stripes;
  };
  struct Seen {
    Counts counts;
    std::uint64_t epoch = 0;
  };

  Stamp(std::shared_ptr<Table> table, Counter& counter, const Seen& seen) noexcept
      : table_(std::move(table)), counter_(&counter), seen_(seen) {}

  void hold() const {
    if (table_ == nullptr) return;
    const std::lock_guard lock(counter_->home.mutex);
    ++counter_->stamps;
  }
  void release() const noexcept {
    if (table_ == nullptr) return;
    Stripe& home = counter_->home;
    const std::lock_guard lock(home.mutex);
    if (--counter_->stamps == 0) home.counters.erase(home.counters.find(std::string_view(counter_->key)));
  }

  std::shared_ptr<Table> table_;  // null: void
  Counter* counter_ = nullptr;    // the stamp keeps it
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
  /// As bump(), for every key that `matches(key)` selects. No stamp from before the call is valid after it.
  template <class Matches>
  void bump_if(Matches matches) {
    for (Stamp::Stripe& stripe : table_->stripes) {
      const std::lock_guard lock(stripe.mutex);
      for (const auto& [key, counter] : stripe.counters) {
        if (matches(key)) ++counter->counts.changes;
      }
    }
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
    const std::uint64_t epoch = table_->epoch.load();
    Stamp::Stripe& stripe = table_->stripe(hash_(key));
    const std::lock_guard lock(stripe.mutex);
    auto found = stripe.counters.find(key);
    if (found == stripe.counters.end()) {
      auto made = std::make_unique<Stamp::Counter>(key, stripe);
      const std::string_view text = made->key;
      found = stripe.counters.emplace(text, std::move(made)).first;
    }
    Stamp::Counter& counter = *found->second;
    counter.counts.changes += changes;
    ++counter.stamps;
    return {table_, counter, {counter.counts, epoch}};
  }

  template <class Change>
  void count(std::string_view key, Change change) {
    Stamp::Stripe& stripe = table_->stripe(hash_(key));
    const std::lock_guard lock(stripe.mutex);
    const auto found = stripe.counters.find(key);
    if (found != stripe.counters.end()) change(found->second->counts);
  }

  template <class Act>
  bool with(const Stamp& stamp, Act act) const {
    if (stamp.table_ == nullptr || table_->epoch.load() != stamp.seen_.epoch) return false;
    const std::lock_guard lock(stamp.counter_->home.mutex);
    return act(stamp.counter_->counts);
  }

  KeyHash hash_;
  std::shared_ptr<Stamp::Table> table_ = std::make_shared<Stamp::Table>();
};

}  // namespace terrace::cascade
