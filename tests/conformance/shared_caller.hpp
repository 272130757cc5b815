#pragma once
/// Blocking calls on what a tier shares (and erase_glob), each under a deadline of 10 s unless told
/// otherwise.

#include <terrace/shared_tier.hpp>
#include <terrace/tier.hpp>

#include "conformance/ask.hpp"
#include "conformance/tier_conformance.hpp"

namespace terrace::conformance {

class SharedCaller {
 public:
  explicit SharedCaller(Tier& tier) : tier_(&tier) {}

  Result<LeaseReply> acquire(std::string_view key, const LeaseToken& token, Duration time,
                             BytesView stale = {}, TimePoint deadline = Caller::in_time()) const {
    return ask<Result<LeaseReply>>(
        [&](auto done) { shared().acquire(key, token, time, stale, deadline, std::move(done)); });
  }
  Result<LeaseReply> acquire(std::string_view key, const LeaseRequest& request) const {
    return ask<Result<LeaseReply>>(
        [&](auto done) { shared().acquire(key, request, Caller::in_time(), std::move(done)); });
  }
  Result<bool> fill(std::string_view key, const LeaseToken& token, BytesView value,
                    std::optional<Duration> ttl = {}, TimePoint deadline = Caller::in_time()) const {
    return ask<Result<bool>>(
        [&](auto done) { shared().fill(key, token, value, ttl, deadline, std::move(done)); });
  }
  Result<bool> renew(std::string_view key, const LeaseToken& token, Duration time) const {
    return ask<Result<bool>>(
        [&](auto done) { shared().renew(key, token, time, Caller::in_time(), std::move(done)); });
  }
  Result<void> release(std::string_view key, const LeaseToken& token, LeaseEnd end = LeaseEnd::untold) const {
    return ask<Result<void>>(
        [&](auto done) { shared().release(key, token, end, Caller::in_time(), std::move(done)); });
  }
  Result<Bytes> get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl = {}) const {
    return ask<Result<Bytes>>(
        [&](auto done) { shared().get_or_put(key, value, ttl, Caller::in_time(), std::move(done)); });
  }
  Result<Bytes> get_or_prolong(std::string_view key, BytesView value,
                               std::optional<Duration> life = {}) const {
    return ask<Result<Bytes>>(
        [&](auto done) { shared().get_or_prolong(key, value, life, Caller::in_time(), std::move(done)); });
  }
  Result<bool> replace(std::string_view key, BytesView expected, BytesView value,
                       std::optional<Duration> ttl = {}) const {
    return ask<Result<bool>>(
        [&](auto done) { shared().replace(key, expected, value, ttl, Caller::in_time(), std::move(done)); });
  }
  Result<std::uint64_t> erase_glob(std::string_view prefix, std::string_view pattern) const {
    return ask<Result<std::uint64_t>>(
        [&](auto done) { tier_->erase_glob(prefix, pattern, Caller::in_time(), std::move(done)); });
  }

 private:
  [[nodiscard]] SharedTier& shared() const { return *tier_->shared(); }

  Tier* tier_;
};

}  // namespace terrace::conformance
