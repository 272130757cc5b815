#pragma once
/// equal_keys: compares a key of the cache with a requested key; for short strings without a function call.

#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <type_traits>

namespace terrace::memory {

template <class Word>
[[nodiscard]] inline bool same_word(const char* a, const char* b) noexcept {
  Word left;
  Word right;
  std::memcpy(&left, a, sizeof left);
  std::memcpy(&right, b, sizeof right);
  return left == right;
}

/// Like ==. Compares up to 16 bytes by their two ends, which may overlap.
[[nodiscard]] inline bool equal_bytes(std::string_view a, std::string_view b) noexcept {
  const std::size_t size = a.size();
  if (size != b.size()) return false;
  if (size > 16 || size < 4) return a == b;
  if (size >= 8) [[likely]] {
    const std::size_t back = size - 8;
    return same_word<std::uint64_t>(a.data(), b.data()) &&
           same_word<std::uint64_t>(a.data() + back, b.data() + back);
  }
  const std::size_t back = size - 4;
  return same_word<std::uint32_t>(a.data(), b.data()) &&
         same_word<std::uint32_t>(a.data() + back, b.data() + back);
}

template <class Equal, class A, class B>
[[nodiscard]] bool equal_keys(const Equal& equal, const A& a, const B& b) {
  constexpr bool are_strings =
      std::is_convertible_v<const A&, std::string_view> && std::is_convertible_v<const B&, std::string_view>;
  if constexpr (std::is_same_v<Equal, std::equal_to<>> && are_strings) {
    return equal_bytes(a, b);
  } else {
    return equal(a, b);
  }
}

}  // namespace terrace::memory
