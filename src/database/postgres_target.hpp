#pragma once
/// Target: where the tier connects to and the SQL it uses there, computed once from the options.

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
    "terrace_set";  // (keys, whole keys or null, values, lifetimes in ms or null, versions)
inline constexpr const char* compare_and_set =
    "terrace_compare_and_set";  // (keys, whole keys or null, expected values or null for none, values, lifetimes in
                                // ms or null) → keys that were stored
inline constexpr const char* erase = "terrace_erase";  // (keys) → key, whether it was unexpired
inline constexpr const char* next_keys =
    "terrace_next";  // (first key) → keys from there on, each with its whole key or null
inline constexpr const char* purge = "terrace_purge";  // () → a row for each of some expired ones
}  // namespace statement

/// The most keys of one next_keys or purge.
inline constexpr int page_keys = 1000;

struct Target {
  /// Throws ConfigError.
  explicit Target(const PostgresOptions& options);

  std::vector<std::pair<std::string, std::string>> parameters;  ///< for libpq
  std::string label;                                            ///< "host:port/database": contains no secret
  bool create_table;
  std::string schema;  ///< schema of the table; empty: search_path decides
  std::string table;

  // SQL, in the order of its use. From table_exists on, on_table() puts in the table's name.
  std::string greeting;      ///< sets the session up
  std::string find_schema;   ///< where the table is, or is to be created; null: nowhere
  std::string close_path;    ///< from here on only the server's own names are found
  std::string table_exists;  ///< a boolean
  std::string begin_table;   ///< for when there is no table; leaves a transaction open
  std::string objection;     ///< why the table must not be used; empty: no objection
  std::string end_table;     ///< after begin_table
  std::string prepare;       ///< the statements
};

/// The SQL with the name of the table, which includes its schema: as an identifier, and as a literal that
/// contains the identifier.
[[nodiscard]] std::string on_table(std::string_view sql, const std::string& identifier,
                                   const std::string& literal);

}  // namespace terrace::postgres
