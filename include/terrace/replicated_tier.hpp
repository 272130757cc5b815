#pragma once
/// The replicated tier: a Tier that keeps each key on several independent nodes (servers that know nothing of
/// one another), with a chosen consistency.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <terrace/consistency.hpp>
#include <terrace/runtime.hpp>
#include <terrace/tier.hpp>
#include <vector>

namespace terrace {

/// A node: any tier whose versioned() is not null.
struct ReplicaNode {
  std::string name;  ///< places it on the ring, so it must not change with an address or a password
  std::shared_ptr<Tier> tier;
  double weight = 1;
};

struct ReplicatedOptions {
  std::vector<ReplicaNode> nodes;
  /// Copies of each key; 0: as many as there are nodes, at most 3. With fewer copies than nodes a hash ring
  /// says which nodes have a key.
  unsigned copies = 0;
  Consistency consistency = Consistency::eventual;
  /// Nodes that must answer a read, and confirm a write; 0: what the level needs (strong: a majority).
  unsigned read_quorum = 0;
  unsigned write_quorum = 0;
  /// Nodes that may forget what they confirmed without anybody noticing. A node that restarts is noticed.
  unsigned may_forget = 0;
  /// How long a node may be away and still be brought up to date; so long a deletion is remembered. A node
  /// that was away for longer starts empty. 1 s … 7 days.
  Duration repair_time = std::chrono::minutes(10);
  /// Keys remembered, for each node, that it missed a write of. When they are more, the node is compared with
  /// the others as a whole.
  std::size_t max_hints = 100'000;
  /// Of the ring.
  std::uint64_t seed = 0;
};

/// Throws ConfigError for a configuration that cannot keep its promise; the message shows the sum.
std::shared_ptr<Tier> make_replicated_tier(ReplicatedOptions options,
                                           std::shared_ptr<Scheduler> scheduler = Runtime::common());

/// How the nodes fare, for monitoring.
struct ReplicatedStatus {
  struct Node {
    std::string name;
    bool reachable = false;    ///< it answered when last asked
    bool member = false;       ///< its word counts
    std::size_t hints = 0;     ///< keys it may have missed a write of, as far as this process knows
    bool compare_all = false;  ///< there were more: it will be compared as a whole
    std::string trouble = {};  ///< why it is not reached, or not yet a member; empty: nothing is wrong
  };
  std::vector<Node> nodes;
  std::uint64_t unknown_writes = 0;  ///< writes that ended as effect_unknown
  std::uint64_t write_backs = 0;     ///< copies that strong reads wrote to nodes behind
  std::uint64_t repairs = 0;         ///< copies written to nodes that had missed them
};

/// Nothing when the tier is not a replicated tier. Thread safe.
std::optional<ReplicatedStatus> replicated_status(const Tier& tier);

}  // namespace terrace
