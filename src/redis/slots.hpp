#pragma once
/// Slots: the 16,384 parts into which a Redis Cluster divides its keys. A key belongs to slot CRC16(key) mod
/// 16384. If it has a hash tag (the bytes between the first { and the first } after it, if there are any),
/// the tag decides.
/// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/

#include <cstdint>
#include <string>
#include <string_view>

namespace terrace::redis {

using Slot = std::uint16_t;
inline constexpr std::size_t slot_count = 16384;

/// CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected.
[[nodiscard]] std::uint16_t crc16(std::string_view bytes) noexcept;

[[nodiscard]] Slot slot_of(std::string_view key) noexcept;

/// A tag in the slot: the smallest decimal number that belongs to it. All keys with this tag are in that
/// slot, whatever their other bytes are. Up to 6 digits; the text is never destroyed.
[[nodiscard]] std::string_view tag_of(Slot slot) noexcept;

}  // namespace terrace::redis
