#pragma once
/// SharedRedis: what the Redis tier offers to processes that share it: leases by scripts, and the watch.
/// Thread safe.

#include <terrace/shared_tier.hpp>

#include "redis/commands.hpp"
#include "redis/tracking.hpp"

namespace terrace::redis {

class SharedRedis final : public SharedTier {
 public:
  SharedRedis(boost::asio::io_context& io, std::shared_ptr<Shared> shared)
      : shared_(std::move(shared)), tracking_(std::make_shared<Tracking>(io, shared_->client)) {}

  void acquire(std::string_view key, const LeaseToken& token, Duration lease_time, BytesView stale,
               TimePoint deadline, Handler<Result<LeaseReply>> done) override;
  void fill(std::string_view key, const LeaseToken& token, BytesView value, std::optional<Duration> ttl,
            TimePoint deadline, Handler<Result<bool>> done) override;
  void renew(std::string_view key, const LeaseToken& token, Duration lease_time, TimePoint deadline,
             Handler<Result<bool>> done) override;
  void release(std::string_view key, const LeaseToken& token, TimePoint deadline,
               Handler<Result<void>> done) override;
  void get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                  Handler<Result<Bytes>> done) override;
  void replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
               TimePoint deadline, Handler<Result<bool>> done) override;
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override;

  [[nodiscard]] const std::shared_ptr<Tracking>& tracking() const noexcept { return tracking_; }

 private:
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Tracking> tracking_;
};

}  // namespace terrace::redis
