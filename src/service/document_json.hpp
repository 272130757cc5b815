#pragma once
/// Converts Documents to JSON, for people and scripts, and back.
///
/// | MessagePack | JSON |
/// |---|---|
/// | nil, bool, int | the same; integers are exact, beyond 2^53 too |
/// | float | number, never written as a whole one; {"$float": "nan"}, "inf", "-inf" |
/// | str | string; {"$str": base64} when it is no UTF-8 |
/// | bin | {"$bytes": base64} |
/// | array, so aggregates too | array |
/// | map | object; {"$map": [[key, value], …]} when a key is no text, comes twice, or begins with "$" |
/// | ext | {"$ext": [type, base64]}; nothing that terrace writes |
///
/// A value of the program's own codec is {"$bytes": base64}: only the program can decode it.

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <terrace/document.hpp>
#include <terrace/result.hpp>

namespace terrace::service {

/// Larger payloads are not shown.
inline constexpr std::size_t max_shown_bytes = std::size_t{1} << 20U;

/// Errc::corrupt: no complete MessagePack, or nested deeper than 128. Errc::value_too_large. Whatever the
/// bytes are, it throws only std::bad_alloc.
[[nodiscard]] Result<boost::json::value> to_json(const Document& document);

/// The type to which a value given as JSON is converted.
struct WantedKind {
  /// The kind of the cache's values (CacheHandle::kind); none: it takes any.
  std::optional<StoredKind> kind = {};
  /// schema_text<V>() of the type. Empty: by `kind`; without it, a plain string ("str"), integer ("i64"),
  /// other number ("f64"), bool or {"$bytes": …} ("bin") has its own type.
  std::string schema = {};
};

/// Errc::invalid_argument with a remedy: the value is not of the type, the schema text is wrong or not that
/// of the cache, or the type is unknown. If only the cache's fingerprint is known, the cache decides:
/// CacheHandle::set rejects documents that it cannot read.
[[nodiscard]] Result<Document> to_document(const boost::json::value& value, const WantedKind& wanted);

/// "str" if the fingerprint is that of a plain type, otherwise "0x9216fbc6ecd263ef".
[[nodiscard]] std::string schema_name(StoredKind kind);

}  // namespace terrace::service
