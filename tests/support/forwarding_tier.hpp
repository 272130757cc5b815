#pragma once
/// A Tier that passes everything on to another one, which it keeps. A test overrides what is to be different.

#include <memory>
#include <string>
#include <terrace/testing.hpp>
#include <utility>

namespace terrace::testing {

class ForwardingTier : public OneByOneTier {
 public:
  explicit ForwardingTier(std::shared_ptr<Tier> below) : below_(std::move(below)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "forwarding"; }
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }
  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override {
    below_->get(key, deadline, std::move(done));
  }
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override {
    below_->set(key, value, ttl, deadline, std::move(done));
  }
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override {
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

 private:
  const std::shared_ptr<Tier> below_;
};

}  // namespace terrace::testing
