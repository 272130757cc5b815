#pragma once
/// The keys beside the keys. For a key k of the server (RedisOptions::key_prefix included):
///  - ~lease:{k}    the token of whoever has the lease
///  - ~version:{k}  the version of the value, as 20 decimal digits; lives as long as the value
/// The braces put all three into one slot of a cluster, as long as k has none itself.

#include <string_view>

namespace terrace::redis {

inline constexpr std::string_view lease_head = "~lease:{";
inline constexpr std::string_view version_head = "~version:{";
inline constexpr std::string_view companion_tail = "}";

/// What no key of a tier may begin with.
inline constexpr std::string_view reserved_heads[] = {"~lease:", "~version:"};

[[nodiscard]] inline bool is_reserved(std::string_view full_key) noexcept {
  for (const auto head : reserved_heads) {
    if (full_key.starts_with(head)) return true;
  }
  return false;
}

}  // namespace terrace::redis
