#pragma once
/// The stores behind the tiers of a configuration: whether they are valid, and where they are. Opens no
/// connection.

#include <terrace/config.hpp>
#include <vector>

#include "assembly/tier_url.hpp"
#include "redis/redis_url.hpp"

namespace terrace::config {

/// The tier's parsed URL. Throws ConfigError for a URL that make_tier() would reject without asking a server.
[[nodiscard]] assembly::TierUrl sound_store(const TierConfig& tier);

/// A server, a cluster or a file in the tree of a tier.
struct Leaf {
  const assembly::TierUrl* store;
  bool is_node = false;  ///< it is a node of a replicated tier
};
[[nodiscard]] std::vector<Leaf> leaves_of(const assembly::TierUrl& store);

/// The Redis server, or the entry nodes of a cluster; none for other stores.
[[nodiscard]] std::vector<redis::RedisUrl> servers_of(const assembly::TierUrl& leaf);

/// Whether it contains a Redis, which processes share, with leases and a watch.
[[nodiscard]] bool has_redis(const assembly::TierUrl& store);

/// The scope of the resulting tier (Tier::scope).
[[nodiscard]] Scope scope_of(const assembly::TierUrl& store);

/// Whether it is a name or address of this machine only.
[[nodiscard]] bool is_loopback(std::string_view host);

/// The host of an http:// or https:// URL, without brackets; empty: it is none.
[[nodiscard]] std::string host_of(std::string_view url);

}  // namespace terrace::config
