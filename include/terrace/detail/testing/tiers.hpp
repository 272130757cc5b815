#pragma once
/// Tiers for tests: one in memory, one that is never there, and one that fails by plan.

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

/// A tier of one-key operations: the bulk forms go through them one by one. For tests and first attempts: a
/// real store does better with its own.
class OneByOneTier : public Tier {
 public:
  void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                Handler<std::vector<Result<Found>>> done) override;
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override;
  void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                  Handler<std::vector<Result<bool>>> done) override;
};

/// A map in this process, which stands for a store of the given scope: caches that share it are its
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
  void close() override;
  [[nodiscard]] TierStats stats() const override;

  /// As a server that is not reached: every operation is unavailable until it is back, with what it held.
  void set_away(bool away) noexcept { away_ = away; }

 protected:
  /// A value and when it ends; none: there is none, or it has ended.
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

/// Holds nothing and takes everything: each get is a miss, each set a success.
class NullTier final : public OneByOneTier {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "null"; }
  /// What it answers, a miss, is what every process would get.
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }
  void get(std::string_view, TimePoint, Handler<Result<Found>> done) override { done(Found{}); }
  void set(std::string_view, BytesView, std::optional<Duration>, TimePoint,
           Handler<Result<void>> done) override {
    done({});
  }
  void erase(std::string_view, TimePoint, Handler<Result<bool>> done) override { done(false); }
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
    lose_reply,  ///< the tier below does it, the answer is `error`
    delay,       ///< passes it on after `delay`
    hold,        ///< passes it on when release() is called
    hang,        ///< never answers
    raise,       ///< throws std::runtime_error, which no tier may
  };
  Kind kind = Kind::none;
  Errc error = Errc::unavailable;
  Duration delay{};
};

/// Stands before another tier and spoils what the plan says. Thread safe.
class FaultyTier final : public OneByOneTier {
 public:
  /// `operation` is "get", "set", "erase", "erase_prefix" or "erase_glob"; the key is as the tier sees it.
  using Plan = std::function<Fault(std::string_view operation, std::string_view key)>;

  FaultyTier(std::shared_ptr<Tier> below, std::shared_ptr<Scheduler> scheduler)
      : below_(std::move(below)), scheduler_(std::move(scheduler)) {}

  /// From now on; none: no faults.
  void plan(Plan plan);
  /// Every operation.
  void plan(Fault fault) {
    plan([fault](std::string_view, std::string_view) { return fault; });
  }
  /// Passes on what is held, in the order it came. How many.
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
