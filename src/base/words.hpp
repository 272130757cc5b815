#pragma once
/// Little-endian words in bytes: writing and reading.

#include <array>
#include <bit>
#include <concepts>
#include <cstring>
#include <terrace/bytes.hpp>

namespace terrace {

static_assert(std::endian::native == std::endian::little, "terrace runs on little-endian machines");

template <std::integral Word>
void append(Bytes& out, Word word) {
  std::array<char, sizeof(Word)> bytes;
  std::memcpy(bytes.data(), &word, sizeof(Word));
  out.append(bytes.data(), bytes.size());
}

/// Takes words and strings off the front of bytes; false if the bytes are too short.
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

}  // namespace terrace
