#pragma once
/// SimDatabase: one process's way to a store that all processes share. Each operation takes a random time on the way
/// there and on the way back, and connections do not keep an order. While replies are lost, the answer is an error.

#include <memory>
#include <random>
#include <terrace/testing.hpp>

#include "sim/sim_host.hpp"

namespace terrace::sim {

class SimDatabase final : public testing::OneByOneTier {
 public:
  SimDatabase(std::shared_ptr<Tier> store, Events& events, std::shared_ptr<SimHost> host, std::uint64_t seed,
              Duration delay)
      : store_(std::move(store)), events_(events), host_(std::move(host)), random_(seed), delay_(delay) {}

  /// The replies of requests that come in this time are lost.
  void lose_replies(Duration time) { lost_until_ = after(events_.now(), time); }

  [[nodiscard]] std::string_view name() const noexcept override { return "database"; }
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }
  void get(std::string_view key, TimePoint limit, Handler<Result<Found>> done) override {
    send<Result<Found>>(std::move(done), [=, this, key = std::string(key)](auto told) {
      store_->get(key, limit, std::move(told));
    });
  }
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint limit,
           Handler<Result<void>> done) override {
    send<Result<void>>(std::move(done), [=, this, key = std::string(key), value = Bytes(value)](auto told) {
      store_->set(key, value, ttl, limit, std::move(told));
    });
  }
  void erase(std::string_view key, TimePoint limit, Handler<Result<bool>> done) override {
    send<Result<bool>>(std::move(done), [=, this, key = std::string(key)](auto told) {
      store_->erase(key, limit, std::move(told));
    });
  }
  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint limit,
                            Handler<std::vector<Result<bool>>> done) override {
    struct Swap {
      std::string key;
      std::optional<Bytes> expected;
      Bytes value;
      std::optional<Duration> ttl;
    };
    std::vector<Swap> swaps;
    for (const TierSwap& write : writes) {
      const auto expected = write.expected ? std::optional<Bytes>(*write.expected) : std::nullopt;
      swaps.push_back({std::string(write.key), expected, Bytes(write.value), write.ttl});
    }
    const std::vector<Result<bool>> lost(writes.size(), lost_);
    send<std::vector<Result<bool>>>(
        std::move(done),
        [=, this, swaps = std::move(swaps)](auto told) {
          std::vector<TierSwap> again;
          for (const Swap& swap : swaps) again.push_back({swap.key, swap.expected, swap.value, swap.ttl});
          store_->compare_and_set_many(std::move(again), limit, std::move(told));
        },
        lost);
  }
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return true; }
  void erase_prefix(std::string_view prefix, TimePoint limit, Handler<Result<std::uint64_t>> done) override {
    send<Result<std::uint64_t>>(std::move(done), [=, this, prefix = std::string(prefix)](auto told) {
      store_->erase_prefix(prefix, limit, std::move(told));
    });
  }
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint limit,
                  Handler<Result<std::uint64_t>> done) override {
    send<Result<std::uint64_t>>(
        std::move(done), [=, this, prefix = std::string(prefix), pattern = std::string(pattern)](auto told) {
          store_->erase_glob(prefix, pattern, limit, std::move(told));
        });
  }
  void close() override {}
  [[nodiscard]] TierStats stats() const override { return {}; }

 private:
  [[nodiscard]] Duration way() {
    return Duration(
        static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(delay_.count() * 2 + 1)));
  }

  /// The world runs the request at the store, and the process the reply; `lost` instead of one that is lost.
  template <class T, class Request>
  void send(Handler<T> done, Request request, T lost = lost_) {
    events_.soon(
        way(), nullptr,
        Task([this, lost = std::move(lost), done = std::move(done), request = std::move(request)]() mutable {
          const bool is_lost = events_.now() < lost_until_;
          request(Handler<T>([this, is_lost, lost, done = std::move(done)](T told) mutable {
            if (is_lost) told = std::move(lost);
            const Duration back = is_lost ? Duration(std::chrono::milliseconds(300)) : way();
            events_.soon(back, host_.get(), Task([done = std::move(done), told = std::move(told)]() mutable {
                           done(std::move(told));
                         }));
          }));
        }));
  }

  static inline const Error lost_{Errc::effect_unknown, "the reply is lost"};

  const std::shared_ptr<Tier> store_;
  Events& events_;
  const std::shared_ptr<SimHost> host_;
  std::mt19937_64 random_;
  const Duration delay_;
  TimePoint lost_until_ = TimePoint::min();
};

}  // namespace terrace::sim
