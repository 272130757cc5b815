#pragma once
/// Topology: the known nodes for the slots of a cluster, and when to ask which node again. A state machine
/// without I/O: time, replies and failures are parameters. Not thread safe.
///
/// A refresh asks one node after the other for CLUSTER SLOTS until one answers: first the known nodes, then
/// the seeds. Both are shuffled, so that clients do not all ask the same one; nodes that failed lately come
/// last. A refresh begins every `period`, and on request (after a redirect, or if a node is down), but not
/// sooner than `least_pause` after the end of the last one; never two at a time.

#include <map>
#include <optional>
#include <random>
#include <set>
#include <terrace/clock.hpp>
#include <vector>

#include "redis/redirect.hpp"

namespace terrace::redis {

/// The slots from `first` to `last`, and their nodes: the primary, then its replicas.
struct SlotRange {
  Slot first = 0;
  Slot last = 0;
  std::vector<Address> nodes = {};
};

struct TopologyTiming {
  Duration period = std::chrono::seconds(10);
  Duration least_pause = std::chrono::milliseconds(100);
  Duration longest_pause = std::chrono::seconds(2);  ///< after refreshes without an answer
};

/// No more nodes are taken: Redis Cluster is made for up to 1000, and each is a connection.
/// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
inline constexpr std::size_t most_nodes = 1000;

class Topology {
 public:
  Topology(TimePoint now, std::vector<Address> seeds, std::uint64_t random_seed, TopologyTiming timing = {});

  // ---- What is known.

  /// False: no refresh has succeeded yet.
  [[nodiscard]] bool known() const noexcept { return known_; }
  [[nodiscard]] const Address* primary_of(Slot slot) const noexcept;
  /// None, when there are none.
  [[nodiscard]] const std::vector<Address>& replicas_of(Slot slot) const noexcept;
  /// The nodes that serve slots.
  [[nodiscard]] std::set<Address> primaries() const;
  /// All nodes of the last refresh, and those named by redirects since.
  [[nodiscard]] const std::set<Address>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] std::size_t slots_covered() const noexcept;

  /// A redirect reported this. False: it names one node more than there can be, and changes nothing.
  [[nodiscard]] bool moved(Slot slot, const Address& to);

  // ---- Refreshes.

  /// Requests a refresh. Returns when it begins, or when the one under way began: then a time that is not
  /// after now.
  TimePoint want(TimePoint now);
  /// The node did not help: others are asked before it.
  void suspect(const Address& node) { suspects_.insert(node); }
  /// The node to ask now; then answered() or unanswered() must follow. Nothing: wait until due().
  [[nodiscard]] std::optional<Address> ask(TimePoint now);
  /// When ask() has a node to ask; never while a query is under way.
  [[nodiscard]] TimePoint due() const noexcept;
  /// True: the refresh succeeded. False: the reply contains no slots (a node that was reset, or forgotten),
  /// which counts as no answer.
  bool answered(TimePoint now, const Address& from, const std::vector<SlotRange>& ranges);
  /// True: the refresh continues with the next node. False: it has failed.
  bool unanswered(TimePoint now, const Address& from);

  [[nodiscard]] bool refreshing() const noexcept { return round_.has_value(); }
  [[nodiscard]] std::uint64_t refreshes() const noexcept { return refreshes_; }
  [[nodiscard]] std::uint64_t failed_refreshes() const noexcept { return failed_; }

 private:
  struct Shard {
    Address primary;
    std::vector<Address> replicas = {};
  };
  using ShardIndex = std::uint16_t;
  static constexpr ShardIndex nobody = 0xffff;

  ShardIndex shard_of(const Address& primary);
  void plan_round();
  void end_round(TimePoint now, Duration pause);

  const std::vector<Address> seeds_;
  const TopologyTiming timing_;
  std::mt19937_64 random_;

  bool known_ = false;
  std::vector<ShardIndex> owners_ = std::vector<ShardIndex>(slot_count, nobody);
  std::vector<Shard> shards_;
  std::map<Address, ShardIndex> shard_of_;  // by its primary
  std::set<Address> nodes_;
  std::set<Address> suspects_;

  std::optional<std::vector<Address>> round_;  // the nodes to ask; the last one first
  bool asked_ = false;                         // a query is under way
  TimePoint due_;
  TimePoint earliest_;
  unsigned failures_ = 0;  // in a row
  std::uint64_t refreshes_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace terrace::redis
