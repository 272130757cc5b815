#pragma once
/// nearest: finds the known name that a mistyped one most likely means, for messages.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace terrace {

/// Returns the candidate with the fewest edits (a character inserted, removed or replaced, or two neighbours
/// swapped: the optimal string alignment distance), ignoring case; none if more than a third of the longer
/// word would have to change.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean NAME?", or nothing: the end of a message about an unknown name.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace terrace
