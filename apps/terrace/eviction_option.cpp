#include "eviction_option.hpp"

#include <fmt/ranges.h>

#include "usage_error.hpp"

namespace terrace::cli {

Eviction eviction_option(std::string_view name, std::string_view what, std::string_view also) {
  if (const auto eviction = parse_eviction(name)) return *eviction;
  throw UsageError(fmt::format("{} \"{}\" is not known; the policies are {}{}{}", what, name,
                               fmt::join(eviction_names(), ", "), also.empty() ? "" : ", ", also));
}

}  // namespace terrace::cli
