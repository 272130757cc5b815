#pragma once
/// The numbers of the wire format (docs/wire-format.md).

#include <array>
#include <cstddef>
#include <cstdint>

namespace terrace::envelope::wire {

/// No UTF-8 text and no MessagePack begins with C1.
inline constexpr std::array<char, 2> magic = {'\xc1', 'T'};
inline constexpr std::uint8_t format_version = 1;
inline constexpr std::size_t flags_offset = 4;
inline constexpr std::size_t fields_offset = 6;
inline constexpr std::size_t header_size = 22;  // magic to created
inline constexpr std::size_t checksum_size = 8;

enum Flag : std::uint16_t {
  compressed = 1 << 0,
  negative = 1 << 1,
  has_expiry = 1 << 2,
  has_grace = 1 << 3,
  has_version = 1 << 4,
  has_tags = 1 << 5,
  sealed = 1 << 6,
};
inline constexpr std::uint16_t known_flags = (1 << 7) - 1;

}  // namespace terrace::envelope::wire
