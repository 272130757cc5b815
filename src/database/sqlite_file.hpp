#pragma once
/// The cache file itself: which files are accepted, how a new one is set up, and how a damaged one is moved
/// aside.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <terrace/sqlite.hpp>

#include "database/sqlite_connection.hpp"
#include "database/sqlite_layout.hpp"

namespace terrace::database {

/// Identifies the file behind a path, to notice that another one has replaced it.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};
FileIdentity identity_of(const std::filesystem::path& path) noexcept;

/// Checks everything that can be checked without touching the file. Throws ConfigError.
void check_options(const SqliteOptions& options);

/// A connection to a file of ours, which is created if absent (mode 0600) unless options.read_only is set.
/// Throws ConfigError for a path or file that cannot be ours, SqliteFault for one that is busy, or ours and
/// damaged or with another layout.
std::unique_ptr<Connection> open_file(const SqliteOptions& options, const std::atomic<bool>& closing);

/// Throws a SqliteFault that means damage if the tables are no longer those of the file's format.
void require_own_layout(Connection& db);

/// Renames the file and its WAL to `<path>.corrupt-N`, unless another process has already replaced the file.
/// No connection of this process may be open. The new name; empty: replaced already. Throws
/// std::filesystem::filesystem_error.
std::filesystem::path put_aside(const std::filesystem::path& path, FileIdentity damaged);

}  // namespace terrace::database
