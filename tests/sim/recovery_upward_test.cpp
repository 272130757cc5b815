/// A database below Redis misses a change; another process moves the old value up into Redis meanwhile. Rule
/// Recovery: when the database is back, the old value goes from both.

#include <gtest/gtest.h>

#include <terrace/testing.hpp>

#include "sim/sim_caches.hpp"

namespace terrace::sim {
namespace {

using namespace std::chrono_literals;

/// Passes everything on, but for erases while it is deaf: those it only says that it has done.
class DeafTier final : public testing::OneByOneTier {
 public:
  explicit DeafTier(std::shared_ptr<Tier> below) : below_(std::move(below)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return below_->name(); }
  [[nodiscard]] Scope scope() const noexcept override { return below_->scope(); }
  [[nodiscard]] SharedTier* shared() noexcept override { return below_->shared(); }
  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override {
    below_->get(key, deadline, std::move(done));
  }
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override {
    below_->set(key, value, ttl, deadline, std::move(done));
  }
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override {
    below_->set_many(std::move(writes), deadline, std::move(done));
  }
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override {
    if (deaf) return done(true);
    below_->erase(key, deadline, std::move(done));
  }
  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override {
    below_->erase_prefix(prefix, deadline, std::move(done));
  }
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override {
    below_->erase_glob(prefix, pattern, deadline, std::move(done));
  }
  void close() override { below_->close(); }
  [[nodiscard]] TierStats stats() const override { return below_->stats(); }

  bool deaf = false;

 private:
  const std::shared_ptr<Tier> below_;
};

/// How long other processes read the erased value after the database has recovered, up to 10 s.
Duration undone(bool mutant) {
  SimCaches world;
  const SimClock clock(world.events);
  const auto database = std::make_shared<testing::MapTier>(clock, Scope::fleet);
  std::shared_ptr<testing::FaultyTier> faulty;
  std::shared_ptr<DeafTier> upper;
  CacheOptions options{.ttl = 1h};
  SimCaches::Process& eraser = world.add(options, [&](auto redis, const auto& host) {
    upper = std::make_shared<DeafTier>(redis);
    faulty = std::make_shared<testing::FaultyTier>(database, host);
    return std::vector<std::shared_ptr<Tier>>{upper, faulty};
  });
  SimCaches::Process& other = world.add(options, [&](auto redis, const auto&) {
    return std::vector<std::shared_ptr<Tier>>{redis, database};
  });
  world.pass(500ms);
  eraser.set("old");
  faulty->plan(testing::Fault{.kind = testing::Fault::Kind::fail});
  EXPECT_FALSE(eraser.cache->erase("k"));
  upper->deaf = mutant;  // what recovery says to the upper tier is not heard
  EXPECT_EQ(other.get(), "old") << "it trusts the database";
  faulty->plan(nullptr);
  world.pass(5s);
  EXPECT_EQ(eraser.cache->stats().unrecovered, 0U);
  return world.stale_for(other, "old");
}

TEST(RecoveryUpward, WhatAnotherProcessHasMovedUpGoesToo) {
  EXPECT_EQ(undone(false), Duration{});
}
TEST(RecoveryUpward, MutantThatRecoversTheLowerTierOnlyIsFound) {
  EXPECT_GE(undone(true), 10s);
}

}  // namespace
}  // namespace terrace::sim
