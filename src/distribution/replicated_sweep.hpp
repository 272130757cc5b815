#pragma once
/// ReplicatedSweep: deletes all keys that begin with a prefix and match a pattern: all keys that any node
/// knows. Each deletion has its own version, so that a node that is down now cannot bring a key back.

#include <memory>
#include <mutex>

#include "distribution/replica_group.hpp"

namespace terrace::distribution {

class ReplicatedSweep : public std::enable_shared_from_this<ReplicatedSweep> {
 public:
  using Done = Handler<Result<std::uint64_t>>;

  ReplicatedSweep(std::shared_ptr<ReplicaGroup> group, std::string prefix, std::string pattern,
                  TimePoint deadline, Done done);
  void start() { scan(); }

 private:
  void scan();
  void take(const ScanPage& page);
  void erased(const std::vector<Result<bool>>& outcomes);
  void next_node();
  void skip_node(const Error& why);
  void finish(const Error* failure);

  const std::shared_ptr<ReplicaGroup> group_;
  const std::string prefix_;
  const std::string pattern_;
  const TimePoint deadline_;
  Done done_;
  std::size_t node_ = 0;  // the node being scanned
  std::string page_;      // where its next page begins
  unsigned skipped_ = 0;
  std::uint64_t removed_ = 0;
};

}  // namespace terrace::distribution
