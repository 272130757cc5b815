#pragma once
/// NodeCalls: the requests of an operation on many keys, collected so that each node gets one call.

#include <cstddef>
#include <map>
#include <string_view>
#include <vector>

namespace terrace::distribution {

/// A key of the operation, by its position, and the index of the node among the key's replicas.
struct Part {
  std::size_t position;
  unsigned replica;
  unsigned round = 0;  ///< for a write: in which round it is sent
};

/// By node.
using NodeCalls = std::map<std::size_t, std::vector<Part>>;

/// The keys of the parts, in the form that a call takes; `keys` are those of the operation.
template <class Keys>
[[nodiscard]] std::vector<std::string_view> keys_of(const std::vector<Part>& parts, const Keys& keys) {
  std::vector<std::string_view> names;
  names.reserve(parts.size());
  for (const auto& part : parts) names.push_back(keys[part.position].key);
  return names;
}

}  // namespace terrace::distribution
