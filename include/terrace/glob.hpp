#pragma once
/// Glob: the patterns of invalidate_glob and Tier::erase_glob. They are the patterns of Redis:
///   *        any bytes, none included          [abc]  one of these        [a-z]  one of this range
///   ?        any one byte                      [^a]   any other           \x     x itself
/// A pattern must match the whole key. It matches bytes, not characters: `?` is one byte of UTF-8.

#include <string_view>
#include <terrace/result.hpp>

namespace terrace {

/// Whether the pattern matches the whole text. Time: at most |pattern| × |text|. Thread safe.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

/// Returns invalid_argument for a pattern with an open bracket, an empty class, or a backslash at its end.
/// Redis would read such patterns in unexpected ways.
[[nodiscard]] Result<void> check_glob(std::string_view pattern);

}  // namespace terrace
