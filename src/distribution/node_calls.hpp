#pragma once
/// NodeCalls: what an operation over many keys asks each node, collected so that it is one call a node.

#include <cstddef>
#include <map>
#include <vector>

namespace terrace::distribution {

/// A key of the operation, by its position, and which of the key's replicas the node is.
struct Part {
  std::size_t position;
  unsigned replica;
  unsigned round = 0;  ///< of a write: which sending of it this is
};

/// By node.
using NodeCalls = std::map<std::size_t, std::vector<Part>>;

}  // namespace terrace::distribution
