#pragma once
/// The cluster tier: a Tier over a Redis (6 or newer) or Valkey Cluster. It asks each key at the node that
/// serves its slot, and many keys at all their nodes at the same time.
///
///     auto tier = terrace::make_cluster_tier({.seeds = {"redis://10.0.0.1:7000", "redis://10.0.0.2:7000"},
///                                             .node = {.key_prefix = "app:"}});
///     auto same = terrace::make_cluster_tier(
///         terrace::parse_cluster_url("redis-cluster://10.0.0.1:7000,10.0.0.2:7000"));
///
/// Which node serves what is asked at the start, about every 10 s, and when a node sends a key elsewhere or
/// is away: one question at a time, of a node chosen at random, at most some ten times a second. Within its
/// deadline an operation follows redirects (MOVED, ASK; 16 at most) and comes again when it is told to
/// (TRYAGAIN, CLUSTERDOWN, LOADING). What could not be sent, and reads whose connection broke, go to the
/// slot's new owner if there is one. A write that may have reached a node that then was lost is not repeated.
///
/// While a slot moves, Redis refuses commands about several of its keys. Leases of keys in it then wait for
/// the end of the move, and so do fills, set_many with versions, get_or_put and replace. A set goes on, not
/// in one step: whoever has a lease loses it, then the value is set.
///
/// What a node that failed had acknowledged and not yet replicated is lost: replication in a cluster is
/// asynchronous. Nothing here changes that.
///
/// Connections, failures, keys beside the keys and permissions are as for the tier over one server
/// (redis.hpp), for each node, but: the companions of a key k are ~lease:{t}k and ~version:{t}k, with a tag t
/// that lies in the slot of k; and the user also needs CLUSTER SLOTS, and CLUSTER NODES for erase_prefix and
/// erase_glob. The watch of Tier::shared() has a connection to every primary. Only database 0 exists in a
/// cluster.

#include <terrace/redis.hpp>
#include <vector>

namespace terrace {

struct ClusterOptions {
  /// Some of the nodes, to learn the others from: redis:// or rediss:// URLs (redis.hpp), or host[:port]
  /// alone. Scheme, user and password are those of all nodes; seeds that name them must agree.
  std::vector<std::string> seeds = {};

  /// What all nodes share. `url` is not used and stays as it is.
  RedisOptions node = {};

  /// get and get_many ask replicas, and primaries only where those fail. What they answer may lag behind: for
  /// consistency weak.
  bool replica_reads = false;
};

/// The options in redis-cluster://[user[:password]@]host[:port][,host[:port]…][?allowed_hosts=a,b];
/// rediss-cluster:// is the same over TLS. Nodes on other hosts than the seeds' must be allowed. Throws
/// ConfigError, which never shows a password.
ClusterOptions parse_cluster_url(std::string_view url);

/// As make_redis_tier: throws ConfigError for options that cannot work, never because servers are away.
std::shared_ptr<Tier> make_cluster_tier(ClusterOptions options,
                                        std::shared_ptr<Runtime> runtime = Runtime::common());

/// How a cluster tier fares, for monitoring.
struct ClusterStatus {
  struct Node {
    std::string address;   ///< host:port
    bool primary = false;  ///< it serves slots
    RedisStatus connection = {};
  };
  std::vector<Node> nodes = {};         ///< those there are connections to
  std::size_t slots_covered = 0;        ///< of 16384
  std::uint64_t refreshes = 0;          ///< questions for the slots that were answered
  std::uint64_t failed_refreshes = 0;   ///< those that no node answered
  std::uint64_t moved = 0;              ///< redirects that were followed
  std::uint64_t asked = 0;              ///< the same for keys of a slot that is moving
  std::uint64_t refused_hosts = 0;      ///< times a node led to a host that is not allowed
  std::uint64_t waits = 0;              ///< times an operation was told to come again
  unsigned most_hops = 0;               ///< the most redirects one operation followed
  std::string last_refresh_error = {};  ///< empty when there was none
};

/// Nothing when the tier is not a cluster tier. Thread safe.
std::optional<ClusterStatus> cluster_status(const Tier& tier);

}  // namespace terrace
