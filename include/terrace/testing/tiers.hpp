#pragma once
/// Tiers for tests: one in memory, one that is never reachable, and one that fails as planned.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <terrace/scheduler.hpp>
#include <terrace/tier.hpp>
#include <vector>

namespace terrace::testing {

/// A tier of one-key operations: the bulk forms call them one by one. For tests and first attempts; a real
/// store should implement its own bulk forms.
class OneByOneTier : public Tier {
 public:
  void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                Handler<std::vector<Result<Found>>> done) override;
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override;
  void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                  Handler<std::vector<Result<bool>>> done) override;
};

/// A map in this process that represents a store of the given scope: the caches that share it are its
/// processes. Every handler is called inside the call. Thread safe.
class MapTier : public OneByOneTier {
 public:
  explicit MapTier(const Clock& clock = system_clock(), Scope scope = Scope::fleet)
      : clock_(&clock), scope_(scope) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "map"; }
  [[nodiscard]] Scope scope() const noexcept override { return scope_; }
  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override;
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override;
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override;
  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override;
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override;
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override;
  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                            Handler<std::vector<Result<bool>>> done) override;
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return true; }
  void close() override;
  [[nodiscard]] TierStats stats() const override;

  /// Like a server that cannot be reached: every operation is unavailable; the content is kept.
  void set_away(bool away) noexcept { away_ = away; }

 protected:
  /// A value and its expiry; none: there is no value, or it has expired.
  [[nodiscard]] std::optional<std::pair<Bytes, TimePoint>> held(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> keys_under(std::string_view prefix) const;
  [[nodiscard]] std::optional<Error> refuse(std::string_view key, TimePoint deadline) const;

 private:
  struct Stored {
    Bytes value;
    TimePoint expires;
    std::uint64_t version = 0;
  };
  Result<void> store(const TierWrite& write, TimePoint deadline);
  Result<bool> swap(const TierSwap& write, TimePoint deadline);
  template <class Matches>
  Result<std::uint64_t> erase_range(std::string_view prefix, TimePoint deadline, Matches matches);

  const Clock* clock_;
  const Scope scope_;
  mutable std::mutex mutex_;
  std::map<std::string, Stored, std::less<>> stored_;
  TierStats stats_;
  bool closed_ = false;
  std::atomic<bool> away_{false};
};

/// Stores nothing and accepts everything: each get is a miss, each set a success.
class NullTier final : public OneByOneTier {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "null"; }
  /// Its answer, a miss, is the same for every process.
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }
  void get(std::string_view, TimePoint, Handler<Result<Found>> done) override { done(Found{}); }
  void set(std::string_view, BytesView, std::optional<Duration>, TimePoint,
           Handler<Result<void>> done) override {
    done({});
  }
  void erase(std::string_view, TimePoint, Handler<Result<bool>> done) override { done(false); }
  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint,
                            Handler<std::vector<Result<bool>>> done) override {
    done(std::vector<Result<bool>>(writes.size(), true));
  }
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return true; }
  void erase_prefix(std::string_view, TimePoint, Handler<Result<std::uint64_t>> done) override {
    done(std::uint64_t{0});
  }
  void erase_glob(std::string_view, std::string_view, TimePoint,
                  Handler<Result<std::uint64_t>> done) override {
    done(std::uint64_t{0});
  }
  void close() override {}
  [[nodiscard]] TierStats stats() const override { return {}; }
};

/// What a FaultyTier does to one operation.
struct Fault {
  enum class Kind : std::uint8_t {
    none,        ///< passes it on
    fail,        ///< answers with `error`; the tier below is not asked
    lose_reply,  ///< the tier below does it, but the answer is `error`
    delay,       ///< passes it on after `delay`
    hold,        ///< passes it on when release() is called
    hang,        ///< never answers
    raise,       ///< throws std::runtime_error, which no tier may do
  };
  Kind kind = Kind::none;
  Errc error = Errc::unavailable;
  Duration delay{};
};

/// Wraps another tier and makes the planned operations fail. Thread safe.
class FaultyTier final : public OneByOneTier {
 public:
  /// `operation` is "get", "set", "erase", "set_if_absent" or "compare_and_set" (of compare_and_set_many),
  /// "erase_prefix" or "erase_glob"; the key is the one that the tier gets.
  using Plan = std::function<Fault(std::string_view operation, std::string_view key)>;

  FaultyTier(std::shared_ptr<Tier> below, std::shared_ptr<Scheduler> scheduler)
      : below_(std::move(below)), scheduler_(std::move(scheduler)) {}

  /// Sets the plan from now on; none: no faults.
  void plan(Plan plan);
  /// For every operation.
  void plan(Fault fault) {
    plan([fault](std::string_view, std::string_view) { return fault; });
  }
  /// Passes on the held operations, in the order they came. Returns how many.
  std::size_t release();
  [[nodiscard]] std::size_t held() const;

  [[nodiscard]] std::string_view name() const noexcept override { return below_->name(); }
  [[nodiscard]] Scope scope() const noexcept override { return below_->scope(); }
  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override;
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override;
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override;
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override;
  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                            Handler<std::vector<Result<bool>>> done) override;
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return below_->has_compare_and_set(); }
  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override;
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override;
  [[nodiscard]] bool may_lag() const noexcept override { return below_->may_lag(); }
  void close() override { below_->close(); }
  [[nodiscard]] TierStats stats() const override { return below_->stats(); }

 private:
  template <class T, class Pass>
  void spoil(std::string_view operation, std::string_view key, Handler<Result<T>> done, Pass pass);

  const std::shared_ptr<Tier> below_;
  const std::shared_ptr<Scheduler> scheduler_;
  mutable std::mutex mutex_;
  Plan plan_;
  std::vector<Task> held_;
  std::vector<Task> hanging_;  // kept, so that nothing is destroyed that a real tier would still hold
};

}  // namespace terrace::testing
