#pragma once
/// The additional keys. For a key k of the server (RedisOptions::key_prefix included):
///  - ~lease:{k}    the token of the lease's holder
///  - ~version:{k}  the version of the value, as digits; lives as long as the value, for a copy longer
///                  (versioned_scripts.hpp)
/// In a cluster all three must be in one slot, whatever braces k contains. So they are ~lease:{t}k and
/// ~version:{t}k with the tag t of k's slot (tag_of).
///
/// For a key_prefix p, if the server is a node of a replicated tier:
///  - ~member:{p}   the mark of membership: run id of the server, ':', token of the process that set it
///  - ~charge:{p}   the process that has the node in charge: run id, ':', token

#include <optional>
#include <string>
#include <string_view>

namespace terrace::redis {

inline constexpr std::string_view lease_head = "~lease:{";
inline constexpr std::string_view version_head = "~version:{";
inline constexpr std::string_view member_head = "~member:{";
inline constexpr std::string_view charge_head = "~charge:{";
inline constexpr std::string_view companion_tail = "}";

/// How the additional keys are named.
enum class Naming { single_server, cluster };

/// No key of a tier may begin with one of these.
inline constexpr std::string_view reserved_heads[] = {"~lease:", "~version:", "~member:", "~charge:"};
inline constexpr std::string_view reserved_text = "~lease:, ~version:, ~member: or ~charge:";

[[nodiscard]] inline bool is_reserved(std::string_view full_key) noexcept {
  for (const auto head : reserved_heads) {
    if (full_key.starts_with(head)) return true;
  }
  return false;
}

/// The k to which this additional key belongs; nothing: it does not have this head.
[[nodiscard]] inline std::optional<std::string_view> key_of(std::string_view companion, std::string_view head,
                                                            Naming naming) noexcept {
  if (!companion.starts_with(head)) return std::nullopt;
  companion.remove_prefix(head.size());
  if (naming == Naming::cluster) {
    const auto tail = companion.find(companion_tail);
    if (tail == std::string_view::npos) return std::nullopt;
    return companion.substr(tail + companion_tail.size());
  }
  if (!companion.ends_with(companion_tail)) return std::nullopt;
  return companion.substr(0, companion.size() - companion_tail.size());
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
