#pragma once
/// A network of nodes on virtual time, with faults, for the replicated tier: servers that freeze, die, come
/// back empty or with an old snapshot; links that delay, reorder and lose.

#include <deque>
#include <functional>
#include <random>
#include <set>
#include <terrace/testing.hpp>

namespace terrace::distribution {

using testing::FakeScheduler;
using testing::VersionedMapTier;

/// What is broken on purpose, to see the checker catch it.
enum class Mutant {
  none,
  early_ack,       ///< W too small: a write is confirmed before it is there, and is lost at times
  empty_answer,    ///< R too small: a node that does not answer counts as one that knows nothing
  no_write_back,   ///< what a read would make sure of stays as it is
  clock_versions,  ///< versions come from clocks that differ
  amnesia,         ///< nobody notices that a node has forgotten
};

/// One server; many links lead to it.
class SimServer {
 public:
  explicit SimServer(FakeScheduler& scheduler) : scheduler_(&scheduler), map_(scheduler.clock()) {}

  [[nodiscard]] VersionedMapTier& map() noexcept { return map_; }
  [[nodiscard]] bool is_up() const noexcept { return up_; }
  [[nodiscard]] bool is_fine() const noexcept { return up_ && !frozen_; }
  /// Changes with every death: what was under way before is lost.
  [[nodiscard]] std::uint64_t life() const noexcept { return life_; }

  void freeze() { frozen_ = true; }
  void thaw() {
    frozen_ = false;
    for (auto& task : std::exchange(waiting_, {})) scheduler_->post(std::move(task));
  }
  void kill() {
    up_ = frozen_ = false;
    ++life_;
    waiting_.clear();
  }
  void restart(bool with_snapshot) {
    with_snapshot ? map_.restart_from_snapshot() : map_.restart_empty();
    up_ = true;
  }
  /// Now, or when it has thawed.
  void run(Task task) { frozen_ ? waiting_.push_back(std::move(task)) : task(); }

 private:
  FakeScheduler* scheduler_;
  VersionedMapTier map_;
  bool up_ = true;
  bool frozen_ = false;
  std::uint64_t life_ = 0;
  std::deque<Task> waiting_;
};

/// One process's way to one server.
class SimLink final : public testing::OneByOneTier, public VersionedTier {
 public:
  struct Weather {
    double loss = 0;  ///< share of messages that vanish
    Duration longest = std::chrono::milliseconds(3);
  };

  /// What the links of one process have read, by which a write-back is told from a write.
  using Seen = std::set<std::tuple<std::string, std::uint64_t, std::uint64_t>>;

  SimLink(FakeScheduler& scheduler, SimServer& server, std::uint64_t seed, Mutant mutant,
          std::shared_ptr<Seen> seen)
      : scheduler_(&scheduler), server_(&server), random_(seed), mutant_(mutant), seen_(std::move(seen)) {
    skew_ = std::chrono::milliseconds(random_() % 50);
  }

  Weather weather;
  bool cut = false;         ///< nothing passes
  bool writes_cut = false;  ///< no write does

  [[nodiscard]] std::string_view name() const noexcept override { return "link"; }
  [[nodiscard]] VersionedTier* versioned() noexcept override { return this; }
  void get(std::string_view, TimePoint, Handler<Result<Found>>) override { std::abort(); }
  void set(std::string_view, BytesView, std::optional<Duration>, TimePoint, Handler<Result<void>>) override {
    std::abort();
  }
  void erase(std::string_view, TimePoint, Handler<Result<bool>>) override { std::abort(); }
  void erase_prefix(std::string_view, TimePoint, Handler<Result<std::uint64_t>>) override { std::abort(); }
  void erase_glob(std::string_view, std::string_view, TimePoint, Handler<Result<std::uint64_t>>) override {
    std::abort();
  }
  void close() override { closed_ = true; }
  [[nodiscard]] TierStats stats() const override { return {}; }

