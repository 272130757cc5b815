#pragma once
/// Atomic operations of Cache<V>: read, decide, and replace the value if nobody has changed it meanwhile, in any process.
/// docs/atomic.md tells which level decides, and over which tiers the operations exist.
///
///     terrace::Cache<std::int64_t> counters({.name = "counters", .ttl = 1h}, {redis});
///     terrace::Result<std::int64_t> now = counters.increment("visits", 1, {.initial = 0});
///     terrace::Result<bool> first = counters.add("seen:42", 1);  // true for one caller among all processes
///
/// All operations are thread safe. Errors of each, besides those that it names:
///  - invalid_key, unencodable, value_too_large; invalid_argument: a wrong ttl, or no level of this cache can decide.
///  - unavailable: the deciding level, or a shared tier above it, cannot be asked. Nothing has changed.
///  - effect_unknown: no answer came. The change may or may not have taken effect, so it is not repeated.
///  - partial_write: the value has changed; the tiers that the message names still have the old one, and lose it as
///    soon as they can be asked.
///  - incompatible: the level has an entry of another schema or version under the key.
///  - overloaded: others have changed the key at every attempt, until `timeout` or for 1,000 attempts.
///  - timed_out, shutdown, would_deadlock as for every blocking call.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <terrace/cache_options.hpp>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/scheduler.hpp>
#include <thread>
#include <type_traits>
#include <utility>

namespace terrace {

/// Stands for what a level had under a key when it was read. Only for compare_and_set() and compare_and_erase() of the
/// same cache. One revision is for one thread at a time; copies are independent. In a tier it stands for the stored
/// bytes: the same value with the same expiry and tags, set again within one millisecond, has the same revision.
using Revision = cascade::Revision;

/// What the deciding level has under a key at this moment. Converts to true if there is a value.
template <class V>
struct Current {
  std::optional<V> value = {};             ///< only a fresh one
  std::optional<Duration> remaining = {};  ///< time until it expires; none: no expiry, or no value
  Revision revision = {};

  explicit operator bool() const noexcept { return value.has_value(); }
};

namespace detail {

template <class V>
Result<Current<V>> typed(Result<cascade::Current>&& found, const Scheduler& scheduler) {
  if (!found) return std::move(found).error();
  Current<V> now{.revision = std::move(found->revision)};
  if (const auto& entry = found->entry; entry.value) {
    now.value = *static_cast<const V*>(entry.value.get());
    if (entry.fresh_until) now.remaining = *entry.fresh_until - scheduler.clock().now();
  }
  return now;
}

inline cascade::AtomicChange change_of(std::string key, const Revision& revision, cascade::ValuePtr value,
                                       const WriteOptions& options) {
  cascade::AtomicChange change{.key = std::move(key), .revision = revision, .value = std::move(value)};
  change.tags = options.tags;
  if (options.ttl) {
    change.life = cascade::AtomicLife::given;
    change.ttl = *options.ttl;
  }
  return change;
}

}  // namespace detail

template <class V>
struct IncrementOptions {
  std::optional<V> initial = {};     ///< a key without a value counts as this; none: that is not_found
  std::optional<Duration> ttl = {};  ///< of a key that had no value; none: the cache's. A value keeps its own
  std::optional<Duration> timeout = {};
};

/// The base of Cache<V> that has the atomic operations.
template <class V, class Derived>
class AtomicOperations {
 public:
  /// Reads the deciding level alone: not memory above it, and no loader. Fills nothing.
  Result<Current<V>> current(std::string_view key, const ReadOptions& options = {}) {
    return detail::typed<V>(self().template block_one<cascade::Current>([&](auto done) {
      engine().current(std::string(key), options.timeout, false, std::move(done));
    }),
                            engine().scheduler());
  }

  /// Stores the value if the key still has the revision. False: somebody has changed it, and nothing was stored.
  /// Without `tags` the value gets the tags of the one that it replaces.
  Result<bool> compare_and_set(std::string_view key, const Revision& revision, V value,
                               const WriteOptions& options = {}) {
    return swap(key, revision, std::make_shared<const V>(std::move(value)), options, /*keeps_life=*/false);
  }

