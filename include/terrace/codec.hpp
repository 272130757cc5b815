#pragma once
/// Codec<V>: how a value becomes the bytes that tiers store, and back.
///
/// Without doing anything a type can be stored when it is bool, an integer, float, double, an enum,
/// std::string, std::vector of std::byte, unsigned char or char (bytes), any standard container, std::array,
/// optional, pair, tuple, variant, a chrono duration or sys_time, unique_ptr, shared_ptr (a copy of what it
/// points to), or a plain aggregate of such things, nested or recursive, without macros:
///
///     struct User { std::int64_t id; std::string name; std::vector<double> scores; };
///     // Cache<User> just works; Codec<User>::schema is the fingerprint of "(i64,str,[f64])".
///
/// Each entry carries the codec's id and the schema's fingerprint; an entry of another one is a miss. So a
/// program with a changed struct never misreads old entries. The fingerprint sees types, not names: swapping
/// two fields of the same type goes unnoticed, unless the aggregate says so by a number of its own:
///
///     struct Place { static constexpr unsigned terrace_schema = 2; double longitude, latitude; };
///
/// Any other type gets a codec of its own, which is used for it inside other types as well:
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

/// Codec ids below this one are terrace's.
inline constexpr std::uint8_t first_own_codec = 64;
/// Codec<V>::id of every type without an own codec.
inline constexpr std::uint8_t messagepack_codec = 1;

/// The MessagePack codec. Aggregates are arrays of their fields, in order.
template <class V>
struct Codec : detail::GeneratedCodec {
  static constexpr std::uint8_t id = messagepack_codec;
  /// The same for the same structure, whatever the compiler, the platform or the language.
  static constexpr std::uint64_t schema = detail::schema_fingerprint<V>();

  /// Appends the bytes. Errc::unencodable: a length over 2^32 - 1, a variant without a value, or what an own
  /// codec says.
  static Result<void> encode(const V& value, Bytes& out) {
    detail::require_encodable<V>();
    detail::Packer packer(out);
    detail::write_value(packer, value);
    return packer.result();
  }

  /// The value, or nothing of it. Errc::corrupt: not whole MessagePack, or something follows it.
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
