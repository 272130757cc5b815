#pragma once
/// Topology: which node of a cluster serves which slot, as far as is known, and when to ask whom again. A
/// state machine without I/O: time, replies and failures are handed in. Not thread safe.
///
/// A refresh asks one node after the other for CLUSTER SLOTS until one answers: first the nodes known, then
/// the seeds, both shuffled, so that clients do not all ask the same one; those that failed lately come last.
/// It begins every `period`, and when somebody wants one (a redirect, a node that is away), but not sooner
/// than `least_pause` after the end of the last, and never two at a time.

#include <map>
#include <optional>
#include <random>
#include <set>
#include <terrace/clock.hpp>
#include <vector>

#include "redis/redirect.hpp"

namespace terrace::redis {

/// Slots from `first` to `last`, and who serves them: the primary, then its replicas.
struct SlotRange {
  Slot first = 0;
  Slot last = 0;
  std::vector<Address> nodes = {};
};

struct TopologyTiming {
  Duration period = std::chrono::seconds(10);
  Duration least_pause = std::chrono::milliseconds(100);
  Duration longest_pause = std::chrono::seconds(2);  ///< after refreshes that nobody answered
};

class Topology {
 public:
  Topology(TimePoint now, std::vector<Address> seeds, std::uint64_t random_seed, TopologyTiming timing = {});

  // ---- What is known.

  /// False: no refresh has succeeded yet.
  [[nodiscard]] bool known() const noexcept { return known_; }
  [[nodiscard]] const Address* primary_of(Slot slot) const noexcept;
  /// None, when there are none.
  [[nodiscard]] const std::vector<Address>& replicas_of(Slot slot) const noexcept;
  /// Those that serve slots.
  [[nodiscard]] std::set<Address> primaries() const;
  /// All of the last refresh, and those that redirects have named since.
  [[nodiscard]] const std::set<Address>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] std::size_t slots_covered() const noexcept;

  /// A redirect says so.
  void moved(Slot slot, const Address& to);

  // ---- Refreshes.

  /// A refresh is wanted; when it begins, or the one under way began: any time that is not after now.
  TimePoint want(TimePoint now);
  /// The node was of no use: others are asked before it.
  void suspect(const Address& node) { suspects_.insert(node); }
  /// Whom to ask now; then answered() or unanswered() must follow. Nothing: wait until due().
  [[nodiscard]] std::optional<Address> ask(TimePoint now);
  /// When ask() has something to say; never while a question is out.
  [[nodiscard]] TimePoint due() const noexcept;
  /// True: the refresh succeeded. False: there are no slots in it (a node that was reset, or forgotten),
  /// which counts as no answer.
  bool answered(TimePoint now, const Address& from, const std::vector<SlotRange>& ranges);
  /// True: the refresh goes on with the next node. False: it has failed.
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
  std::set<Address> nodes_;
  std::set<Address> suspects_;

  std::optional<std::vector<Address>> round_;  // whom to ask next: the last first
  bool asked_ = false;                         // the question is out
  TimePoint due_;
  TimePoint earliest_;
  unsigned failures_ = 0;  // in a row
  std::uint64_t refreshes_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace terrace::redis
