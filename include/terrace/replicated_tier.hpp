#pragma once
/// The replicated tier: a Tier that keeps each key on several independent nodes (servers that know nothing of
/// one another), with a chosen consistency. A node that fails takes nothing with it; a node that comes back
/// is brought up to date. docs/topologies.md says what each level promises, and which tests show it.
///
///  - weak: a read asks one node, a write is done when one has it.
///  - eventual: the same, of nodes that have missed nothing known of. The last write wins; what a node missed
///    it gets when it is back.
///  - strong: linearizable. A read asks all nodes of the key and returns what R of them agree on is the last,
///    once W hold it; a write asks R for the version there is and is done when W confirmed a higher one.
///    After Attiya, Bar-Noy and Dolev (JACM 1995). Needs R + W > copies + may_forget; by default both are a
///    majority.
///
/// Errors. A write that too few nodes confirmed is effect_unknown: it may or may not have taken effect, and
/// the nodes that lack it get it. unavailable: nothing was written. A strong read without R nodes is
/// unavailable or timed_out, never an older value.
///
/// Nodes. Each carries a mark that it has forgotten nothing since; a node without it (new, restarted, away
/// for repair_time) has no say until it was compared with the others, by itself, in the background: it takes
/// as long as a scan of the keys. At the very first start all nodes must be there. So
/// operations that come while too few nodes are members and others are being admitted, as at the start of a
/// program, wait for that, at most three quarters of the time they have; replicated_status() tells. When with
/// strong consistency so many nodes forget that a confirmed write may be lost, the keys in question are
/// deleted, lest something older is served. A group that nobody uses for repair_time starts empty.
///
/// Order. No clock takes part: versions are counters with the writer's name. What a node holds that cannot be
/// a version (a counter above Version::highest_counter) has no say; the key is repaired from the other nodes.
/// One that was planted below it can make only the keys it was planted under unwritable, never those of the
/// group. What is deleted leaves a tombstone for repair_time, and a value's version stays that much longer
/// than the value, on every node: with many keys of short life choose a short repair_time. erase_prefix and
/// erase_glob ask every node for its keys and delete each as a write does: they cost a scan of all keys, and
/// fail when W nodes or more cannot be asked. Where one node confirms a write (eventual, weak), their count
/// may lack keys whose copies were still under way; gone they are.
///
/// A node is compared with the others, key by key, when it comes back and every half of repair_time; that
/// must take less than a quarter of repair_time. Which writes a node missed, the process that wrote knows,
/// and hands them over about a second after the node is back; when that process ends first, the comparison
/// finds them.
///
/// Tier::shared() gives something when every node does. Fills obey versions as writes do, so a late one is
/// rejected whatever becomes of the lease, which is kept at one node. A watch is lost while any node is away.
/// With eventual consistency two processes may load a key at a time. Of two replace() of the same value both
/// may be told true: the later one stays.
///
/// close() closes the nodes' tiers.

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
    bool reachable = false;      ///< it answered when last asked
    bool member = false;         ///< its word counts
    std::size_t unanswered = 0;  ///< writes it has not answered yet: enough others may have confirmed them
    std::size_t hints = 0;       ///< keys it may have missed a write of, as far as this process knows
    bool compare_all = false;    ///< there were more: it will be, or is being, compared as a whole
    std::string trouble = {};    ///< why it is not reached, or not yet a member; empty: nothing is wrong
  };
  std::vector<Node> nodes;
  std::uint64_t unknown_writes = 0;  ///< writes that ended as effect_unknown
  std::uint64_t write_backs = 0;     ///< copies that strong reads wrote to nodes behind
  std::uint64_t repairs = 0;         ///< copies written to nodes that had missed them
  std::uint64_t corrupt = 0;         ///< times a node held what cannot be a version, or one near the highest
};

/// Nothing when the tier is not a replicated tier. Thread safe.
std::optional<ReplicatedStatus> replicated_status(const Tier& tier);

}  // namespace terrace
