#pragma once
/// KeyHash: hashes keys with secrets drawn at random when the process starts, so that an attacker who chooses
/// keys cannot make them collide. Not stable between processes: never store a result or send it anywhere.
///
/// Integers: two rounds of the folded 128-bit product with secrets (the mixing step of wyhash and XXH3).
/// Strings of up to 16 bytes: the same over both ends, inline (as in the final version 4 of wyhash,
/// https://github.com/wangyi-fudan/wyhash). Longer strings: XXH3 with a secret of 192 random bytes
/// (https://github.com/Cyan4973/xxHash, XXH3_64bits_withSecret).

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace terrace {

namespace detail {

/// The high and low halves of a 64 × 64 bit product, folded by xor.
[[nodiscard]] inline std::uint64_t multiply_fold(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// Two odd random words, the same for the whole process.
struct HashSeeds {
  std::uint64_t mask;
  std::uint64_t factor;
};
const HashSeeds& process_seeds() noexcept;
std::uint64_t keyed_hash(const void* data, std::size_t size) noexcept;

}  // namespace detail

/// Hashes integers, enumerations, strings, and types with their own `std::uint64_t hash_of(const T&)` found
/// by argument-dependent lookup (apply KeyHash to the parts to stay safe). Transparent: a std::string key may
/// be looked up by std::string_view.
class KeyHash {
 public:
  using is_transparent = void;
  using is_avalanching = void;

  template <class T>
  requires(std::integral<T> || std::is_enum_v<T>) [[nodiscard]] std::uint64_t operator()(
      T key) const noexcept {
    // With one fold, evenly spaced keys are uneven in the low or the high bits under some secrets; not with
    // two.
    const std::uint64_t once =
        detail::multiply_fold(static_cast<std::uint64_t>(key) ^ seeds_.mask, seeds_.factor);
    return detail::multiply_fold(once ^ seeds_.factor, seeds_.mask | 1);
  }

  [[nodiscard]] std::uint64_t operator()(std::string_view key) const noexcept {
    if (key.size() <= 16) [[likely]]
      return hash_short(key.data(), key.size());
    return detail::keyed_hash(key.data(), key.size());
  }
  [[nodiscard]] std::uint64_t operator()(const std::string& key) const noexcept {
    return (*this)(std::string_view(key));
  }
  [[nodiscard]] std::uint64_t operator()(const char* key) const noexcept {
    return (*this)(std::string_view(key));
  }

  template <class T>
  requires requires(const T& key) {
    { hash_of(key) } -> std::convertible_to<std::uint64_t>;
  }
  [[nodiscard]] std::uint64_t operator()(const T& key) const noexcept { return hash_of(key); }

 private:
  template <class Word>
  static std::uint64_t load(const char* at) noexcept {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
  }

  /// Every byte and the length are hashed; the two ends may overlap.
  [[nodiscard]] std::uint64_t hash_short(const char* data, std::size_t size) const noexcept {
    std::uint64_t front = 0;
    std::uint64_t back = 0;
    if (size >= 8) [[likely]] {
      front = load<std::uint64_t>(data);
      back = load<std::uint64_t>(data + size - 8);
    } else if (size >= 4) {
      front = load<std::uint32_t>(data);
      back = load<std::uint32_t>(data + size - 4);
    } else if (size > 0) {
      front = load<std::uint8_t>(data) << 16 | load<std::uint8_t>(data + size / 2) << 8 |
              load<std::uint8_t>(data + size - 1);
    }
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(front ^ seeds_.mask) * (back ^ seeds_.factor);
    return detail::multiply_fold(static_cast<std::uint64_t>(product) ^ seeds_.factor ^ size,
                                 static_cast<std::uint64_t>(product >> 64) ^ seeds_.mask);
  }

  detail::HashSeeds seeds_ = detail::process_seeds();
};

}  // namespace terrace
