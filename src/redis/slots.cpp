#include "redis/slots.hpp"

#include <array>
#include <charconv>

namespace terrace::redis {
namespace {

constexpr std::array<std::uint16_t, 256> make_crc_table() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < table.size(); ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}

constexpr auto crc_table = make_crc_table();

struct Tag {
  std::array<char, 7> digits{};
  std::uint8_t size = 0;
};

std::array<Tag, slot_count> make_tags() {
  std::array<Tag, slot_count> tags;
  std::size_t missing = slot_count;
  for (unsigned number = 0; missing > 0; ++number) {
    Tag tag;
    const auto end = std::to_chars(tag.digits.data(), tag.digits.data() + tag.digits.size(), number).ptr;
    tag.size = static_cast<std::uint8_t>(end - tag.digits.data());
    Tag& place = tags[slot_of({tag.digits.data(), tag.size})];
    if (place.size != 0) continue;
    place = tag;
    --missing;
  }
  return tags;
}

}  // namespace

std::uint16_t crc16(std::string_view bytes) noexcept {
  unsigned crc = 0;
  for (const char c : bytes) {
    crc = ((crc << 8) & 0xffff) ^ crc_table[((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xff];
  }
  return static_cast<std::uint16_t>(crc);
}

Slot slot_of(std::string_view key) noexcept {
  if (const auto open = key.find('{'); open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close != open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return static_cast<Slot>(crc16(key) % slot_count);
}

std::string_view tag_of(Slot slot) noexcept {
  static const auto& tags = *new std::array<Tag, slot_count>(make_tags());
  const Tag& tag = tags[slot];
  return {tag.digits.data(), tag.size};
}

}  // namespace terrace::redis
