#pragma once
/// default_weight: the memory cost of an entry, as far as its types show it.

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

namespace terrace {

/// The approximate share of the cache's own memory per entry when the number of entries is not known in
/// advance: links, index, ghosts, and the free parts of them. So a bound on bytes bounds the allocated
/// memory.
inline constexpr std::size_t entry_overhead = 36;

namespace memory {

/// The bytes the allocator uses for a request: as in glibc's malloc, with a header, in steps of 16.
[[nodiscard]] constexpr std::size_t set_aside(std::size_t bytes) noexcept {
  return bytes <= 24 ? 32 : (bytes + 8 + 15) / 16 * 16;
}

/// The heap memory of a value. `known`: it is complete.
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

/// The sizes of key and value, with the heap memory of std::string and std::vector (also nested), and
/// entry_overhead. Other memory behind pointers is not seen: give a weigher where it matters.
template <class K, class V>
[[nodiscard]] std::size_t default_weight(const K& key, const V& value) noexcept {
  return sizeof(K) + sizeof(V) + memory::HeapBytes<K>::of(key) + memory::HeapBytes<V>::of(value) +
         entry_overhead;
}

}  // namespace terrace