  void read_many(std::vector<std::string_view> keys, TimePoint deadline,
                 Handler<std::vector<Result<Reading>>> done) override {
    auto owned = own(keys);
    const auto nothing = [this](std::vector<Result<Reading>>& outcomes) {
      if (mutant_ != Mutant::empty_answer) return;
      for (auto& outcome : outcomes) {
        if (!outcome) outcome = Reading{{std::chrono::hours(1), true, 1}, {}};
      }
    };
    travel<std::vector<Result<Reading>>>(
        deadline, all_failed<Reading>(owned.size()),
        [this, owned, deadline](auto reply) {
          server_->map().read_many(views(owned), deadline, std::move(reply));
        },
        [this, owned, nothing, done = std::move(done)](std::vector<Result<Reading>> readings) mutable {
          for (std::size_t i = 0; i < readings.size(); ++i) {
            if (!readings[i]) continue;
            seen_->insert({owned[i], readings[i]->copy.version.counter, readings[i]->copy.version.writer});
            lie(readings[i]->membership);
          }
          nothing(readings);
          done(std::move(readings));
        });
  }

  void versions_many(std::vector<std::string_view> keys, TimePoint deadline,
                     Handler<std::vector<Result<Written>>> done) override {
    auto owned = own(keys);
    travel<std::vector<Result<Written>>>(
        deadline, all_failed<Written>(owned.size()),
        [this, owned, deadline](auto reply) {
          server_->map().versions_many(views(owned), deadline, std::move(reply));
        },
        lying(std::move(done)));
  }

  void write_many(std::vector<VersionedWrite> writes, Duration retention, TimePoint deadline,
                  Handler<std::vector<Result<Written>>> done) override {
    struct Owned {
      std::string key;
      Version version;
      std::optional<Bytes> value;
      std::optional<Duration> ttl;
    };
    if (writes_cut) {
      const std::vector<Result<Written>> refused(writes.size(),
                                                 Error(Errc::unavailable, "no way for writes"));
      return scheduler_->post([refused, done = std::move(done)]() mutable { done(refused); });
    }
    auto owned = std::make_shared<std::vector<Owned>>();
    std::vector<Result<Written>> pretended;
    for (const auto& write : writes) {
      Owned one{std::string(write.key), write.version,
                write.value ? std::optional<Bytes>(std::in_place, *write.value) : std::nullopt, write.ttl};
      const bool own_write = !seen_->contains({one.key, one.version.counter, one.version.writer});
      if (mutant_ == Mutant::clock_versions && own_write) {
        one.version.counter =
            static_cast<std::uint64_t>((scheduler_->clock().now() + skew_).time_since_epoch().count());
      }
      const bool pretend = (mutant_ == Mutant::no_write_back && !own_write) ||
                           (mutant_ == Mutant::early_ack && random_() % 3 == 0);
      if (pretend) pretended.emplace_back(Written{{std::chrono::hours(1), true, 1}, write.version, false});
      owned->push_back(std::move(one));
    }
    if (pretended.size() == writes.size()) {
      return scheduler_->post([pretended, done = std::move(done)]() mutable { done(std::move(pretended)); });
    }
    travel<std::vector<Result<Written>>>(
        deadline, all_failed<Written>(owned->size()),
        [this, owned, retention, deadline](auto reply) {
          std::vector<VersionedWrite> again;
          for (const auto& one : *owned) {
            again.push_back({one.key, one.version,
                             one.value ? std::optional<BytesView>(*one.value) : std::nullopt, one.ttl});
          }
          server_->map().write_many(std::move(again), retention, deadline, std::move(reply));
        },
        lying(std::move(done)));
  }

  void scan(std::string_view from, TimePoint deadline, Handler<Result<ScanPage>> done) override {
    travel<Result<ScanPage>>(
        deadline, failed<ScanPage>(),
        [this, from = std::string(from), deadline](auto reply) {
          server_->map().scan(from, deadline, std::move(reply));
        },
        std::move(done));
  }
  void membership(TimePoint deadline, Handler<Result<Membership>> done) override {
    travel<Result<Membership>>(
        deadline, failed<Membership>(),
        [this, deadline](auto reply) { server_->map().membership(deadline, std::move(reply)); },
        [this, done = std::move(done)](Result<Membership> told) mutable {
          if (told) lie(*told);
          done(std::move(told));
        });
  }
  void take_charge(std::uint64_t token, Duration time, TimePoint deadline,
                   Handler<Result<bool>> done) override {
    maintain(deadline, std::move(done),
             [=, this](auto reply) { server_->map().take_charge(token, time, deadline, std::move(reply)); });
  }
  void keep_charge(std::uint64_t token, Duration time, TimePoint deadline,
                   Handler<Result<bool>> done) override {
    maintain(deadline, std::move(done),
             [=, this](auto reply) { server_->map().keep_charge(token, time, deadline, std::move(reply)); });
  }
  void purge(std::uint64_t token, TimePoint deadline, Handler<Result<bool>> done) override {
    maintain(deadline, std::move(done),
             [=, this](auto reply) { server_->map().purge(token, deadline, std::move(reply)); });
  }
  void admit(std::uint64_t token, Duration time, TimePoint deadline, Handler<Result<bool>> done) override {
    maintain(deadline, std::move(done),
             [=, this](auto reply) { server_->map().admit(token, time, deadline, std::move(reply)); });
  }

