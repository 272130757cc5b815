#pragma once
/// Sharding: a sharded tier over maps on virtual time, where a key says which shard it is on: "a1" was on a,
/// and is on b once a has left.

#include <gtest/gtest.h>

#include <terrace/sharded_tier.hpp>
#include <terrace/testing.hpp>

namespace terrace::testing {

using namespace std::chrono_literals;

class Sharding : public ::testing::Test {
 protected:
  /// By the first byte, if there is such a shard, else the first.
  static std::size_t by_first_byte(std::string_view key, const std::vector<Shard>& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].name == key.substr(0, 1)) return i;
    }
    return key.starts_with('?') ? 99 : 0;
  }

  std::shared_ptr<FaultyTier> faulty(const std::shared_ptr<Tier>& below) {
    return std::make_shared<FaultyTier>(below, scheduler_);
  }
  std::shared_ptr<ShardedTier> sharded(std::vector<Shard> shards) {
    return make_sharded_tier({.shards = std::move(shards), .owner = by_first_byte}, scheduler_);
  }

  /// Every tier here answers inside the call.
  template <class T, class Start>
  static Result<T> now(Start start) {
    std::optional<Result<T>> outcome;
    start([&](Result<T> told) { outcome = std::move(told); });
    EXPECT_TRUE(outcome.has_value()) << "it has not answered";
    return outcome ? *outcome : Result<T>(Error(Errc::timed_out, "no answer"));
  }
  static Result<Found> get(Tier& tier, std::string_view key) {
    return now<Found>([&](auto done) { tier.get(key, no_deadline, std::move(done)); });
  }
  static Result<void> set(Tier& tier, std::string_view key, BytesView value,
                          std::optional<Duration> ttl = {}) {
    return now<void>([&](auto done) { tier.set(key, value, ttl, no_deadline, std::move(done)); });
  }
  static Result<bool> erase(Tier& tier, std::string_view key) {
    return now<bool>([&](auto done) { tier.erase(key, no_deadline, std::move(done)); });
  }
  static Found at(Tier& tier, std::string_view key) { return get(tier, key).value(); }

  /// a leaves and its keys go to b: the old owner leads.
  void begin_change(ShardedTier& tier) { tier.change_shards({{"b", b_}, {"c", c_}}, how_); }
  void pass_lead() { scheduler_->advance(how_.settle); }
  void pass_grace() { scheduler_->advance(how_.grace); }
  void end_change() {
    scheduler_->advance(2 * how_.settle + how_.grace);
    scheduler_->run_ready();
  }

  const std::shared_ptr<FakeScheduler> scheduler_ = std::make_shared<FakeScheduler>();
  const ShardChange how_{.settle = 5s, .grace = 60s};
  std::shared_ptr<Tier> a_ = std::make_shared<SharedMapTier>(scheduler_->clock());
  std::shared_ptr<Tier> b_ = std::make_shared<SharedMapTier>(scheduler_->clock());
  std::shared_ptr<Tier> c_ = std::make_shared<SharedMapTier>(scheduler_->clock());
};

}  // namespace terrace::testing
