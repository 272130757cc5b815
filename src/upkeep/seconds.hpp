#pragma once
/// Durations as numbers and text of seconds.

#include <string>
#include <terrace/clock.hpp>

#include "upkeep/variables.hpp"

namespace terrace::upkeep {

inline double in_seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

/// "1.5 s".
inline std::string seconds_text(Duration d) {
  return figure(in_seconds(d)) + " s";
}

}  // namespace terrace::upkeep
