#pragma once
/// The cluster tier: a Tier over a Redis (6 or newer) or Valkey Cluster. It sends each key to the node that
/// serves its slot; operations on many keys ask all their nodes at the same time.
///
///     auto tier = terrace::make_cluster_tier({.seeds = {"redis://10.0.0.1:7000", "redis://10.0.0.2:7000"},
///                                             .node = {.key_prefix = "app:"}});
///     auto same = terrace::make_cluster_tier(
///         terrace::parse_cluster_url("redis-cluster://10.0.0.1:7000,10.0.0.2:7000"));
///
/// The tier asks which node serves which slots at the start, about every 10 s, and when a node redirects a
/// key or is down. It asks one node at a time, chosen at random, at most about ten times a second. Within its
/// deadline an operation follows redirects (MOVED, ASK; 16 at most) and tries again when the server asks for
/// that (TRYAGAIN, CLUSTERDOWN, LOADING). Operations that could not be sent, and reads whose connection
/// broke, go to the slot's new owner if there is one. A write that may have reached a node that was then lost
/// is not repeated.
///
/// While a slot moves, Redis refuses commands on several of its keys. Leases, fills, set_many with versions,
/// get_or_put and replace of keys in that slot then wait for the end of the move. A set continues, but in two
/// steps: the lease of the key ends, then the value is set.
///
/// Replication in a cluster is asynchronous: writes that a failed node had acknowledged and not yet
/// replicated are lost. This tier does not change that.
///
/// Connections, failures, additional keys and permissions are as for the tier over one server (redis.hpp),
/// for each node, with these differences. The additional keys of a key k are ~lease:{t}k and ~version:{t}k,
/// with a tag t in the slot of k. The user also needs CLUSTER SLOTS, and CLUSTER NODES for erase_prefix and
/// erase_glob. The invalidation stream of Tier::shared() has a connection to every primary. A cluster has
/// only database 0.

#include <terrace/redis.hpp>
#include <vector>

namespace terrace {

struct ClusterOptions {
  /// Some of the nodes, from which the tier learns the others: redis:// or rediss:// URLs (redis.hpp), or
  /// host[:port] alone. Scheme, user and password apply to all nodes; seeds that contain them must agree.
  std::vector<std::string> seeds = {};

  /// Options common to all nodes. `url` is not used and must keep its default.
  RedisOptions node = {};

  /// get and get_many ask replicas, and primaries only if the replicas fail. Answers may lag behind, so this
  /// needs consistency weak.
  bool replica_reads = false;
};

/// The options in redis-cluster://[user[:password]@]host[:port][,host[:port]…][?allowed_hosts=a,b];
/// rediss-cluster:// is the same over TLS. Nodes on other hosts than those of the seeds must be allowed.
/// Throws ConfigError, which never shows a password.
ClusterOptions parse_cluster_url(std::string_view url);

/// Like make_redis_tier: throws ConfigError for options that cannot work, never because servers are down.
std::shared_ptr<Tier> make_cluster_tier(ClusterOptions options,
                                        std::shared_ptr<Runtime> runtime = Runtime::common());

/// The state of a cluster tier, for monitoring.
struct ClusterStatus {
  struct Node {
    std::string address;   ///< host:port
    bool primary = false;  ///< it serves slots
    RedisStatus connection = {};
  };
  std::vector<Node> nodes = {};         ///< nodes with a connection
  std::size_t slots_covered = 0;        ///< of 16384
  std::uint64_t refreshes = 0;          ///< answered queries for the slots
  std::uint64_t failed_refreshes = 0;   ///< queries for the slots that no node answered
  std::uint64_t moved = 0;              ///< followed redirects
  std::uint64_t asked = 0;              ///< followed redirects for keys of a slot that is moving
  std::uint64_t refused_hosts = 0;      ///< times a node led to a host that is not allowed
  std::uint64_t waits = 0;              ///< times an operation had to try again
  unsigned most_hops = 0;               ///< the most redirects that one operation followed
  std::string last_refresh_error = {};  ///< empty if there was none
};

/// Nothing if the tier is not a cluster tier. Thread safe.
std::optional<ClusterStatus> cluster_status(const Tier& tier);

}  // namespace terrace
