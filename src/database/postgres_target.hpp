#pragma once
/// Target: where the tier connects to and what it says there, worked out once from the options.

#include <string>
#include <terrace/postgres.hpp>
#include <utility>
#include <vector>

namespace terrace::postgres {

/// The prepared statements.
namespace statement {
inline constexpr const char* get = "terrace_get";  // (keys) → key, value or null if too large
inline constexpr const char* set =
    "terrace_set";  // (keys, whole keys or null, values, lives in ms or null, versions)
inline constexpr const char* erase = "terrace_erase";  // (keys) → key, whether it was unexpired
inline constexpr const char* next_keys =
    "terrace_next";  // (first key) → keys from there on, each with its whole key or null
inline constexpr const char* purge = "terrace_purge";  // () → a row for each of some expired ones
}  // namespace statement

/// How many keys one next_keys or purge takes at most.
inline constexpr int page_keys = 1000;

struct Target {
  /// Throws ConfigError.
  explicit Target(const PostgresOptions& options);

  std::vector<std::pair<std::string, std::string>> parameters;  ///< for libpq
  std::string label;                                            ///< "host:port/database": holds no secret
  bool create_table;
  std::string greeting;    ///< SQL: sets the session up and tells whether there is a table
  std::string make_table;  ///< SQL, for when there is none
  std::string prepare;     ///< SQL: the statements
};

}  // namespace terrace::postgres
