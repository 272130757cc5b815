#pragma once
/// Leases: everything that a tier over Redis offers to processes that share it, by scripts, except the watch.
/// SharedRedis: the same with the watch over one server. Thread safe.

#include <terrace/shared_tier.hpp>

#include "redis/commands.hpp"
#include "redis/tracking.hpp"

namespace terrace::redis {

struct Script;

class Leases : public SharedTier {
 public:
  explicit Leases(std::shared_ptr<TierContext> context) : context_(std::move(context)) {}

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

 private:
  /// A call of a script that returns the existing value, or nil if it has put `value` there.
  void get_or(const Script& script, std::string_view key, BytesView value, std::optional<Duration> ttl,
              TimePoint deadline, Handler<Result<Bytes>> done);

  const std::shared_ptr<TierContext> context_;
};

class SharedRedis final : public Leases {
 public:
  SharedRedis(const std::shared_ptr<TierContext>& context, std::shared_ptr<Client> client)
      : Leases(context),
        key_prefix_(context->encoding.key_prefix()),
        tracking_(std::make_shared<Tracking>(std::move(client), context->encoding.naming())) {}

  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override;

  [[nodiscard]] const std::shared_ptr<Tracking>& tracking() const noexcept { return tracking_; }

 private:
  const std::string key_prefix_;
  const std::shared_ptr<Tracking> tracking_;
};

}  // namespace terrace::redis
