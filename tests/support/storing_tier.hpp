#pragma once
/// StoringTier: a tier whose compare-and-set stores always, as a hand-written cache does.

#include <terrace/testing.hpp>

namespace terrace::testing {

class StoringTier final : public OneByOneTier {
 public:
  explicit StoringTier(const Clock& clock) : below_(clock) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "storing"; }
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }
  void get(std::string_view key, TimePoint limit, Handler<Result<Found>> done) override {
    below_.get(key, limit, std::move(done));
  }
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint limit,
           Handler<Result<void>> done) override {
    below_.set(key, value, ttl, limit, std::move(done));
  }
  void erase(std::string_view key, TimePoint limit, Handler<Result<bool>> done) override {
    below_.erase(key, limit, std::move(done));
  }
  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint limit,
                            Handler<std::vector<Result<bool>>> done) override {
    for (const TierSwap& write : writes)
      below_.set(write.key, write.value, write.ttl, limit, [](const Result<void>&) {});
    done(std::vector<Result<bool>>(writes.size(), true));
  }
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return true; }
  void erase_prefix(std::string_view prefix, TimePoint limit, Handler<Result<std::uint64_t>> done) override {
    below_.erase_prefix(prefix, limit, std::move(done));
  }
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint limit,
                  Handler<Result<std::uint64_t>> done) override {
    below_.erase_glob(prefix, pattern, limit, std::move(done));
  }
  void close() override { below_.close(); }
  [[nodiscard]] TierStats stats() const override { return below_.stats(); }

 private:
  MapTier below_;
};

}  // namespace terrace::testing
