#pragma once
/// Caretaker: looks after the nodes of a group in the background: sees who answers and how they stand, hands
/// over what nodes missed, and has those admitted that are no members, or will soon be none.

#include <memory>
#include <mutex>

#include "base/backoff.hpp"
#include "distribution/admission.hpp"

namespace terrace::distribution {

class Caretaker : public std::enable_shared_from_this<Caretaker> {
 public:
  explicit Caretaker(std::shared_ptr<ReplicaGroup> group);

  void start();
  /// Nothing begins after it; what is under way ends with the tiers.
  void stop();

  /// What the last admission of each node came to; empty: nothing to tell. Thread safe.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  struct Care {
    bool busy = false;  // asked, being repaired or admitted
    TimePoint next = {};
    TimePoint forgot_at = no_deadline;  // since when it is no member; no_deadline: it is one
    bool incomplete = false;            // others were away when it was admitted
    Backoff backoff;
    std::string trouble = {};
  };

  void round();
  void look(std::size_t node);
  void looked(std::size_t node, const Result<Membership>& told);
  void hand_over(std::size_t node);
  void admit(std::size_t node);
  void admitted(std::size_t node, Admission::Outcome outcome);
  [[nodiscard]] bool is_incomplete(std::size_t node) const;
  void rest(std::size_t node, Duration pause, std::string trouble = {});

  const std::shared_ptr<ReplicaGroup> group_;
  mutable std::mutex mutex_;
  std::vector<Care> cares_;
  bool admitting_ = false;  // one at a time, so that they do not look at one another
  bool stopped_ = false;
  Scheduler::TimerId timer_ = 0;
};

}  // namespace terrace::distribution
