#pragma once
/// Bytes: the type that tiers store. It is a std::string that need not hold text; its view is
/// std::string_view.

#include <string>
#include <string_view>

namespace terrace {

using Bytes = std::string;
using BytesView = std::string_view;

/// The longest key that a cache accepts, in bytes. An empty key is rejected, too.
inline constexpr std::size_t max_key_size = 64 * 1024;

/// The key as shown in messages: quoted, control bytes as \xNN; a key over 64 bytes is cut and its length
/// given.
[[nodiscard]] std::string printable_key(std::string_view key);

}  // namespace terrace
