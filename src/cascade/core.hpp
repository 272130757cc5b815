#pragma once
/// Core: what the parts of the engine share: the levels, the flights, the generations, the counters.

#include <atomic>
#include <memory>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/histogram.hpp>
#include <vector>

#include "cascade/fills.hpp"
#include "cascade/flights.hpp"
#include "cascade/gather.hpp"
#include "cascade/tier_calls.hpp"
#include "envelope/envelope.hpp"

namespace terrace::cascade {

/// A tier and what was seen of it.
struct Level {
  std::string name;
  std::shared_ptr<Tier> tier;
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> misses{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> unreadable{0};
  Histogram latency;
};

struct Counters {
  std::atomic<std::uint64_t> loads{0};
  std::atomic<std::uint64_t> load_failures{0};
  std::atomic<std::uint64_t> joined{0};
  std::atomic<std::uint64_t> rejected_fills{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> erases{0};
  std::atomic<std::uint64_t> write_failures{0};
  Histogram load_latency;
};

/// The parts hold it by shared_ptr, so work in flight survives the cache. Thread safe.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(CacheOptions options, std::shared_ptr<Values> values, std::vector<std::shared_ptr<Tier>> tiers);

  /// The key of an entry in the tiers. The namespace has no colon, so no two pairs meet.
  [[nodiscard]] std::string tier_key(std::string_view key) const { return prefix + std::string(key); }

  /// No error: the key is usable.
  [[nodiscard]] std::optional<Error> refuse_key(std::string_view key) const;

  [[nodiscard]] TimePoint now() const noexcept { return scheduler->clock().now(); }

  /// When something loaded or set now expires: the TTL less its jitter; none: never.
  [[nodiscard]] std::optional<TimePoint> expiry(std::optional<Duration> ttl) const;

  /// Voids reads in flight, removes the key from memory, and lets later readers begin anew. True: memory had
  /// it.
  bool invalidate(std::string_view key, Stamp& stamp);
  bool invalidate(std::string_view key) {
    Stamp unused;
    return invalidate(key, unused);
  }
  void invalidate_all();

  /// The stored form of an entry.
  [[nodiscard]] Result<Bytes> seal_up(std::string_view key, const Entry& entry) const;

  /// The entry in stored bytes. Expired is a miss (nullopt); unreadable an error.
  [[nodiscard]] Result<std::optional<Entry>> unwrap(std::string_view key, BytesView stored) const;

  /// Puts the bytes of an entry into a tier unless the key has changed since the stamp. A write to the key
  /// that begins meanwhile waits for it.
  void fill(std::size_t tier, std::string_view key, BytesView stored, const Entry& entry, Stamp stamp);

  /// One key, one tier: under the time limit, with an answer whatever the tier does.
  template <class T, class Begin>
  void ask(Begin begin, Handler<Result<T>> done) {
    tier_calls->ask<Result<T>>(
        std::move(begin), [](const Error& error) -> Result<T> { return error; }, std::move(done));
  }
  /// The same for `count` keys.
  template <class T, class Begin>
  void ask_many(std::size_t count, Begin begin, Handler<std::vector<Result<T>>> done) {
    const auto refuse = [count](const Error& error) { return std::vector<Result<T>>(count, error); };
    tier_calls->ask<std::vector<Result<T>>>(
        std::move(begin), refuse,
        [count, refuse, done = std::move(done)](std::vector<Result<T>> outcomes) mutable {
          // A tier that does not keep to its contract must not make the walk read past the end.
          if (outcomes.size() != count)
            outcomes = refuse(Error(Errc::io_error, "the tier answered too few keys"));
          done(std::move(outcomes));
        });
  }

  /// A new call that ends at its limit or with the cache.
  template <class T>
  std::shared_ptr<Gather<T>> begin_call(std::size_t keys, std::optional<Duration> timeout,
                                        Handler<std::vector<T>> done) {
    auto call = std::make_shared<Gather<T>>(keys, std::move(done));
    call->begin(calls, scheduler, timeout);
    if (timeout && *timeout <= Duration::zero())
      call->end(Error(Errc::timed_out, "the caller's limit is not above 0"));
    if (closed) call->end(Error(Errc::shutdown, "cache " + options.name + " is closed"));
    return call;
  }

  const CacheOptions options;
  const std::string prefix;
  const std::shared_ptr<Scheduler> scheduler;
  const std::shared_ptr<Values> values;
  std::vector<std::unique_ptr<Level>> levels;
  std::vector<std::string> level_names;
  Generations generations;
  FlightTable flights;
  const std::shared_ptr<Fills> fills = std::make_shared<Fills>();
  Counters counters;
  const std::shared_ptr<PendingCalls> calls = std::make_shared<PendingCalls>();
  const std::shared_ptr<TierCalls> tier_calls;
  std::atomic<bool> closed{false};

 private:
  void take_back(std::size_t tier, const std::string& key);
};

// The parts (walk.cpp, load.cpp, write.cpp, explain.cpp).
void start_walk(std::shared_ptr<Core> core, std::vector<FlightPtr> flights);
void start_load(std::shared_ptr<Core> core, const std::vector<FlightPtr>& flights);
void start_write(std::shared_ptr<Core> core, std::vector<Write> writes, const WriteOptions& options,
                 Handler<std::vector<Result<void>>> done);
void start_erase(std::shared_ptr<Core> core, std::vector<std::string> keys, const WriteOptions& options,
                 Handler<std::vector<Result<bool>>> done);
void start_clear(std::shared_ptr<Core> core, const WriteOptions& options, Handler<Result<void>> done);
void start_explain(std::shared_ptr<Core> core, std::string key, Handler<Result<Explanation>> done);

/// Ends a flight: memory first, then whoever waits, so that a reader who comes later finds the one or the
/// other.
void land(Core& core, const FlightPtr& flight, const Answer& answer);

}  // namespace terrace::cascade
