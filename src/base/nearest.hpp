#pragma once
/// nearest: the known name that a mistyped one most likely stands for, for messages.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace terrace {

/// The candidate with the least edits (a character inserted, removed, replaced, or two neighbours swapped:
/// the optimal string alignment distance), letters of either case alike; none: more than a third of the
/// longer one would have to change.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean NAME?", or nothing: the end of a message about a name that is not known.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace terrace
