#pragma once
/// read_value: reads MessagePack back into a value, strictly: it rejects bytes that the writer of the same
/// type would not have written.

#include <algorithm>
#include <boost/pfr/core.hpp>
#include <cstring>
#include <limits>
#include <terrace/detail/envelope/packer.hpp>
#include <terrace/detail/envelope/schema.hpp>

namespace terrace::detail {

/// False: `from.error()` says why, and `value` is in some valid state.
template <class T>
bool read_value(Unpacker& from, T& value);

template <class T>
bool read_integer(Unpacker& from, T& value) {
  using Limits = std::numeric_limits<T>;
  if constexpr (is_signed_integer<T>) {
    std::int64_t number = 0;
    if (!from.integer(number, Limits::min(), Limits::max())) return false;
    value = static_cast<T>(number);
  } else {
    std::uint64_t number = 0;
    if (!from.integer_unsigned(number, static_cast<std::make_unsigned_t<T>>(-1))) return false;
    value = static_cast<T>(number);
  }
  return true;
}

template <class Duration>
bool read_ticks(Unpacker& from, Duration& value) {
  using Rep = typename Duration::rep;
  if constexpr (std::is_floating_point_v<Rep>) {
    double count = 0;
    if (!from.real(count)) return false;
    value = Duration(static_cast<Rep>(count));
  } else {
    std::int64_t count = 0;
    if (!from.integer(count, std::numeric_limits<Rep>::min(), std::numeric_limits<Rep>::max())) return false;
    value = Duration(static_cast<Rep>(count));
  }
  return true;
}

template <class T>
bool read_bytes(Unpacker& from, T& value) {
  BytesView view;
  if (!from.bytes(view)) return false;
  if constexpr (is_std_array<T>) {
    if (view.size() != value.size())
      return from.fail(Errc::incompatible, "a bin of another length than the type's");
  } else {
    value.resize(view.size());
  }
  if (!view.empty()) std::memcpy(value.data(), view.data(), view.size());
  return true;
}

template <class T>
T make_pointee(Pointee<T>&& held) {
  if constexpr (is_a<T, std::unique_ptr>) {
    return std::make_unique<Pointee<T>>(std::move(held));
  } else if constexpr (is_a<T, std::shared_ptr>) {
    return std::make_shared<Pointee<T>>(std::move(held));
  } else {
    return T(std::in_place, std::move(held));
  }
}

template <class T>
bool read_optional(Unpacker& from, T& value) {
  if (from.take_nil()) {
    value = T();
    return true;
  }
  using Held = std::remove_const_t<Pointee<T>>;
  Held held{};
  if constexpr (may_be_nil<Held>()) {
    if (!from.array_of(1) || !read_value(from, held) || !from.leave()) return false;
  } else {
    if (!read_value(from, held)) return false;
  }
  value = make_pointee<T>(std::move(held));
  return true;
}

template <class T>
bool read_sequence(Unpacker& from, T& value) {
  std::size_t count = 0;
  if (!from.array(count)) return false;
  value.clear();
  using Item = typename T::value_type;
  if constexpr (requires { value.reserve(count); }) {
    // A length is only a claim: more than this is reserved only when the items have really come.
    constexpr std::size_t at_once = 64 * 1024 / sizeof(Item) + 1;
    value.reserve(std::min(count, at_once));
  }
  for (; count > 0; --count) {
    Item item{};
    if (!read_value(from, item)) return false;
    value.push_back(std::move(item));
  }
  return from.leave();
}

/// The standard hash of an integer is often the integer, so an attacker can choose keys that all fall into one
/// bucket; inserting n of them takes n² steps. Keys of the program reach this limit only if their hash is bad.
inline constexpr std::size_t largest_bucket = 64;

/// False: the key is in a bucket with too many others. A container without buckets has no
/// such keys.
template <class T, class Key>
bool is_spread(const T& value, const Key& key) {
  if constexpr (requires { value.bucket_size(value.bucket(key)); }) {
    return value.size() <= largest_bucket || value.bucket_size(value.bucket(key)) <= largest_bucket;
  } else {
    return true;
  }
}

template <class T>
bool read_set(Unpacker& from, T& value) {
  std::size_t count = 0;
  if (!from.array(count)) return false;
  value.clear();
  for (std::size_t i = 0; i < count; ++i) {
    typename T::key_type key{};
    if (!read_value(from, key)) return false;
    if (!is_spread(value, key)) return from.fail(Errc::corrupt, "a set of items that were chosen to collide");
    value.insert(std::move(key));
    if (value.size() != i + 1) return from.fail(Errc::incompatible, "a set with the same item twice");
  }
  return from.leave();
}

template <class T>
bool read_map(Unpacker& from, T& value) {
  std::size_t count = 0;
  if (!from.map(count)) return false;
  value.clear();
  for (std::size_t i = 0; i < count; ++i) {
    typename T::key_type key{};
    typename T::mapped_type mapped{};
    if (!read_value(from, key) || !read_value(from, mapped)) return false;
    if (!is_spread(value, key)) return from.fail(Errc::corrupt, "a map of keys that were chosen to collide");
    value.emplace(std::move(key), std::move(mapped));
    if (value.size() != i + 1) return from.fail(Errc::incompatible, "a map with the same key twice");
  }
  return from.leave();
}

template <std::size_t I, class T>
bool read_alternative(Unpacker& from, T& value) {
  std::variant_alternative_t<I, T> held{};
  if (!read_value(from, held)) return false;
  value.template emplace<I>(std::move(held));
  return true;
}

template <class T>
bool read_variant(Unpacker& from, T& value) {
  constexpr std::size_t count = std::variant_size_v<T>;
  std::uint64_t index = 0;
  if (!from.array_of(2) || !from.integer_unsigned(index, count - 1)) return false;
  const bool read = [&]<std::size_t... I>(std::index_sequence<I...>) {
    return ((index == I && read_alternative<I>(from, value)) || ...);
  }
  (std::make_index_sequence<count>{});
  return read && from.leave();
}

template <class T>
bool read_aggregate(Unpacker& from, T& value) {
  if (!from.array_of(boost::pfr::tuple_size_v<T>)) return false;
  bool read = true;
  boost::pfr::for_each_field(value, [&](auto& field) { read = read && read_value(from, field); });
  return read && from.leave();
}

template <class T>
bool read_own(Unpacker& from, T& value) {
  BytesView encoded;
  if (!from.bytes(encoded)) return false;
  Result<T> decoded = Codec<T>::decode(encoded);
  if (!decoded) return from.fail(Errc::incompatible, decoded.error().message());
  value = std::move(*decoded);
  return true;
}

template <class T>
bool read_value(Unpacker& from, T& value) {
  constexpr Kind kind = kind_of<T>();
  if constexpr (kind == Kind::own_codec) {
    return read_own(from, value);
  } else if constexpr (kind == Kind::boolean) {
    return from.boolean(value);
  } else if constexpr (kind == Kind::integer) {
    return read_integer(from, value);
  } else if constexpr (kind == Kind::real) {
    return from.real(value);
  } else if constexpr (kind == Kind::enumeration) {
    std::underlying_type_t<T> number{};
    if (!read_value(from, number)) return false;
    value = static_cast<T>(number);
    return true;
  } else if constexpr (kind == Kind::text) {
    BytesView view;
    if (!from.text(view)) return false;
    value.assign(view.data(), view.size());
    return true;
  } else if constexpr (kind == Kind::bytes || kind == Kind::fixed_bytes) {
    return read_bytes(from, value);
  } else if constexpr (kind == Kind::duration) {
    return read_ticks(from, value);
  } else if constexpr (kind == Kind::sys_time) {
    typename T::duration since{};
    if (!read_ticks(from, since)) return false;
    value = T(since);
    return true;
  } else if constexpr (kind == Kind::unit) {
    return from.nil();
  } else if constexpr (kind == Kind::optional) {
    return read_optional(from, value);
  } else if constexpr (kind == Kind::map) {
    return read_map(from, value);
  } else if constexpr (kind == Kind::set) {
    return read_set(from, value);
  } else if constexpr (kind == Kind::sequence) {
    return read_sequence(from, value);
  } else if constexpr (kind == Kind::fixed_sequence) {
    if (!from.array_of(value.size())) return false;
    for (auto& item : value) {
      if (!read_value(from, item)) return false;
    }
    return from.leave();
  } else if constexpr (kind == Kind::tuple) {
    if (!from.array_of(std::tuple_size_v<T>)) return false;
    return std::apply([&](auto&... parts) { return (read_value(from, parts) && ...); }, value) &&
           from.leave();
  } else if constexpr (kind == Kind::variant) {
    return read_variant(from, value);
  } else if constexpr (kind == Kind::aggregate) {
    return read_aggregate(from, value);
  }
}

}  // namespace terrace::detail
