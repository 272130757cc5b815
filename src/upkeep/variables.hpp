#pragma once
/// The variables of alert rules: their names, and how each is computed from a window. docs/alerts.md
/// describes them.

#include <string>
#include <terrace/monitor.hpp>
#include <vector>

namespace terrace::upkeep {

struct Variable {
  const char* name;
  double (*of)(const WindowStats&);
};

/// In the order of the documentation. Valid until the process ends.
const std::vector<Variable>& variables();

/// Their names.
std::vector<std::string> variable_names();

/// Its server cannot be reached, or a circuit breaker rejects operations on it.
bool is_away(const LevelStats& level);

/// A figure for people: "0.312", "1200", "inf".
std::string figure(double value);

}  // namespace terrace::upkeep
