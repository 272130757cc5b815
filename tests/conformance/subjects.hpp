#pragma once

#include <vector>

#include "conformance/tier_conformance.hpp"

namespace terrace::conformance {

/// Every tier there is.
std::vector<Subject> subjects();

}  // namespace terrace::conformance
