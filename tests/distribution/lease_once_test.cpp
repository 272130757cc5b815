/// A lease of the replicated tier is used once, also when several threads use it at the same time.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <terrace/replicated_tier.hpp>
#include <terrace/testing.hpp>
#include <thread>

#include "support/forwarding_tier.hpp"

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

/// A node that keeps copies with versions, and leases. Every handler is called inside the call.
class Node final : public testing::ForwardingTier {
 public:
  explicit Node(const Clock& clock) : Node(clock, std::make_shared<testing::SharedMapTier>(clock)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "node"; }
  [[nodiscard]] VersionedTier* versioned() noexcept override { return &copies_; }
  [[nodiscard]] SharedTier* shared() noexcept override { return leases_.get(); }
  void close() override {
    copies_.close();
    leases_->close();
  }
  [[nodiscard]] TierStats stats() const override { return {}; }

 private:
  Node(const Clock& clock, std::shared_ptr<testing::SharedMapTier> leases)
      : ForwardingTier(leases), copies_(clock), leases_(std::move(leases)) {}

  testing::VersionedMapTier copies_;
  const std::shared_ptr<testing::SharedMapTier> leases_;
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
