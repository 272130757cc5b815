#pragma once
/// Level rules: which stacks of levels can keep the promises of a cache's options. The cache uses them, and
/// so does the check of configurations.

#include <cstdint>
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
  const char* option;  ///< the option that the stack cannot keep: "consistency", "write_mode"
  std::string what;    ///< with the remedy
};

/// A level of this scope is narrow if it is not of scope fleet and another level is: changes of other
/// processes do not reach it, so its values are at best stale.
[[nodiscard]] bool is_narrow(Scope scope, std::span<const LevelTraits> levels);

/// What protects a level from a value that was loaded before the key changed.
enum class FillRule : std::uint8_t {
  lease,  ///< the lease of the key (SharedTier)
  claim,  ///< compare-and-set, with what the level held before the load (claims.hpp)
  own,    ///< only this process reads it, or nobody trusts what it reads there: the generation of the key
  never,  ///< nothing: loads do not fill it
};
[[nodiscard]] FillRule fill_rule(Tier& tier, bool narrow);

/// The first option that the stack, from the highest level to the lowest, cannot keep; none: it keeps all.
[[nodiscard]] std::optional<LevelFault> fault_of(std::span<const LevelTraits> levels,
                                                 const CacheOptions& options);

}  // namespace terrace::cascade
