#include <terrace/redis.hpp>

#include "base/fork.hpp"
#include "redis/backend_tier.hpp"
#include "redis/shared_redis.hpp"
#include "redis/single_server.hpp"
#include "redis/single_tier.hpp"
#include "redis/socket_network.hpp"
#include "redis/versioned_redis.hpp"

namespace terrace {
namespace {

using namespace redis;

void check(const RedisOptions& options) {
  check_options(options);
  const bool tls_files = !options.ca_file.empty() || !options.cert_file.empty();
  if (tls_files && parse_redis_url(options.url).transport != Transport::tls) {
    throw ConfigError(
        "RedisOptions::ca_file, cert_file and key_file are for TLS; the URL must begin with rediss://");
  }
}

class RedisTier final : public BackendTier {
 public:
  RedisTier(RedisOptions options, const std::shared_ptr<Scheduler>& scheduler,
            std::shared_ptr<Network> network)
      : RedisTier(std::make_shared<Client>(Outside{*scheduler, std::move(network)}, std::move(options)),
                  scheduler) {}
  ~RedisTier() override { RedisTier::close(); }

  [[nodiscard]] std::string_view name() const noexcept override { return "redis"; }
  [[nodiscard]] SharedTier* shared() noexcept override { return &sharing_; }
  [[nodiscard]] VersionedTier* versioned() noexcept override { return &versioned_; }
  [[nodiscard]] std::optional<Duration> clock_offset() const noexcept override {
    return client_->clock_offset();
  }
  void close() override { BackendTier::close(); }

  [[nodiscard]] TierStats stats() const override {
    TierStats stats = BackendTier::stats();
    const RedisStatus connection = client_->status();
    if (connection.connects + connection.failed_connects > 0) stats.reachable = connection.connected;
    stats.breaker_open = connection.breaker_open;
    return stats;
  }

  [[nodiscard]] RedisStatus status() const {
    RedisStatus status = client_->status();
    sharing_.tracking()->report(status);
    return status;
  }

 private:
  RedisTier(const std::shared_ptr<Client>& client, const std::shared_ptr<Scheduler>& scheduler)
      : BackendTier(scheduler,
                    std::make_shared<TierContext>(std::make_shared<SingleServer>(client), client->options(),
                                                  scheduler->clock(), Naming::single_server)),
        client_(client),
        sharing_(context_, client),
        versioned_(context_, client) {
    client_->start();
  }

  void sweep(std::string prefix, std::string pattern, TimePoint deadline,
             Handler<Result<Swept>> done) override {
    start_sweep(context_, client_, std::move(prefix), std::move(pattern), deadline, std::move(done));
  }
  [[nodiscard]] std::function<void()> ending() const override {
    return [client = client_, tracking = sharing_.tracking()] {
      client->shut_down();
      tracking->shut_down();
    };
  }

  const std::shared_ptr<Client> client_;
  SharedRedis sharing_;
  VersionedRedis versioned_;
};

}  // namespace

std::shared_ptr<Tier> make_redis_tier(RedisOptions options, std::shared_ptr<Runtime> runtime) {
  check(options);
  if (!runtime) throw ConfigError("make_redis_tier: the runtime is null");
  auto network = outside_of(*runtime).network;
  return redis::make_single_tier(std::move(options), std::move(runtime), std::move(network));
}

std::shared_ptr<Tier> redis::make_single_tier(RedisOptions options, std::shared_ptr<Scheduler> scheduler,
                                              std::shared_ptr<Network> network) {
  check(options);
  return make_at_home<RedisTier>(std::move(options), scheduler, std::move(network));
}

std::optional<RedisStatus> redis_status(const Tier& tier) {
  const auto* redis = dynamic_cast<const RedisTier*>(&tier);
  return redis != nullptr ? std::optional(redis->status()) : std::nullopt;
}

}  // namespace terrace
