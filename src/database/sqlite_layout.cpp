#include "database/sqlite_layout.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace terrace::database {
namespace {

constexpr const char* layout =
    "CREATE TABLE entries("
    "  id INTEGER PRIMARY KEY,"  // grows with every new key: the order of eviction
    "  key BLOB NOT NULL UNIQUE,"
    "  expires INTEGER NOT NULL,"  // wall clock, in milliseconds
    "  version INTEGER NOT NULL DEFAULT 0,"
    "  value BLOB NOT NULL);"
    "CREATE INDEX entries_by_expiry ON entries(expires);"
    "CREATE TABLE totals(entries INTEGER NOT NULL, bytes INTEGER NOT NULL);"
    "INSERT INTO totals VALUES(0, 0);";

constexpr const char* upgrade = "ALTER TABLE entries ADD COLUMN version INTEGER NOT NULL DEFAULT 0";

// The texts as SQLite keeps them, with blanks as in canonical().
constexpr std::string_view entries_sql =
    "CREATE TABLE entries(id INTEGER PRIMARY KEY,key BLOB NOT NULL UNIQUE,expires INTEGER NOT NULL,"
    "version INTEGER NOT NULL DEFAULT 0,value BLOB NOT NULL)";
constexpr std::string_view first_entries_sql =
    "CREATE TABLE entries(id INTEGER PRIMARY KEY,key BLOB NOT NULL UNIQUE,expires INTEGER NOT NULL,"
    "value BLOB NOT NULL)";
constexpr std::string_view upgraded_entries_sql =
    "CREATE TABLE entries(id INTEGER PRIMARY KEY,key BLOB NOT NULL UNIQUE,expires INTEGER NOT NULL,"
    "value BLOB NOT NULL,version INTEGER NOT NULL DEFAULT 0)";
constexpr std::array<std::string_view, 3> others_sql = {
    "",  // of the index that UNIQUE makes
    "CREATE INDEX entries_by_expiry ON entries(expires)",
    "CREATE TABLE totals(entries INTEGER NOT NULL,bytes INTEGER NOT NULL)"};
/// What ANALYZE adds.
constexpr std::array<std::string_view, 2> statistics_sql = {
    "CREATE TABLE sqlite_stat1(tbl,idx,stat)", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"};

/// The text with one blank for several, and none beside parentheses and commas. The words stay the same.
std::string canonical(std::string_view sql) {
  constexpr std::string_view separators = "(),";
  std::string out;
  for (const char c : sql) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    const bool after_separator =
        out.empty() || out.back() == ' ' || separators.find(out.back()) != separators.npos;
    if (blank && after_separator) continue;
    if (separators.find(c) != separators.npos && !out.empty() && out.back() == ' ') out.pop_back();
    out += blank ? ' ' : c;
  }
  return out;
}

bool is_one_of(std::string_view sql, const auto& list) {
  return std::find(list.begin(), list.end(), sql) != list.end();
}

}  // namespace

void make_tables(Connection& db) {
  db.execute(layout);
}

void upgrade_tables(Connection& db) {
  db.execute(upgrade);
}

void require_layout(Connection& db, std::int64_t format) {
  // More rows than a file of ours can have are enough to know.
  Statement rows = db.prepare("SELECT sql FROM sqlite_schema LIMIT 10");
  std::vector<std::string> found;
  while (rows.step()) {
    std::string sql = canonical(rows.blob(0));
    if (!is_one_of(sql, statistics_sql)) found.push_back(std::move(sql));
  }
  const bool entries = std::erase_if(found, [&](const std::string& sql) {
                         return format == file_format ? sql == entries_sql || sql == upgraded_entries_sql
                                                      : sql == first_entries_sql;
                       }) == 1;
  std::sort(found.begin(), found.end());
  if (entries && std::equal(found.begin(), found.end(), others_sql.begin(), others_sql.end())) return;
  throw SqliteFault(SQLITE_CORRUPT, "its tables are not those that terrace makes");
}

}  // namespace terrace::database
