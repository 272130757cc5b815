#pragma once
/// Slots: the 16,384 parts a Redis Cluster divides its keys into. A key belongs to CRC16(key) mod 16384; with
/// a hash tag (the bytes between the first { and the first } behind it, if there are any) to that of the tag.
/// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/

#include <cstdint>
#include <string>
#include <string_view>

namespace terrace::redis {

using Slot = std::uint16_t;
inline constexpr std::size_t slot_count = 16384;

/// CRC-16/XMODEM: polynomial 0x1021, begun with 0, not reflected.
[[nodiscard]] std::uint16_t crc16(std::string_view bytes) noexcept;

[[nodiscard]] Slot slot_of(std::string_view key) noexcept;

/// A tag that falls into the slot: the smallest decimal number that does. Keys that carry it lie together in
/// that slot whatever their other bytes are. Up to 6 digits; the text lives for ever.
[[nodiscard]] std::string_view tag_of(Slot slot) noexcept;

}  // namespace terrace::redis
