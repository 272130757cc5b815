#pragma once
/// The keys and values of the simulated world: each value says its version.

#include <optional>
#include <string>

#include "sim/ledger.hpp"

namespace terrace::sim {

inline constexpr std::string_view version_mark = "version-";

inline std::string value_of(Version version) {
  return std::string(version_mark) + std::to_string(version) + ".";
}

/// The version in a value or in stored bytes.
inline std::optional<Version> version_in(std::string_view bytes) {
  const auto at = bytes.find(version_mark);
  if (at == std::string_view::npos) return std::nullopt;
  return std::stoull(std::string(bytes.substr(at + version_mark.size(), 20)));
}

inline std::string key_of(unsigned number) {
  return "k" + std::to_string(number);
}

}  // namespace terrace::sim
