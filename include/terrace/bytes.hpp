#pragma once
/// Bytes: what tiers store. A std::string that is not text; a view of it is a std::string_view.

#include <string>
#include <string_view>

namespace terrace {

using Bytes = std::string;
using BytesView = std::string_view;

/// Longest key a cache accepts, in bytes. An empty key is refused as well.
inline constexpr std::size_t max_key_size = 64 * 1024;

/// The key for messages: quoted, control bytes as \xNN, cut after 64 bytes with its length.
[[nodiscard]] std::string printable_key(std::string_view key);

}  // namespace terrace
