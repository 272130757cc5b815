#pragma once
/// The tables of a cache file, and the check that a file has exactly these. A file is input: a trigger, a view
/// or a generated column in it would be code that runs inside our statements.

#include <cstdint>

#include "database/sqlite_connection.hpp"

namespace terrace::database {

/// "Trce", in the header of every file of ours.
inline constexpr std::int64_t application_id = 0x54726365;
inline constexpr std::int64_t file_format = 2;

/// Makes the tables in an empty file. Inside a write transaction.
void make_tables(Connection& db);

/// From format 1 to format 2; takes the same time for a file of any size. Inside a write transaction.
void upgrade_tables(Connection& db);

/// Throws a SqliteFault that means damage if the file has other tables, indexes, triggers or views than
/// terrace makes in this format. The tables of ANALYZE may be there, too.
void require_layout(Connection& db, std::int64_t format);

}  // namespace terrace::database
