#pragma once
/// The tier over one server, over any network and scheduler. Users call make_redis_tier.

#include <terrace/redis.hpp>

#include "redis/network.hpp"

namespace terrace::redis {

/// Like terrace::make_redis_tier. The tier shares the scheduler. Throws ConfigError.
[[nodiscard]] std::shared_ptr<Tier> make_single_tier(RedisOptions options,
                                                     std::shared_ptr<Scheduler> scheduler,
                                                     std::shared_ptr<Network> network);

}  // namespace terrace::redis
