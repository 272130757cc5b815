#pragma once
/// write_value: any encodable value as MessagePack.

#include <boost/pfr/core.hpp>
#include <terrace/detail/envelope/packer.hpp>
#include <terrace/detail/envelope/schema.hpp>

namespace terrace::detail {

template <class T>
void write_value(Packer& to, const T& value);

template <class C>
BytesView view_of_bytes(const C& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class T>
void write_integer(Packer& to, T value) {
  if constexpr (std::is_same_v<T, char>) {
    to.integer_unsigned(static_cast<unsigned char>(value));
  } else if constexpr (std::is_signed_v<T>) {
    to.integer(value);
  } else {
    to.integer_unsigned(value);
  }
}

template <class Rep>
void write_ticks(Packer& to, Rep count) {
  if constexpr (std::is_floating_point_v<Rep>) {
    to.real(static_cast<double>(count));
  } else {
    to.integer(static_cast<std::int64_t>(count));
  }
}

template <class T>
void write_optional(Packer& to, const T& value) {
  if (!value) return to.nil();
  if constexpr (may_be_nil<std::remove_const_t<Pointee<T>>>()) {
    if (!to.array(1)) return;
    write_value(to, *value);
    to.leave();
  } else {
    write_value(to, *value);
  }
}

template <class T>
void write_variant(Packer& to, const T& value) {
  if (value.valueless_by_exception()) return void(to.fail("a variant without a value"));
  if (!to.array(2)) return;
  to.integer_unsigned(value.index());
  std::visit([&](const auto& held) { write_value(to, held); }, value);
  to.leave();
}

template <class T>
void write_own(Packer& to, const T& value) {
  Bytes encoded;
  const Result<void> done = Codec<T>::encode(value, encoded);
  if (!done) return void(to.fail(done.error().message()));
  to.bytes(encoded);
}

template <class T>
void write_value(Packer& to, const T& value) {
  constexpr Kind kind = kind_of<T>();
  if constexpr (kind == Kind::own_codec) {
    write_own(to, value);
  } else if constexpr (kind == Kind::boolean) {
    to.boolean(value);
  } else if constexpr (kind == Kind::integer) {
    write_integer(to, value);
  } else if constexpr (kind == Kind::real) {
    to.real(value);
  } else if constexpr (kind == Kind::enumeration) {
    write_value(to, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (kind == Kind::text) {
    to.text(view_of_bytes(value));
  } else if constexpr (kind == Kind::bytes || kind == Kind::fixed_bytes) {
    to.bytes(view_of_bytes(value));
  } else if constexpr (kind == Kind::duration) {
    write_ticks(to, value.count());
  } else if constexpr (kind == Kind::sys_time) {
    write_ticks(to, value.time_since_epoch().count());
  } else if constexpr (kind == Kind::unit) {
    to.nil();
  } else if constexpr (kind == Kind::optional) {
    write_optional(to, value);
  } else if constexpr (kind == Kind::map) {
    if (!to.map(value.size())) return;
    for (const auto& [key, mapped] : value) {
      write_value(to, key);
      write_value(to, mapped);
    }
    to.leave();
  } else if constexpr (kind == Kind::fixed_sequence || kind == Kind::set || kind == Kind::sequence) {
    if (!to.array(value.size())) return;
    // The cast makes a bool from the proxy object of std::vector<bool>.
    for (const auto& item : value) write_value(to, static_cast<const typename T::value_type&>(item));
    to.leave();
  } else if constexpr (kind == Kind::tuple) {
    if (!to.array(std::tuple_size_v<T>)) return;
    std::apply([&](const auto&... parts) { (write_value(to, parts), ...); }, value);
    to.leave();
  } else if constexpr (kind == Kind::variant) {
    write_variant(to, value);
  } else if constexpr (kind == Kind::aggregate) {
    if (!to.array(boost::pfr::tuple_size_v<T>)) return;
    boost::pfr::for_each_field(value, [&](const auto& field) { write_value(to, field); });
    to.leave();
  }
}

}  // namespace terrace::detail
