#pragma once
/// Codec<V>: converts a value to the bytes that tiers store, and back.
///
/// These types can be stored without any further code: bool, integers, float, double, enums, std::string,
/// std::vector of std::byte, unsigned char or char (bytes), any standard container, std::array, optional,
/// pair, tuple, variant, chrono durations and sys_time, unique_ptr, shared_ptr (a copy of the object it
/// points to), and plain aggregates of such types, nested or recursive, without macros:
///
///     struct User { std::int64_t id; std::string name; std::vector<double> scores; };
///     // Cache<User> just works; Codec<User>::schema is the fingerprint of "(i64,str,[f64])".
///
/// A struct with an array of C, a bit-field, a const member, a reference or a base class is no such aggregate: the
/// compiler then reports an error of Boost.PFR. Use std::array, or give the type a codec of its own.
///
/// Each entry carries the id of its codec and the fingerprint of its schema; an entry with other ones is a
/// miss. So a program with a changed struct never misreads old entries. The fingerprint covers types, not
/// names: a swap of two fields of the same type goes unnoticed, unless the aggregate declares a number of its
/// own:
///
///     struct Place { static constexpr unsigned terrace_schema = 2; double longitude, latitude; };
///
/// Any other type needs its own codec, which is then also used for this type inside other types:
///
///     template <>
///     struct terrace::Codec<Money> {
///       static constexpr std::uint8_t id = terrace::first_own_codec;  // yours: first_own_codec … 255
///       static constexpr std::uint64_t schema = 1;                    // another one when the bytes change
///       static terrace::Result<void> encode(const Money& value, terrace::Bytes& out);  // appends
///       static terrace::Result<Money> decode(terrace::BytesView bytes);  // must accept any bytes
///     };
///
/// Format: docs/wire-format.md. Thread safe (no state).

#include <cstdint>
#include <string>
#include <terrace/bytes.hpp>
#include <terrace/detail/envelope/read.hpp>
#include <terrace/detail/envelope/write.hpp>
#include <terrace/result.hpp>

namespace terrace {

/// Codec ids below this one are reserved for terrace.
inline constexpr std::uint8_t first_own_codec = 64;
/// Codec<V>::id of every type without its own codec.
inline constexpr std::uint8_t messagepack_codec = 1;

/// The MessagePack codec. An aggregate is stored as an array of its fields, in order.
template <class V>
struct Codec : detail::GeneratedCodec {
  static constexpr std::uint8_t id = messagepack_codec;
  /// The same for the same structure, on every compiler, platform and language.
  static constexpr std::uint64_t schema = detail::schema_fingerprint<V>();

  /// Appends the bytes. Errc::unencodable: a length over 2^32 - 1, a variant without a value, or an error of
  /// a type's own codec.
  static Result<void> encode(const V& value, Bytes& out) {
    detail::require_encodable<V>();
    detail::Packer packer(out);
    detail::write_value(packer, value);
    return packer.result();
  }

  /// Decodes the value; all of it or an error. Errc::corrupt: incomplete MessagePack, or bytes follow it.
  /// Errc::incompatible: MessagePack that encode() of this type would not have written.
  static Result<V> decode(BytesView bytes) {
    detail::require_encodable<V>();
    detail::Unpacker unpacker(bytes);
    V value{};
    if (detail::read_value(unpacker, value) && unpacker.finish()) return value;
    return unpacker.error();
  }
};

/// The canonical text behind Codec<V>::schema, for people: "(i64,str,[f64])".
template <class V>
std::string schema_text() {
  std::string text;
  detail::describe<V, detail::Enclosing<>>(text);
  return text;
}

}  // namespace terrace
