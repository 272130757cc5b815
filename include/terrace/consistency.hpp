#pragma once
/// Consistency: how much a read may promise about the writes of other processes. Each level's meaning for
/// memory above one shared tier: docs/reliability.md; for tiers made of several nodes: docs/topologies.md.

#include <cstdint>
#include <terrace/detail/names.hpp>

namespace terrace {

/// Of this process's own writes, every read of a Cache sees the last one that has returned.
enum class Consistency : std::uint8_t {
  weak,      ///< any value that was once written and has not expired
  eventual,  ///< in a cache: memory is behind the shared tier by at most max_staleness. Nodes: they converge
  strong,    ///< in a cache: every read asks the tiers; memory is used only while a refresh fails. Nodes:
             ///< linearizable
};
template <>
inline constexpr auto enum_names<Consistency> = std::to_array<std::string_view>({"weak", "eventual",
                                                                                 "strong"});

}  // namespace terrace
