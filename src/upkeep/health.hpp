#pragma once
/// The issues of a cache, by the limits.

#include <terrace/monitor.hpp>
#include <vector>

namespace terrace::upkeep {

std::vector<HealthIssue> find_issues(const WindowStats& window, const HealthLimits& limits);

}  // namespace terrace::upkeep
