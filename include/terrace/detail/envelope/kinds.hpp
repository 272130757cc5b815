#pragma once
/// The kinds of types that the MessagePack codec knows, and the kind of each type.

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace terrace {

template <class V>
struct Codec;

namespace detail {

/// The base of the generated codecs; a specialisation by the user does not have it.
struct GeneratedCodec {};

template <class T>
inline constexpr bool has_own_codec = !std::is_base_of_v<GeneratedCodec, Codec<T>>;

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... Args>
inline constexpr bool is_a<Template<Args...>, Template> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_text = false;
template <class Traits, class Allocator>
inline constexpr bool is_text<std::basic_string<char, Traits, Allocator>> = true;

template <class T>
inline constexpr bool is_sys_time = false;
template <class Duration>
inline constexpr bool is_sys_time<std::chrono::sys_time<Duration>> = true;

template <class T>
concept ByteLike = std::same_as<T, std::byte> || std::same_as<T, unsigned char> || std::same_as<T, char>;

template <class T>
concept Iterable = requires(T& c) {
  typename T::value_type;
  c.begin();
  c.end();
  c.size();
  c.clear();
};

template <class T>
concept MapLike = Iterable<T> && requires(T& c, typename T::key_type k, typename T::mapped_type m) {
  c.emplace(std::move(k), std::move(m));
};

template <class T>
concept SetLike = Iterable<T> && requires(T& c, typename T::key_type k) {
  requires std::same_as<typename T::key_type, typename T::value_type>;
  c.insert(std::move(k));
};

template <class T>
concept SequenceLike = Iterable<T> && requires(T& c, typename T::value_type v) {
  c.push_back(std::move(v));
};

enum class Kind {
  own_codec,
  boolean,
  integer,
  real,
  enumeration,
  text,
  bytes,
  fixed_bytes,
  duration,
  sys_time,
  unit,
  optional,
  fixed_sequence,
  map,
  set,
  sequence,
  tuple,
  variant,
  aggregate,
  unsupported,
};

template <class T>
consteval Kind kind_of() {
  if constexpr (has_own_codec<T>) {
    return Kind::own_codec;
  } else if constexpr (std::same_as<T, bool>) {
    return Kind::boolean;
  } else if constexpr (std::integral<T>) {
    // The size of wchar_t differs between platforms.
    return sizeof(T) <= 8 && !std::same_as<T, wchar_t> ? Kind::integer : Kind::unsupported;
  } else if constexpr (std::floating_point<T>) {
    return std::same_as<T, float> || std::same_as<T, double> ? Kind::real : Kind::unsupported;
  } else if constexpr (std::is_enum_v<T> && !std::same_as<T, std::byte>) {
    return Kind::enumeration;
  } else if constexpr (is_text<T>) {
    return Kind::text;
  } else if constexpr (is_std_array<T>) {
    return ByteLike<typename T::value_type> ? Kind::fixed_bytes : Kind::fixed_sequence;
  } else if constexpr (is_a<T, std::vector>) {
    return ByteLike<typename T::value_type> ? Kind::bytes : Kind::sequence;
  } else if constexpr (is_a<T, std::chrono::duration> || is_sys_time<T>) {
    return is_sys_time<T> ? Kind::sys_time : Kind::duration;
  } else if constexpr (std::same_as<T, std::monostate>) {
    return Kind::unit;
  } else if constexpr (is_a<T, std::optional> || is_a<T, std::unique_ptr> || is_a<T, std::shared_ptr>) {
    return Kind::optional;
  } else if constexpr (is_a<T, std::pair> || is_a<T, std::tuple>) {
    return Kind::tuple;
  } else if constexpr (is_a<T, std::variant>) {
    return Kind::variant;
  } else if constexpr (MapLike<T>) {
    return Kind::map;
  } else if constexpr (SetLike<T>) {
    return Kind::set;
  } else if constexpr (SequenceLike<T>) {
    return Kind::sequence;
  } else {
    return std::is_aggregate_v<T> && !std::is_array_v<T> && !std::is_union_v<T> ? Kind::aggregate
                                                                                : Kind::unsupported;
  }
}

/// The type inside an optional or a smart pointer.
template <class T>
struct PointeeOf {
  using type = typename T::value_type;
};
template <class T, class Deleter>
struct PointeeOf<std::unique_ptr<T, Deleter>> {
  using type = T;
};
template <class T>
struct PointeeOf<std::shared_ptr<T>> {
  using type = T;
};
template <class T>
using Pointee = typename PointeeOf<T>::type;

/// True if a value of the type may itself be written as nil; then an optional of it needs a wrapper.
template <class T>
consteval bool may_be_nil() {
  return kind_of<T>() == Kind::optional || kind_of<T>() == Kind::unit;
}

template <class T>
inline constexpr bool always_false = false;

/// The one error message for a type that cannot be encoded.
template <class T>
consteval void require_encodable() {
  static_assert(
      kind_of<T>() != Kind::unsupported,
      "terrace: this type (see T in the note) cannot be stored in a cache as it is. It must be a number, an "
      "enum, std::string, a byte vector, a standard container, optional, pair, tuple, variant, chrono "
      "duration or "
      "sys_time, unique_ptr, shared_ptr, or a plain aggregate of such; for any other type specialise "
      "terrace::Codec<T> (see terrace/codec.hpp). Views, raw pointers, C arrays and unions never can.");
}

}  // namespace detail
}  // namespace terrace
