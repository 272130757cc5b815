#pragma once
/// Admission: brings a node up to date with the others and makes it a member, or renews its membership, by
/// comparing all their keys. One process does it for a node at a time (VersionedTier::take_charge).
///
///   take charge → purge, if it is a stranger → ask how the others stand → scan each of those that remember,
///   page by page, and repair what the node lacks → check that they still do → admit
///
/// With strong consistency:
///  - What a node confirmed once and has forgotten is on W - 1 others at least, so at most W - 2 of
///    the others may be left out. What a node that remembers has missed is on W others: at most W - 1.
///  - When so many have forgotten that a confirmed write may be lost, they are all admitted together, which
///    needs every node to answer; and a key of which W or more holders have forgotten is deleted, since what
///    is left of it may be older than what was confirmed. Nothing can be confirmed meanwhile: fewer than W
///    are members. A group that starts is admitted by this rule, with nothing to delete.
/// Otherwise it waits for nodes that are away, since what only these know may be that a key was deleted: for
/// an eighth of repair_time while other members answer, else for seconds, lest nobody answers at all.

#include <memory>

#include "distribution/repair.hpp"

namespace terrace::distribution {

class Admission : public std::enable_shared_from_this<Admission> {
 public:
  struct Outcome {
    std::string why_not = {};  ///< empty: the node is a member; else why not, for people
    bool complete = true;      ///< it was compared with all others
  };
  /// Called once.
  using Done = UniqueFunction<void(Outcome)>;

  /// `waited`: for how long the node has been no member, as far as this process knows.
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

  // The way, in order.
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

  // Steps of one node.
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

  std::vector<std::size_t> nodes_;      // to admit
  std::vector<std::size_t> taken_;      // of them, perhaps in our charge
  std::size_t charged_ = 0;             // of them, in charge and clean
  std::vector<std::size_t> forgetful_;  // ours and others that forgot what they confirmed
  std::vector<std::size_t> sources_;    // to scan
  std::size_t source_ = 0;              // the one being scanned
  bool complete_ = true;                // all others were asked
  std::string page_;                    // where its next page begins; empty: the first, or there is none

  std::mutex mutex_;  // for what the answers of several nodes touch
  std::vector<Other> others_;
  std::size_t awaited_ = 0;
  std::string changed_;
};

}  // namespace terrace::distribution
