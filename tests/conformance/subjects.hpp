#pragma once

#include <vector>

#include "conformance/tier_conformance.hpp"

namespace terrace::conformance {

/// Every tier there is.
std::vector<Subject> subjects();

/// Those of them that are one server or none, or those that are several.
std::vector<Subject> subjects(bool several);

/// Those of them that processes can share.
std::vector<Subject> shared_subjects();

}  // namespace terrace::conformance
