#pragma once
/// Consistency: how much a read may promise about the writes of others. What each level means for memory over
/// one shared tier: docs/reliability.md; for tiers made of several nodes: docs/topologies.md.

#include <cstdint>

namespace terrace {

/// Of this process's own writes every read of a Cache sees the last one that has returned.
enum class Consistency : std::uint8_t {
  weak,      ///< a value that was once written and has not expired
  eventual,  ///< a cache: memory is behind the shared tier by max_staleness at most. Nodes: they converge
  strong,    ///< a cache: every read asks the tiers; memory only stands in while refreshing fails. Nodes:
             ///< linearizable
};

}  // namespace terrace
