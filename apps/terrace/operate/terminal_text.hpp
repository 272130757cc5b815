#pragma once
/// Text from others, made harmless: what a terminal would take for a command, or would show as something else
/// than it is, becomes an escape that can be seen.

#include <boost/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace terrace::cli {

/// Control characters (C0, DEL, C1), line and paragraph separators and marks of writing direction as \x1b or
/// \u202e; bytes that are no UTF-8 as \xff.
[[nodiscard]] std::string harmless(std::string_view text);

/// A name or message of the API: a string, or what it writes for bytes.
[[nodiscard]] std::string harmless(const boost::json::value& value);

/// The same JSON on one line, with those characters as \u009b, in strings as everywhere.
[[nodiscard]] std::string harmless_json(const boost::json::value& value);

/// How many columns the text takes, one for each character.
[[nodiscard]] std::size_t width(std::string_view utf8) noexcept;
/// The first so many columns of it.
[[nodiscard]] std::string_view cut(std::string_view utf8, std::size_t columns) noexcept;

}  // namespace terrace::cli
