#pragma once
/// KeySelection: the keys that a bulk delete takes.

#include <string>
#include <string_view>
#include <terrace/glob.hpp>

namespace terrace::cascade {

/// The keys that begin with the prefix and whose rest matches the pattern. An empty pattern matches
/// everything.
struct KeySelection {
  std::string prefix = {};
  std::string pattern = {};

  [[nodiscard]] bool everything() const noexcept { return prefix.empty() && pattern.empty(); }
  [[nodiscard]] bool contains(std::string_view key) const {
    return key.starts_with(prefix) && (pattern.empty() || glob_matches(pattern, key.substr(prefix.size())));
  }
  bool operator==(const KeySelection&) const = default;
};

}  // namespace terrace::cascade
