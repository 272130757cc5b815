#pragma once
/// The numbers of the wire format (docs/wire-format.md), and little-endian reading and writing.

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <terrace/bytes.hpp>

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

static_assert(std::endian::native == std::endian::little, "terrace runs on little-endian machines");

template <std::integral Word>
void append(Bytes& out, Word word) {
  std::array<char, sizeof(Word)> bytes;
  std::memcpy(bytes.data(), &word, sizeof(Word));
  out.append(bytes.data(), bytes.size());
}

/// Takes words and strings off the front of bytes; false when they are too short.
class Reader {
 public:
  explicit Reader(BytesView bytes) : rest_(bytes) {}

  template <std::integral Word>
  bool take(Word& word) {
    BytesView bytes;
    if (!take(sizeof(Word), bytes)) return false;
    std::memcpy(&word, bytes.data(), sizeof(Word));
    return true;
  }
  bool take(std::size_t size, BytesView& bytes) {
    if (size > rest_.size()) return false;
    bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  [[nodiscard]] BytesView rest() const noexcept { return rest_; }

 private:
  BytesView rest_;
};

}  // namespace terrace::envelope::wire