 private:
  using Strings = std::vector<std::string>;
  static Strings own(const std::vector<std::string_view>& keys) { return {keys.begin(), keys.end()}; }
  static std::vector<std::string_view> views(const Strings& keys) { return {keys.begin(), keys.end()}; }

  template <class T>
  static std::function<Result<T>(const Error&)> failed() {
    return [](const Error& why) { return Result<T>(why); };
  }
  template <class T>
  static std::function<std::vector<Result<T>>(const Error&)> all_failed(std::size_t size) {
    return [size](const Error& why) { return std::vector<Result<T>>(size, Result<T>(why)); };
  }

  void lie(Membership& membership) const {
    if (mutant_ == Mutant::amnesia) membership = {std::chrono::hours(1), true, 1};
  }
  Handler<std::vector<Result<Written>>> lying(Handler<std::vector<Result<Written>>> done) {
    return [this, done = std::move(done)](std::vector<Result<Written>> answers) mutable {
      for (auto& answer : answers) {
        if (answer) lie(answer->membership);
      }
      done(std::move(answers));
    };
  }

  template <class Act>
  void maintain(TimePoint deadline, Handler<Result<bool>> done, Act act) {
    travel<Result<bool>>(deadline, failed<bool>(), std::move(act), std::move(done));
  }

  [[nodiscard]] Duration delay() {
    return Duration(
        static_cast<Duration::rep>(random_() % static_cast<std::uint64_t>(weather.longest.count())));
  }
  [[nodiscard]] bool vanishes() { return std::bernoulli_distribution(weather.loss)(random_); }

  /// There, done, and back; or an error at the deadline, or when the server dies or is not there.
  template <class Out, class Fail, class Act>
  void travel(TimePoint deadline, Fail fail, Act act, Handler<Out> done) {
    auto once = std::make_shared<Handler<Out>>(std::move(done));
    const auto answer = [once](Out out) {
      if (*once) std::exchange(*once, nullptr)(std::move(out));
    };
    if (closed_) return answer(fail(Error(Errc::shutdown)));
    if (cut || !server_->is_up()) {
      return scheduler_->post([=] { answer(fail(Error(Errc::unavailable, "no way to the server"))); });
    }
    scheduler_->call_at(deadline, [=] { answer(fail(Error(Errc::timed_out, "no reply"))); });
    if (vanishes()) return;
    const auto life = server_->life();
    const auto dead = [=, this] {
      answer(fail(Error(Errc::io_error, "the server died, life " + std::to_string(life))));
    };
    const bool reply_lost = vanishes();
    const Duration back = delay();
    auto shared_act = std::make_shared<Act>(std::move(act));
    scheduler_->call_at(after(scheduler_->clock().now(), delay()), [=, this] {
      if (cut || server_->life() != life) return dead();
      server_->run([=, this] {
        if (server_->life() != life) return dead();
        (*shared_act)([=, this](Out out) {
          auto kept = std::make_shared<Out>(std::move(out));
          if (reply_lost) return;
          scheduler_->call_at(after(scheduler_->clock().now(), back), [=, this] {
            if (server_->life() != life) return dead();
            if (!cut) answer(std::move(*kept));
          });
        });
      });
    });
  }

  FakeScheduler* scheduler_;
  SimServer* server_;
  std::mt19937_64 random_;
  Mutant mutant_;
  std::shared_ptr<Seen> seen_;
  Duration skew_;
  bool closed_ = false;
};

}  // namespace terrace::distribution
