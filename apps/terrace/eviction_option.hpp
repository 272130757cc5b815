#pragma once
/// Eviction policies by name, as the command line takes them.

#include <string_view>
#include <terrace/memory_cache.hpp>

namespace terrace::cli {

/// Throws UsageError that lists the known names; `what` is the option's. `also`: one more name that the
/// caller knows by itself.
[[nodiscard]] Eviction eviction_option(std::string_view name, std::string_view what,
                                       std::string_view also = {});

}  // namespace terrace::cli
