#pragma once
/// Target: where the tier connects to and what it says there, worked out once from the options.

#include <string>
#include <string_view>
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
  std::string schema;  ///< of the table; empty: search_path says
  std::string table;

  // SQL, in the order of its use. From table_exists on it names the table by on_table().
  std::string greeting;      ///< sets the session up
  std::string find_schema;   ///< where the table is, or is to be made; null: nowhere
  std::string close_path;    ///< from here on only the server's own names are found
  std::string table_exists;  ///< a truth
  std::string begin_table;   ///< for when there is none; leaves a transaction open
  std::string objection;     ///< why the table is not to be used; empty: nothing speaks against it
  std::string end_table;     ///< after begin_table
  std::string prepare;       ///< the statements
};

/// The SQL with the table in it, which is given with its schema: as an identifier, and as a literal that
/// holds the identifier.
[[nodiscard]] std::string on_table(std::string_view sql, const std::string& identifier,
                                   const std::string& literal);

}  // namespace terrace::postgres
