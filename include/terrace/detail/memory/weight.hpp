#pragma once
/// default_weight: what an entry costs in memory, as far as its types tell.

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

namespace terrace {

/// The part of the cache's own memory that goes with an entry when nobody knows how many there will be,
/// about: links, index, ghosts, and what of them is free. So a bound on bytes bounds what is allocated.
inline constexpr std::size_t entry_overhead = 36;

namespace memory {

/// What the allocator sets aside for that many bytes: as glibc's malloc does, with a header, in steps of 16.
[[nodiscard]] constexpr std::size_t set_aside(std::size_t bytes) noexcept {
  return bytes <= 24 ? 32 : (bytes + 8 + 15) / 16 * 16;
}

/// What a value holds on the heap. `known`: nothing is missing.
template <class T>
struct HeapBytes {
  static constexpr bool known = std::is_trivially_destructible_v<T>;
  static std::size_t of(const T&) noexcept { return 0; }
};

template <class Char, class Traits>
struct HeapBytes<std::basic_string<Char, Traits>> {
  static constexpr bool known = true;
  static std::size_t of(const std::basic_string<Char, Traits>& text) noexcept {
    static const std::size_t inside = std::basic_string<Char, Traits>().capacity();
    return text.capacity() > inside ? set_aside((text.capacity() + 1) * sizeof(Char)) : 0;
  }
};

template <class T>
struct HeapBytes<std::vector<T>> {
  static constexpr bool known = HeapBytes<T>::known;
  static std::size_t of(const std::vector<T>& values) noexcept {
    std::size_t total = values.capacity() == 0 ? 0 : set_aside(values.capacity() * sizeof(T));
    if constexpr (!std::is_trivially_copyable_v<T>) {
      for (const T& value : values) total += HeapBytes<T>::of(value);
    }
    return total;
  }
};

template <>
struct HeapBytes<std::vector<bool>> {
  static constexpr bool known = true;
  static std::size_t of(const std::vector<bool>& values) noexcept {
    return values.capacity() == 0 ? 0 : set_aside(values.capacity() / 8);
  }
};

}  // namespace memory

/// The sizes of key and value, with what std::string and std::vector (of these, too) hold on the heap, and
/// entry_overhead. Other memory behind pointers is not seen: give a weigher where it matters.
template <class K, class V>
[[nodiscard]] std::size_t default_weight(const K& key, const V& value) noexcept {
  return sizeof(K) + sizeof(V) + memory::HeapBytes<K>::of(key) + memory::HeapBytes<V>::of(value) +
         entry_overhead;
}

}  // namespace terrace
