#pragma once
/// nearest_name: which known name somebody may have meant, for messages about unknown ones.

#include <span>
#include <string>
#include <string_view>

namespace terrace {

/// The known name that the fewest changes of single letters (insert, remove, replace, swap two neighbours)
/// make of the word, if those are few: at most a third of its letters. Empty: none is near. Upper and lower
/// case are the same.
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names);

/// "; did you mean ttl?" with the nearest name, else "; the known ones are a, b, c", else, without names,
/// nothing.
std::string meant_or_known(std::string_view word, std::span<const std::string_view> names);

}  // namespace terrace