  /// Removes the value if the key still has the revision.
  Result<bool> compare_and_erase(std::string_view key, const Revision& revision,
                                 const WriteOptions& options = {}) {
    return swap(key, revision, nullptr, options, false);
  }

  /// Replaces the value by `change(const V* now)`, where null stands for no value. It returns an std::optional<V>;
  /// nothing: the key is removed. It is called again each time that somebody else has changed the key meanwhile, in the
  /// calling thread, without a lock. Returns the value that was stored. Without options.ttl an existing value keeps
  /// the time at which it expires.
  template <class Change>
  Result<std::optional<V>> update(std::string_view key, Change&& change, const WriteOptions& options = {}) {
    return retry<std::optional<V>>(key, options, [&](const Current<V>& now) -> Step<std::optional<V>> {
      std::optional<V> next = change(now.value ? &*now.value : nullptr);
      if (!next && !now.value) return {.outcome = next};
      return {.outcome = next, .store = next ? Stored::value : Stored::nothing, .value = next};
    });
  }

  /// Stores the value if the key has none. True: this caller has stored it.
  Result<bool> add(std::string_view key, V value, const WriteOptions& options = {}) {
    return retry<bool>(key, options, [&](const Current<V>& now) -> Step<bool> {
      if (now.value) return {.outcome = false};
      return {.outcome = true, .store = Stored::value, .value = value};
    });
  }

  /// Stores the value if the key has one. False: it has none.
  Result<bool> replace(std::string_view key, V value, const WriteOptions& options = {}) {
    return retry<bool>(key, options, [&](const Current<V>& now) -> Step<bool> {
      if (!now.value) return {.outcome = false};
      return {.outcome = true, .store = Stored::value, .value = value, .keeps_life = false};
    });
  }

  /// Adds `delta`, which may be negative, and returns the sum. An existing value keeps the time at which it expires.
  /// Errors: not_found (no value, and no options.initial); invalid_argument (the sum is out of range; nothing changes).
  Result<V> increment(std::string_view key, V delta = V(1),
                      const IncrementOptions<V>& options = {}) requires std::is_arithmetic_v<V> {
    const WriteOptions write{.ttl = options.ttl, .timeout = options.timeout};
    return retry<V>(key, write, [&](const Current<V>& now) -> Step<V> {
      if (!now.value && !options.initial) return {.outcome = Error(Errc::not_found, printable_key(key))};
      const std::optional<V> sum = added(now.value ? *now.value : *options.initial, delta);
      if (!sum)
        return {.outcome =
                    Error(Errc::invalid_argument, "the sum of " + printable_key(key) + " is out of range")};
      return {.outcome = *sum, .store = Stored::value, .value = sum, .keeps_life = now.value.has_value()};
    });
  }

  /// Gives an existing value a new life; none: it does not expire. False: there is no value. The stored bytes change,
  /// since they contain the expiry.
  Result<bool> touch(std::string_view key, std::optional<Duration> ttl, const ReadOptions& options = {}) {
    const WriteOptions write{.ttl = ttl.value_or(no_expiry), .timeout = options.timeout};
    return retry<bool>(key, write, [&](const Current<V>& now) -> Step<bool> {
      if (!now.value) return {.outcome = false};
      return {.outcome = true, .store = Stored::value, .value = now.value, .keeps_life = false};
    });
  }

  /// Removes the key and returns the value that it had. Of several callers one gets it.
  Result<std::optional<V>> take(std::string_view key, const WriteOptions& options = {}) {
    return retry<std::optional<V>>(key, options, [&](const Current<V>& now) -> Step<std::optional<V>> {
      if (!now.value) return {.outcome = std::optional<V>()};
      return {.outcome = now.value, .store = Stored::nothing};
    });
  }

  /// Stores the value and returns the one that it has replaced.
  Result<std::optional<V>> get_and_set(std::string_view key, V value, const WriteOptions& options = {}) {
    return retry<std::optional<V>>(key, options, [&](const Current<V>& now) -> Step<std::optional<V>> {
      return {.outcome = now.value, .store = Stored::value, .value = value, .keeps_life = false};
    });
  }

