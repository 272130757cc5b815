#pragma once
/// Invalidation: what to invalidate, as a value (CacheHandle::invalidate).

#include <cstdint>
#include <string>
#include <vector>

namespace terrace {

/// Either keys, or a group, prefix, glob or tag.
struct Invalidation {
  enum class Kind : std::uint8_t { keys, group, prefix, glob, tag };
  Kind kind = Kind::keys;
  std::vector<std::string> keys = {};
  std::string text = {};  ///< the group, prefix, pattern or tag
};

}  // namespace terrace
