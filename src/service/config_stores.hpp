#pragma once
/// The stores behind the tiers of a configuration: sound or not, and where they are. Opens no connection.

#include <terrace/config.hpp>
#include <vector>

#include "assembly/tier_url.hpp"
#include "redis/redis_url.hpp"

namespace terrace::config {

/// The tier's URL, read. Throws ConfigError for what make_tier() would refuse without asking a server.
[[nodiscard]] assembly::TierUrl sound_store(const TierConfig& tier);

/// A server, a cluster or a file in the tree of a tier.
struct Leaf {
  const assembly::TierUrl* store;
  bool is_node = false;  ///< of a replicated tier
};
[[nodiscard]] std::vector<Leaf> leaves_of(const assembly::TierUrl& store);

/// The Redis server, or the nodes by which a cluster is entered; none for other stores.
[[nodiscard]] std::vector<redis::RedisUrl> servers_of(const assembly::TierUrl& leaf);

/// Whether there is a Redis in it: what processes share, with leases and a watch.
[[nodiscard]] bool has_redis(const assembly::TierUrl& store);

/// The scope of the tier that is made of it (Tier::scope).
[[nodiscard]] Scope scope_of(const assembly::TierUrl& store);

/// A name or address of this machine only.
[[nodiscard]] bool is_loopback(std::string_view host);

/// The host of an http:// or https:// URL, without brackets; empty: it is none.
[[nodiscard]] std::string host_of(std::string_view url);

}  // namespace terrace::config
