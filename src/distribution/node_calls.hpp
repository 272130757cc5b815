#pragma once
/// NodeCalls: what an operation over many keys asks each node, collected so that it is one call a node.

#include <cstddef>
#include <map>
#include <string_view>
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

/// What the parts are of, as a call takes it; `keys` are the operation's.
template <class Keys>
[[nodiscard]] std::vector<std::string_view> keys_of(const std::vector<Part>& parts, const Keys& keys) {
  std::vector<std::string_view> names;
  names.reserve(parts.size());
  for (const auto& part : parts) names.push_back(keys[part.position].key);
  return names;
}

}  // namespace terrace::distribution