  /// Returns the value of the key; without one stores `value` and returns it.
  Result<V> set_default(std::string_view key, V value, const WriteOptions& options = {}) {
    return retry<V>(key, options, [&](const Current<V>& now) -> Step<V> {
      if (now.value) return {.outcome = *now.value};
      return {.outcome = value, .store = Stored::value, .value = value};
    });
  }

 private:
  enum class Stored : std::uint8_t { unchanged, value, nothing };
  /// What one attempt decides.
  template <class T>
  struct Step {
    Result<T> outcome;
    Stored store = Stored::unchanged;
    std::optional<V> value = {};
    bool keeps_life = true;  ///< if the caller gave no ttl, and there was a value
  };

  Derived& self() noexcept { return static_cast<Derived&>(*this); }
  cascade::Engine& engine() noexcept { return *self().engine_; }

  /// A sum that V can hold.
  static std::optional<V> added(V a, V b) noexcept {
    if constexpr (std::is_floating_point_v<V>) {
      return std::isfinite(a + b) ? std::optional<V>(a + b) : std::nullopt;
    } else {
      V sum = 0;
      return __builtin_add_overflow(a, b, &sum) ? std::nullopt : std::optional<V>(sum);
    }
  }

  Result<bool> swap(std::string_view key, const Revision& revision, std::shared_ptr<const V> value,
                    const WriteOptions& options, bool keeps_life) {
    auto change = detail::change_of(std::string(key), revision, std::move(value), options);
    if (keeps_life && !options.ttl) change.life = cascade::AtomicLife::kept;
    return self().template block_one<bool>(
        [&](auto done) { engine().compare_and_set(std::move(change), options.timeout, std::move(done)); });
  }

  /// Reads, decides and swaps, until the swap succeeds or there is nothing to swap.
  template <class T, class Decide>
  Result<T> retry(std::string_view key, const WriteOptions& options, Decide decide) {
    constexpr unsigned most_attempts = 1000;
    Scheduler& scheduler = engine().scheduler();
    const TimePoint end = options.timeout ? after(scheduler.clock().now(), *options.timeout) : no_deadline;
    WriteOptions rest = options;
    for (unsigned attempt = 1; attempt <= most_attempts; ++attempt) {
      if (options.timeout) rest.timeout = end - scheduler.clock().now();
      if (attempt > 1 && rest.timeout && *rest.timeout <= Duration::zero()) break;
      auto found = self().template block_one<cascade::Current>([&](auto done) {
        engine().current(std::string(key), rest.timeout, attempt == 1, std::move(done));
      });
      const bool guessed = found && found->remembered;
      auto now = detail::typed<V>(std::move(found), scheduler);
      if (!now) return std::move(now).error();
      Step<T> step = decide(*now);
      if (!step.outcome || step.store == Stored::unchanged) {
        if (guessed) continue;  // it needs the present value, not a former one
        return std::move(step.outcome);
      }
      std::shared_ptr<const V> value;
      if (step.store == Stored::value) value = std::make_shared<const V>(std::move(*step.value));
      const auto swapped = swap(key, now->revision, std::move(value), rest, step.keeps_life && now->value);
      if (!swapped) return swapped.error();
      if (*swapped) return std::move(step.outcome);
      pause(scheduler, attempt);
    }
    return Error(Errc::overloaded, "others have changed " + printable_key(key) + " at every attempt");
  }

  /// The first attempts follow at once.
  static void pause(Scheduler& scheduler, unsigned attempt) {
    if (attempt < 4) return std::this_thread::yield();
    thread_local std::minstd_rand random(std::random_device{}());
    const auto most = std::min<std::int64_t>(std::int64_t{1} << std::min(attempt, 16U), 20'000);
    Latch never;
    scheduler.wait(
        never,
        after(scheduler.clock().now(),
              std::chrono::microseconds(std::uniform_int_distribution<std::int64_t>(1, most)(random))));
  }
};

}  // namespace terrace
