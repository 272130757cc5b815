#pragma once
/// SlotsReply: parses the reply to CLUSTER SLOTS, node by node. It has no socket.
/// https://redis.io/docs/latest/commands/cluster-slots/

#include "redis/resp.hpp"
#include "redis/topology.hpp"

namespace terrace::redis {

class SlotsReply {
 public:
  /// `asked`: the node that was asked; a node without a host in the reply has the same host.
  explicit SlotsReply(Address asked) : asked_(std::move(asked)) {}

  void take(const Node& node);

  /// Nothing: it is not a reply to CLUSTER SLOTS, names more than `most_nodes` nodes, or names a slot twice.
  [[nodiscard]] std::optional<std::vector<SlotRange>> ranges() const;

 private:
  void take_bound(std::string_view digits);
  void take_detail(const Node& node);

  const Address asked_;
  std::vector<SlotRange> ranges_;
  unsigned bounds_ = 0;       // bounds of the last range so far
  unsigned details_ = 0;      // details of its last node so far
  std::size_t mentions_ = 0;  // of nodes
  bool sound_ = true;
};

}  // namespace terrace::redis
