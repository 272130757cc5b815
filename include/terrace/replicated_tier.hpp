#pragma once
/// The replicated tier: a Tier that keeps each key on several independent nodes (servers that do not know one
/// another), with a chosen consistency. If a node fails, its keys are still on other nodes; a node that comes
/// back is brought up to date. docs/topologies.md describes the promise of each consistency level, and the
/// tests that show it.
///
///  - weak: a read asks one node; a write is done when one node has it.
///  - eventual: the same, with nodes that are not known to have missed a write. The last write wins. A node
///    gets the writes that it missed when it is back.
///  - strong: linearizable. A read asks all nodes of the key. It returns the value that R of them agree is
///    the last, once W of them hold it. A write asks R nodes for the present version, and is done when W have
///    confirmed a higher one. After Attiya, Bar-Noy and Dolev (JACM 1995). Needs R + W > copies + may_forget;
///    by default both are a majority.
///
/// Errors. If too few nodes confirm a write, it is effect_unknown: it may or may not have taken effect, and
/// the nodes that lack it get it later. unavailable: nothing was written. A strong read without R nodes is
/// unavailable or timed_out; it never returns an older value.
///
/// Nodes. Each node carries a mark, which shows that it has lost nothing since. A node without the mark (new,
/// restarted, or away for repair_time) is no member: its answers do not count until it was compared with the
/// others. That happens automatically, in the background, and takes as long as a scan of the keys. At the
/// very first start all nodes must be there. While too few nodes are members and others are being admitted,
/// as at the start of a program, operations wait for that, for at most three quarters of the time they have;
/// replicated_status() shows it. If with strong consistency so many nodes lose data that a confirmed write
/// may be lost, the affected keys are deleted, so that no older value is served. A group that is unused for
/// repair_time starts empty.
///
/// Order. No clock takes part: versions are counters with the writer's name. If the stored data of a node
/// cannot be a version (a counter above Version::highest_counter), it does not count, and the key is repaired
/// from the other nodes. A planted counter below that limit can make only its own keys unwritable,
/// never the whole group. A deleted key leaves a tombstone for repair_time, and a value's version stays
/// repair_time longer than the value, on every node: with many keys of short TTL choose a short repair_time.
/// erase_prefix and erase_glob ask every node for its keys and delete each key like a write: they cost a scan
/// of all keys, and fail if W nodes or more cannot be asked. Where one node confirms a write (eventual,
/// weak), their count may lack keys whose copies were still under way; these keys are removed all the same.
///
/// A node is compared with the others, key by key, when it comes back and every half of repair_time; the
/// comparison must take less than a quarter of repair_time. The process that wrote knows which writes a node
/// missed, and sends them about a second after the node is back. If that process ends first, the comparison
/// finds them.
///
/// Tier::shared() is not null if it is not null for every node. Fills obey versions like writes, so a late
/// fill is rejected whatever happens to the lease, which is kept at one node. A watch is lost while any node
/// is down. With eventual consistency two processes may load a key at the same time. If two processes
/// replace() the same value, both may get true; the later one stays.
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
  std::string name;  ///< places the node on the ring, so it must not change with an address or a password
  std::shared_ptr<Tier> tier;
  double weight = 1;
};

struct ReplicatedOptions {
  std::vector<ReplicaNode> nodes;
  /// Copies of each key; 0: as many as there are nodes, at most 3. With fewer copies than nodes, a hash ring
  /// decides which nodes have a key.
  unsigned copies = 0;
  Consistency consistency = Consistency::eventual;
  /// Nodes that must answer a read, and confirm a write; 0: the number that the level needs (strong: a
  /// majority).
  unsigned read_quorum = 0;
  unsigned write_quorum = 0;
  /// Nodes that may lose confirmed writes without being noticed. A node that restarts is always noticed.
  unsigned may_forget = 0;
  /// How long a node may be away and still be brought up to date. Deletions are remembered for this time. A
  /// node that was away longer starts empty. 1 s … 7 days.
  Duration repair_time = std::chrono::minutes(10);
  /// For each node: how many keys with a missed write are remembered. If there are more, the node is compared
  /// with the others as a whole.
  std::size_t max_hints = 100'000;
  /// The seed of the ring.
  std::uint64_t seed = 0;
};

/// Throws ConfigError for a configuration that cannot keep its promise; the message shows the calculation.
std::shared_ptr<Tier> make_replicated_tier(ReplicatedOptions options,
                                           std::shared_ptr<Scheduler> scheduler = Runtime::common());

/// The state of the nodes, for monitoring.
struct ReplicatedStatus {
  struct Node {
    std::string name;
    bool reachable = false;      ///< it answered the last request
    bool member = false;         ///< its answers count
    std::size_t unanswered = 0;  ///< writes it has not answered yet; enough other nodes may have confirmed
                                 ///< them
    std::size_t hints = 0;       ///< keys of which it may have missed a write, as far as this process knows
    bool compare_all = false;    ///< there were more: it will be, or is being, compared as a whole
    std::string trouble = {};    ///< why it is not reached, or not yet a member; empty: nothing is wrong
  };
  std::vector<Node> nodes;
  std::uint64_t unknown_writes = 0;  ///< writes that ended as effect_unknown
  std::uint64_t write_backs = 0;     ///< copies that strong reads wrote to nodes that lagged behind
  std::uint64_t repairs = 0;         ///< copies written to nodes that had missed them
  std::uint64_t corrupt = 0;  ///< times a node held data that cannot be a version, or a version near the
                              ///< highest
};

/// Nothing if the tier is not a replicated tier. Thread safe.
std::optional<ReplicatedStatus> replicated_status(const Tier& tier);

}  // namespace terrace
