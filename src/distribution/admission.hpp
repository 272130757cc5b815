#pragma once
/// Admission: brings a node up to date with the others and makes it a member, or renews its membership, by
/// comparing all their keys. One process at a time does this for a node (VersionedTier::take_charge).
///
///   take charge → purge, if it is untrusted → ask the others for their state → scan each of those that
///   remember, page by page, and repair the keys that the node lacks → check that they still remember → admit
///
/// With strong consistency:
///  - A write that a node confirmed and has forgotten is on at least W - 1 others, so at most W - 2 of the
///    others may be left out. A write that a remembering node has missed is on W others: at most W - 1.
///  - When so many nodes have forgotten that a confirmed write may be lost, they are all admitted together,
///    which needs an answer from every node. A key of which W or more holders have forgotten is then deleted,
///    because the remaining copies may be older than the confirmed one. Nothing can be confirmed meanwhile:
///    fewer than W nodes are members. A group that starts is admitted by this rule, with nothing to delete.
/// Otherwise it waits for nodes that are down, because only they may know that a key was deleted: for an
/// eighth of repair_time while other members answer; otherwise for seconds, so that the group does not stay
/// without any answer.

#include <memory>

#include "distribution/repair.hpp"

namespace terrace::distribution {

class Admission : public std::enable_shared_from_this<Admission> {
 public:
  struct Outcome {
    std::string why_not = {};  ///< empty: the node is a member; otherwise the reason why not, for people
    bool complete = true;      ///< it was compared with all others
  };
  /// Called once.
  using Done = UniqueFunction<void(Outcome)>;

  /// `waited`: how long the node has not been a member, as far as this process knows.
  Admission(std::shared_ptr<ReplicaGroup> group, std::size_t node, Duration waited, Done done);
  void start() { take_charge(); }

 private:
  struct Other {
    std::size_t node;
    Membership at_first = {};
    bool answered = false;
  };
  using Then = void (Admission::*)();
  using Answer = Handler<Result<bool>>;
  using Step = void (Admission::*)(std::size_t node, Answer answer);

  // The steps, in order.
  void take_charge() {
    for_each_node(&Admission::take_charge_of, "taking charge", &Admission::clean, charged_);
  }
  void clean() { for_each_node(&Admission::clean_one, "purging", &Admission::look_at_others, charged_); }
  void look_at_others();
  void plan();
  void scan_next_source();
  void scan();
  void compare(ScanPage page);
  void repair(std::vector<std::string> keys);
  void next_page();
  void check_sources();
  void admit() { for_each_node(&Admission::admit_one, "admitting", &Admission::succeed, 0); }
  void succeed();

  // Steps for one node.
  void take_charge_of(std::size_t node, Answer answer);
  void clean_one(std::size_t node, Answer answer);
  void keep_charge_of(std::size_t node, Answer answer);
  void admit_one(std::size_t node, Answer answer);

  void for_each_node(Step step, const char* doing, Then then, std::size_t from);
  void widen(const std::vector<std::size_t>& more);
  void end(std::string why_not);
  [[nodiscard]] bool waits(unsigned away) const;

  [[nodiscard]] TimePoint soon() const noexcept;
  [[nodiscard]] VersionedTier& versioned(std::size_t node) noexcept { return *group_->node(node).versioned; }
  [[nodiscard]] bool is_ours(std::size_t node) const noexcept;
  [[nodiscard]] bool concerns(const std::string& key) const;
  [[nodiscard]] bool is_lost(const std::string& key) const;

  const std::shared_ptr<ReplicaGroup> group_;
  const Duration waited_;
  const std::uint64_t token_;
  Done done_;

  std::vector<std::size_t> nodes_;      // nodes to admit
  std::vector<std::size_t> taken_;      // those of them that may be in our charge
  std::size_t charged_ = 0;             // number of them in our charge and clean
  std::vector<std::size_t> forgetful_;  // our nodes and others that lost confirmed writes
  std::vector<std::size_t> sources_;    // nodes to scan
  std::size_t source_ = 0;              // the node being scanned
  bool complete_ = true;                // all others were asked
  std::string page_;                    // where its next page begins; empty: the first page, or there is none

  std::mutex mutex_;  // for data that the answers of several nodes change
  std::vector<Other> others_;
  std::size_t awaited_ = 0;
  std::string changed_;
};

}  // namespace terrace::distribution
