/// A lease of the replicated tier is used once, also when several threads use it at the same time.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <terrace/replicated_tier.hpp>
#include <terrace/testing.hpp>
#include <thread>

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

/// A node that keeps copies with versions, and leases. Every handler is called inside the call.
class Node final : public testing::OneByOneTier {
 public:
  explicit Node(const Clock& clock) : copies_(clock), leases_(clock) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "node"; }
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }
  [[nodiscard]] VersionedTier* versioned() noexcept override { return &copies_; }
  [[nodiscard]] SharedTier* shared() noexcept override { return &leases_; }
  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override {
    leases_.get(key, deadline, std::move(done));
  }
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override {
    leases_.set(key, value, ttl, deadline, std::move(done));
  }
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override {
    leases_.erase(key, deadline, std::move(done));
  }
  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override {
    leases_.erase_prefix(prefix, deadline, std::move(done));
  }
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override {
    leases_.erase_glob(prefix, pattern, deadline, std::move(done));
  }
  void close() override {
    copies_.close();
    leases_.close();
  }
  [[nodiscard]] TierStats stats() const override { return {}; }

 private:
  testing::VersionedMapTier copies_;
  testing::SharedMapTier leases_;
};

LeaseToken token_of(std::uint32_t number) {
  LeaseToken token{};
  for (std::size_t i = 0; i < 4; ++i) token[i] = static_cast<char>(number >> (8 * i));
  return token;
}

TEST(LeaseOnce, OfTwoFillsAtTheSameTimeOneIsStored) {
  constexpr std::uint32_t rounds = 500;
  constexpr std::uint32_t threads = 2;
  const auto scheduler = std::make_shared<testing::FakeScheduler>();
  ReplicatedOptions options;
  for (const char* name : {"a", "b", "c"}) {
    options.nodes.push_back({name, std::make_shared<Node>(scheduler->clock())});
  }
  const auto tier = make_replicated_tier(std::move(options), scheduler);
  const auto members = [&] {
    const auto status = replicated_status(*tier);
    return std::all_of(status->nodes.begin(), status->nodes.end(), [](const auto& n) { return n.member; });
  };
  for (int i = 0; i < 1000 && !members(); ++i) scheduler->advance(50ms);
  ASSERT_TRUE(members());

  std::array<std::atomic<unsigned>, rounds> stored{};
  std::atomic<std::uint32_t> arrived{0};
  const auto key_of = [](std::uint32_t round) { return "k" + std::to_string(round); };
  for (std::uint32_t round = 0; round < rounds; ++round) {
    std::optional<Result<LeaseReply>> reply;
    tier->shared()->acquire(key_of(round), token_of(round), 10min, {}, no_deadline,
                            [&](Result<LeaseReply> told) { reply = std::move(told); });
    scheduler->run_ready();
    ASSERT_TRUE(reply && *reply);
    ASSERT_EQ((*reply)->kind, LeaseReply::Kind::granted);
  }
  const auto fill_all = [&] {
    for (std::uint32_t round = 0; round < rounds; ++round) {
      ++arrived;
      while (arrived < threads * (round + 1)) std::this_thread::yield();
      tier->shared()->fill(key_of(round), token_of(round), "v", {}, no_deadline,
                           [&stored, round](const Result<bool>& filled) {
                             if (filled && *filled) ++stored[round];
                           });
    }
  };
  std::thread other(fill_all);
  fill_all();
  other.join();
  scheduler->run_ready();
  for (std::uint32_t round = 0; round < rounds; ++round) ASSERT_EQ(stored[round], 1U) << "round " << round;
  tier->close();
  scheduler->advance(30s);
}

}  // namespace
}  // namespace terrace::distribution
