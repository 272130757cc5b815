#pragma once
/// The variables of alert rules: their names, and how each is read off a window. docs/alerts.md explains
/// them.

#include <string>
#include <terrace/monitor.hpp>
#include <vector>

namespace terrace::upkeep {

struct Variable {
  const char* name;
  double (*of)(const WindowStats&);
};

/// In the order of the documentation. For the life of the process.
const std::vector<Variable>& variables();

/// Their names.
std::vector<std::string> variable_names();

/// Its server cannot be reached, or a breaker keeps operations from it.
bool is_away(const LevelStats& level);

/// A figure for people: "0.312", "1200", "inf".
std::string figure(double value);

}  // namespace terrace::upkeep
