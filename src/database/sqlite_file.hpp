#pragma once
/// The cache file as such: which files are accepted, how a new one is laid out, and how a damaged one is put
/// aside.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <terrace/sqlite.hpp>

#include "database/sqlite_connection.hpp"

namespace terrace::database {

/// "Trce", in the header of every file of ours.
inline constexpr std::int64_t application_id = 0x54726365;
inline constexpr std::int64_t file_format = 2;

/// The file behind a path, to notice when another one has taken its place.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};
FileIdentity identity_of(const std::filesystem::path& path) noexcept;

/// Checks what can be known without touching the file. Throws ConfigError.
void check_options(const SqliteOptions& options);

/// A connection to a file of ours, made if absent. Throws ConfigError for a path or a file that cannot be
/// ours, SqliteFault for one that is ours and damaged, or busy.
std::unique_ptr<Connection> open_file(const SqliteOptions& options, const std::atomic<bool>& closing);

/// Renames the file and its WAL to `<path>.corrupt-N`, unless another process has already replaced the file.
/// No connection of this process may be open. Throws std::filesystem::filesystem_error.
void put_aside(const std::filesystem::path& path, FileIdentity damaged);

}  // namespace terrace::database
