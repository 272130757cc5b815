#pragma once
/// Caretaker: looks after the nodes of a group in the background. It checks which nodes answer and their
/// state, sends missed writes to them, and starts the admission of nodes that are not members, or soon will
/// not be.

#include <memory>
#include <mutex>

#include "base/backoff.hpp"
#include "distribution/admission.hpp"

namespace terrace::distribution {

class Caretaker : public std::enable_shared_from_this<Caretaker> {
 public:
  explicit Caretaker(std::shared_ptr<ReplicaGroup> group);

  void start();
  /// Nothing begins after it; operations under way end with the tiers.
  void stop();

  /// The result of the last admission of each node; empty: no trouble. Thread safe.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  struct Care {
    bool busy = false;  // it is being asked, repaired or admitted
    TimePoint next = {};
    TimePoint forgot_at = no_deadline;  // since when it has not been a member; no_deadline: it is one
    bool incomplete = false;            // other nodes were down when it was admitted
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
  bool admitting_ = false;  // one at a time, so that they do not examine each other
  bool stopped_ = false;
  Scheduler::TimerId timer_ = 0;
};

}  // namespace terrace::distribution
