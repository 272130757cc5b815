#pragma once
/// What a stack of levels must be, so that the cache keeps what its options promise. For the cache itself and
/// for the check of configurations.

#include <optional>
#include <span>
#include <string>
#include <terrace/cache_options.hpp>
#include <terrace/tier.hpp>

namespace terrace::cascade {

/// A level below memory.
struct LevelTraits {
  std::string name;
  Scope scope = Scope::fleet;  ///< Tier::scope
  bool may_lag = false;        ///< Tier::may_lag
};

struct LevelFault {
  const char* option;  ///< which does not go with the stack: "consistency", "write_mode"
  std::string what;    ///< with the remedy
};

/// Another level is of scope fleet and one of this scope is not: changes of other processes do not reach it,
/// so what it holds is at best stale.
[[nodiscard]] bool is_narrow(Scope scope, std::span<const LevelTraits> levels);

/// The first option that the stack, from the highest level to the lowest, cannot keep; none: it keeps all.
[[nodiscard]] std::optional<LevelFault> fault_of(std::span<const LevelTraits> levels,
                                                 const CacheOptions& options);

}  // namespace terrace::cascade
