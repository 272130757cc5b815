#pragma once
/// StoringTier: a tier whose compare-and-set stores always, as a hand-written cache does.

#include <vector>

#include "support/forwarding_tier.hpp"

namespace terrace::testing {

class StoringTier final : public ForwardingTier {
 public:
  explicit StoringTier(const Clock& clock) : ForwardingTier(std::make_shared<MapTier>(clock)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "storing"; }
  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint limit,
                            Handler<std::vector<Result<bool>>> done) override {
    for (const TierSwap& write : writes)
      set(write.key, write.value, write.ttl, limit, [](const Result<void>&) {});
    done(std::vector<Result<bool>>(writes.size(), true));
  }
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return true; }
};

}  // namespace terrace::testing
