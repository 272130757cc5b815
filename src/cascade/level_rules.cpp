#include "cascade/level_rules.hpp"

#include <algorithm>

namespace terrace::cascade {

bool is_narrow(Scope scope, std::span<const LevelTraits> levels) {
  return scope != Scope::fleet && std::any_of(levels.begin(), levels.end(), [](const LevelTraits& level) {
           return level.scope == Scope::fleet;
         });
}

FillRule fill_rule(Tier& tier, bool narrow) {
  if (tier.shared() != nullptr) return FillRule::lease;
  if (narrow || tier.scope() == Scope::process) return FillRule::own;
  return tier.has_compare_and_set() ? FillRule::claim : FillRule::never;
}

std::optional<LevelFault> fault_of(std::span<const LevelTraits> levels, const CacheOptions& options) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const LevelTraits& level = levels[i];
    const std::string scope(to_string(level.scope));
    if (level.may_lag && options.consistency != Consistency::weak) {
      return LevelFault{
          "consistency",
          level.name +
              " may answer with a copy that lags behind (replica_reads), which only consistency "
              "weak allows; turn replica_reads off, or use Consistency::weak"};
    }
    if (!is_narrow(level.scope, levels)) continue;
    const auto shared = [&](const LevelTraits& below) { return !is_narrow(below.scope, levels); };
    if (options.consistency == Consistency::strong &&
        std::any_of(levels.begin() + static_cast<std::ptrdiff_t>(i), levels.end(), shared)) {
      return LevelFault{
          "consistency",
          level.name + " (scope " + scope +
              ") lies above a level that all processes share, and consistency is strong: changes of "
              "other processes there do not reach it; put it below, leave it out, or use "
              "Consistency::eventual"};
    }
    if (options.write_mode == WriteMode::back && options.writer == nullptr && i + 1 == levels.size()) {
      return LevelFault{
          "write_mode",
          "write_mode is WriteMode::back, and writes go to the lowest level, " + level.name +
              ", whose scope is " + scope +
              ": other processes would not find them there; give a writer, or make a level that all "
              "share the lowest"};
    }
  }
  return std::nullopt;
}

}  // namespace terrace::cascade
