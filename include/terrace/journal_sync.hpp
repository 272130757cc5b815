#pragma once
/// JournalSync: what an acknowledged change in the write-back journal survives.

#include <cstdint>
#include <terrace/detail/names.hpp>

namespace terrace {

enum class JournalSync : std::uint8_t {
  durable,   ///< acknowledged after fdatasync: survives kill -9 and a power cut
  os_cache,  ///< acknowledged when the operating system has it: survives kill -9; a power cut loses the last
             ///< seconds
};
template <>
inline constexpr auto enum_names<JournalSync> = std::to_array<std::string_view>({"durable", "os_cache"});

}  // namespace terrace
