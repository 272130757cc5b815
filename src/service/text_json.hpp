#pragma once
/// Bytes as JSON, which can only hold text: UTF-8 becomes a string, anything else an object that says so.

#include <boost/json/value.hpp>
#include <optional>
#include <string_view>
#include <terrace/bytes.hpp>

namespace terrace::service {

[[nodiscard]] bool is_utf8(BytesView bytes) noexcept;

/// With padding, as RFC 4648, section 4.
[[nodiscard]] std::string to_base64(BytesView bytes);
/// None: it is no base64.
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);

/// A string, or {"$bytes": base64} for bytes that are not UTF-8: a key, a message.
[[nodiscard]] boost::json::value text_or_bytes(BytesView bytes);
/// The inverse. None: it is neither.
[[nodiscard]] std::optional<Bytes> bytes_of(const boost::json::value& value);

/// {NAME: base64}
[[nodiscard]] boost::json::object marked_bytes(std::string_view name, BytesView bytes);
/// The bytes of {NAME: base64}; none: it is something else.
[[nodiscard]] std::optional<Bytes> marked_bytes_of(const boost::json::value& value, std::string_view name);

}  // namespace terrace::service
