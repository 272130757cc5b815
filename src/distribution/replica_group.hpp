#pragma once
/// ReplicaGroup: the nodes of a replicated tier, which of them hold a key, and what they may have missed.
/// Thread safe.

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <terrace/hash_ring.hpp>
#include <terrace/replicated_tier.hpp>
#include <vector>

#include "base/tier_counters.hpp"
#include "distribution/hints.hpp"
#include "distribution/quorum.hpp"

namespace terrace::distribution {

/// The meaning of a node's mark.
enum class Standing : std::uint8_t {
  member,   ///< it holds everything it ever confirmed: its answers count
  lagging,  ///< it may have missed something, but nothing that the others do not remember
  stranger  ///< an untrusted node: its keys may have been deleted long ago
};

struct ReplicaCounters : TierCounters {
  std::atomic<std::uint64_t> unknown{0}, write_backs{0}, repairs{0}, corrupt{0};
};

class ReplicaGroup : public std::enable_shared_from_this<ReplicaGroup> {
 public:
  struct Node {
    Node(ReplicaNode&& node, std::size_t max_hints)
        : name(std::move(node.name)),
          tier(std::move(node.tier)),
          versioned(tier->versioned()),
          hints(max_hints) {}

    /// A write of the key may not have arrived there.
    [[nodiscard]] bool may_lack(const std::string& key) const {
      return under_way.contains(key) || hints.contains(key);
    }

    const std::string name;
    const std::shared_ptr<Tier> tier;
    VersionedTier* const versioned;
    Hints hints;
    UnderWay under_way;
    std::atomic<Standing> standing{Standing::stranger};  ///< as last seen
    std::atomic<bool> reachable{false};                  ///< it answered the last request
    std::atomic<bool> looked_at{false};                  ///< it was asked, with any result
  };

  /// Throws ConfigError. All random numbers come from the seed.
  ReplicaGroup(ReplicatedOptions options, std::shared_ptr<Scheduler> scheduler, std::uint64_t seed)
      : ReplicaGroup(checked(std::move(options)), std::move(scheduler), seed) {}

  /// The narrowest scope of the nodes.
  [[nodiscard]] Scope scope() const noexcept {
    Scope narrowest = Scope::fleet;
    for (const Node& node : nodes_) narrowest = std::min(narrowest, node.tier->scope());
    return narrowest;
  }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] Node& node(std::size_t index) noexcept { return nodes_[index]; }
  /// The nodes that hold a key, as many as there are copies; the preferred one first.
  [[nodiscard]] std::vector<std::size_t> holders(std::string_view key) const {
    return ring_.owners(key, quorum_.copies);
  }

  /// True if every node can be shared with other processes.
  [[nodiscard]] bool is_shared() const noexcept {
    return std::all_of(nodes_.begin(), nodes_.end(),
                       [](const Node& node) { return node.tier->shared() != nullptr; });
  }

  [[nodiscard]] const Quorum& quorum() const noexcept { return quorum_; }
  [[nodiscard]] Consistency level() const noexcept { return level_; }
  [[nodiscard]] bool strong() const noexcept { return level_ == Consistency::strong; }
  [[nodiscard]] Duration repair_time() const noexcept { return repair_time_; }
  [[nodiscard]] Scheduler& scheduler() noexcept { return *scheduler_; }
  [[nodiscard]] TimePoint now() const noexcept { return scheduler_->clock().now(); }

  void close() noexcept { closed_ = true; }
  /// Why no operation can begin now; nothing if it can.
  [[nodiscard]] std::optional<Error> refusal(TimePoint deadline) const;

  /// A mark is set for repair_time and is valid for three quarters of it, so that a tombstone which a member
  /// missed outlives the membership.
  [[nodiscard]] Standing standing_of(const Membership& membership) const noexcept;
  /// Records what the node reported about itself. Nothing: it is a member; otherwise the reason why its
  /// answers do not count.
  std::optional<Error> check(std::size_t index, const Membership& membership);

  /// The node may have become a member, or ceased to be one, and an operation may wait for that.
  void changed();
  /// A read of a key needs R members, a write W; with strong consistency both need both.
  enum class Need : std::uint8_t { read, write };
  /// A key has too few members, and enough of its other nodes are being admitted or were not asked yet: a
  /// program that starts, or nodes that start.
  [[nodiscard]] bool is_opening(std::string_view key, Need need) const;
  /// Calls `then` when none of the keys is opening any more, or after three quarters of the time (with
  /// no_deadline after 10 s). The rest of the time is for the operation, whose result depends on the nodes.
  /// At the latest it is called in end_waits().
  void when_open(const std::vector<std::string_view>& keys, Need need, TimePoint deadline, Task then);
  void end_waits();

  /// Records that a node keeps data that is no version: the key is repaired.
  void found_corrupt(std::size_t index, const std::string& key);

  /// A version above `seen`, never given out before. Of versions above the same `seen`, a write is above a
  /// put, and a put above a fill, in any process. A write is also above all versions that this group has
  /// given out or observed.
  ///
  /// A version above `observable` is recorded only for its own key: a planted version spoils at most the key
  /// it was planted under, and half of all counters remain for the group (2^41 writes). Error: there is no
  /// version above `seen`; the counter never wraps.
  enum class Rank : std::uint8_t { fill, put, write };
  [[nodiscard]] Result<Version> version_above(const Version& seen, Rank rank);
  void observe(const Version& version) noexcept;
  static constexpr std::uint64_t observable = Version::highest_counter / 2;
  /// Never the same number twice.
  [[nodiscard]] std::uint64_t random() noexcept;

  ReplicaCounters counters;

 private:
  struct Checked {
    ReplicatedOptions options;
  };
  static Checked checked(ReplicatedOptions options);
  ReplicaGroup(Checked checked, std::shared_ptr<Scheduler> scheduler, std::uint64_t seed);

  /// A waiting operation.
  struct Waiting {
    std::vector<std::string> keys;
    Need need;
    Task then;
    Scheduler::TimerId timer = 0;
  };
  void release(bool all);
  void give_up(std::uint64_t number);

  const Consistency level_;
  const Duration repair_time_;
  const std::shared_ptr<Scheduler> scheduler_;
  std::deque<Node> nodes_;  // a deque, because a Node cannot be moved
  const HashRing ring_;
  const Quorum quorum_;
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> random_;
  std::atomic<std::uint64_t> counter_{0};

  std::atomic<std::size_t> waiting_count_{0};
  std::mutex mutex_;
  std::map<std::uint64_t, Waiting> waiting_;  // by number
  std::uint64_t last_waiting_ = 0;
};

}  // namespace terrace::distribution
