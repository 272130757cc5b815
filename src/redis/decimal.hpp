#pragma once
/// Numbers in texts of servers and URLs.

#include <charconv>
#include <optional>
#include <string_view>

namespace terrace::redis {

/// The whole text as a decimal number of at most `most`; nothing if it is no such number.
inline std::optional<unsigned> decimal_up_to(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

}  // namespace terrace::redis
