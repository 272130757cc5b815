#pragma once
/// The keys beside the keys. For a key k of the server (RedisOptions::key_prefix included):
///  - ~lease:{k}    the token of whoever has the lease
///  - ~version:{k}  the version of the value, as digits; lives as long as the value, of a copy longer
/// (versioned_scripts.hpp)
/// The braces put all three into one slot of a cluster, as long as k has none itself.
///
/// For a key_prefix p, where the server is a node of a replicated tier:
///  - ~member:{p}   the mark of membership: run id of the server that was given it, ':', token of who gave it
///  - ~charge:{p}   who has the node in charge: run id, ':', token

#include <string>
#include <string_view>

namespace terrace::redis {

inline constexpr std::string_view lease_head = "~lease:{";
inline constexpr std::string_view version_head = "~version:{";
inline constexpr std::string_view member_head = "~member:{";
inline constexpr std::string_view charge_head = "~charge:{";
inline constexpr std::string_view companion_tail = "}";

/// What no key of a tier may begin with.
inline constexpr std::string_view reserved_heads[] = {"~lease:", "~version:", "~member:", "~charge:"};
inline constexpr std::string_view reserved_text = "~lease:, ~version:, ~member: or ~charge:";

[[nodiscard]] inline bool is_reserved(std::string_view full_key) noexcept {
  for (const auto head : reserved_heads) {
    if (full_key.starts_with(head)) return true;
  }
  return false;
}

/// A MATCH pattern for exactly these bytes.
[[nodiscard]] inline std::string literally(std::string_view text) {
  std::string pattern;
  pattern.reserve(text.size() + 1);
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace terrace::redis
