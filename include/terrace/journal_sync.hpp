#pragma once
/// JournalSync: what an acknowledged change in the write-back journal survives.

#include <cstdint>

namespace terrace {

enum class JournalSync : std::uint8_t {
  durable,   ///< acknowledged after fdatasync: survives kill -9 and a power cut
  os_cache,  ///< acknowledged when the operating system has it: survives kill -9; a power cut loses the last
             ///< seconds
};

}  // namespace terrace
