#pragma once
/// The keys and values of the simulated world: each value says its version. And what its stack promises.

#include <optional>
#include <string>

#include "sim/ledger.hpp"
#include "sim/schedule.hpp"

namespace terrace::sim {

inline constexpr std::string_view version_mark = "version-";

inline std::string value_of(Version version) {
  return std::string(version_mark) + std::to_string(version) + ".";
}

/// The version in a value or in stored bytes.
inline std::optional<Version> version_in(std::string_view bytes) {
  const auto at = bytes.find(version_mark);
  if (at == std::string_view::npos) return std::nullopt;
  return std::stoull(std::string(bytes.substr(at + version_mark.size(), 20)));
}

inline std::string key_of(unsigned number) {
  return "k" + std::to_string(number);
}

inline Ledger::Rules rules_of(const Setup& setup) {
  const bool told = setup.stack != Stack::database;  // of the changes of other processes
  return {.bounded = setup.consistency == Consistency::strong ||
                     (setup.consistency == Consistency::eventual && told),
          .bound = setup.consistency == Consistency::strong ? Duration{} : setup.bound,
          .redis_only = setup.stack == Stack::redis,
          .loads = setup.loads};
}

}  // namespace terrace::sim
