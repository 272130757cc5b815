#pragma once
/// ReplicatedRead: reads many keys from the nodes that hold them, as the consistency level requires.
///
///  - strong: asks all holders; answers when R members have reported their copies and W hold the best of
///    these; the best copy is written to nodes that lag behind (the write-back of ABD)
///  - eventual: asks the first R members, others if one fails or takes too long
///  - weak: the same with any nodes, members or not
///
/// A node that lags behind gets a hint, which repairs it soon after.

#include <memory>
#include <mutex>

#include "distribution/node_calls.hpp"
#include "distribution/replica_group.hpp"

namespace terrace::distribution {

class ReplicatedRead : public std::enable_shared_from_this<ReplicatedRead> {
 public:
  using Done = Handler<std::vector<Result<Copy>>>;

  /// A key that no node knows has as its outcome a Copy without a version.
  static void start(std::shared_ptr<ReplicaGroup> group, const std::vector<std::string_view>& keys,
                    TimePoint deadline, Done done);

  ReplicatedRead(std::shared_ptr<ReplicaGroup> group, TimePoint deadline, Done done)
      : group_(std::move(group)), deadline_(deadline), done_(std::move(done)) {}

 private:
  static void start_now(std::shared_ptr<ReplicaGroup> group, const std::vector<std::string_view>& keys,
                        TimePoint deadline, Done done);
  struct Key {
    std::string key;
    std::vector<std::size_t> holders;  // by replica
    ReadVote vote;
    Version decided = {};
    bool open = true;
    Result<Copy> outcome = {};
  };
  struct Next {
    NodeCalls reads;
    NodeCalls write_backs;
  };

  void add(std::string_view key, NodeCalls& first);
  void ask(Key& key, std::size_t position, NodeCalls& calls);
  void send(Next next);
  void read(std::size_t node, std::vector<Part> parts);
  void write_back(std::size_t node, std::vector<Part> parts);
  void heard(std::size_t node, const std::vector<Part>& parts, std::vector<Result<Reading>> readings);
  void confirmed(std::size_t node, const std::vector<Part>& parts,
                 const std::vector<Result<Written>>& answers);
  void advance(std::size_t position, Next& next);
  void close(Key& key, Result<Copy> outcome);
  void late(Key& key, std::size_t node, const Copy& copy);
  void proceed(Next next);
  void arm_hedge();
  void hedge();

  const std::shared_ptr<ReplicaGroup> group_;
  const TimePoint deadline_;

  std::mutex mutex_;
  std::vector<Key> keys_;
  std::size_t open_ = 0;
  Scheduler::TimerId hedge_ = 0;
  Done done_;
};

}  // namespace terrace::distribution
