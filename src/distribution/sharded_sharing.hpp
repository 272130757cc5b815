#pragma once
/// ShardedSharing: leases, tokens and watches of the sharded tier (sharded_tier.hpp says at which owner).
/// Thread safe.

#include "distribution/sharded_core.hpp"

namespace terrace::distribution {

class ShardedSharing final : public SharedTier {
 public:
  explicit ShardedSharing(std::shared_ptr<ShardedCore> core) : core_(std::move(core)) {}

  using SharedTier::acquire;
  using SharedTier::release;
  void acquire(std::string_view key, const LeaseRequest& request, TimePoint deadline,
               Handler<Result<LeaseReply>> done) override;
  void fill(std::string_view key, const LeaseToken& token, BytesView value, std::optional<Duration> ttl,
            TimePoint deadline, Handler<Result<bool>> done) override;
  void renew(std::string_view key, const LeaseToken& token, Duration lease_time, TimePoint deadline,
             Handler<Result<bool>> done) override;
  void release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint deadline,
               Handler<Result<void>> done) override;
  void get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                  Handler<Result<Bytes>> done) override;
  void get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life, TimePoint deadline,
                      Handler<Result<Bytes>> done) override;
  void replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
               TimePoint deadline, Handler<Result<bool>> done) override;
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override;

 private:
  /// `ask`: get_or_put or get_or_prolong.
  void get_or(decltype(&SharedTier::get_or_put) ask, std::string_view key, BytesView value,
              std::optional<Duration> life, TimePoint deadline, Handler<Result<Bytes>> done);

  const std::shared_ptr<ShardedCore> core_;
};

}  // namespace terrace::distribution
