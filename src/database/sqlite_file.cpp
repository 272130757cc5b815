#include "database/sqlite_file.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <system_error>
#include <thread>

namespace terrace::database {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_value_limit = std::size_t{512} << 20;
constexpr unsigned kept_aside = 3;
constexpr const char* or_only_to_read = ", or open it only to read (read_only; in a URL mode=ro)";
/// A file of ours needs few instructions to be opened: nothing that depends on its size. Time in the operating
/// system does not count.
constexpr Duration opening_limit = std::chrono::seconds(2);

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw ConfigError("SqliteOptions::path " + path.string() + " " + why);
}

enum class Owner { nobody, older_terrace, terrace };

/// Throws ConfigError for a file that is not ours, or has an unknown format.
Owner owner_of(Connection& db, const fs::path& path) {
  std::int64_t id = 0;
  std::int64_t format = 0;
  try {
    id = db.integer("PRAGMA application_id");
    format = db.integer("PRAGMA user_version");
  } catch (const SqliteFault& fault) {
    if (!fault.means_damage()) throw;
    refuse(path, "is not a SQLite file: give the cache a path of its own, or remove that file");
  }
  if (id != application_id) {
    bool empty = false;
    try {
      empty = id == 0 && format == 0 && db.integer("SELECT count(*) FROM sqlite_schema") == 0;
    } catch (const SqliteFault& fault) {
      if (!fault.means_damage()) throw;
    }
    if (empty) return Owner::nobody;
    refuse(path, "is another program's SQLite file: give the cache a path of its own");
  }
  if (format == file_format - 1) return Owner::older_terrace;
  if (format != file_format) {
    refuse(path, "is a cache of file format " + std::to_string(format) + ", this terrace knows " +
                     std::to_string(file_format) +
                     ": give it another path, or remove the file (it is only a cache)");
  }
  return Owner::terrace;
}

/// owner_of(), repeated in one read transaction if the answer is no: another process may have created the
/// tables between its queries. Not in the transaction at first, because its lock would hinder the process
/// that is creating them.
Owner owner_for_certain(Connection& db, const fs::path& path) {
  try {
    return owner_of(db, path);
  } catch (const ConfigError&) {
    db.execute("BEGIN");
  }
  try {
    const Owner owner = owner_of(db, path);
    db.rollback();
    return owner;
  } catch (...) {
    db.rollback();
    throw;
  }
}

/// Creates the tables of an empty file, or upgrades an older one; another process may be doing the same.
void lay_out(Connection& db, const fs::path& path) {
  db.execute("PRAGMA auto_vacuum=NONE");
  db.execute("BEGIN IMMEDIATE");
  try {
    const Owner owner = owner_of(db, path);
    if (owner == Owner::older_terrace) {
      require_layout(db, file_format - 1);
      upgrade_tables(db);
    }
    if (owner == Owner::nobody) make_tables(db);
    if (owner != Owner::terrace) {
      db.execute(("PRAGMA application_id=" + std::to_string(application_id)).c_str());
      db.execute(("PRAGMA user_version=" + std::to_string(file_format)).c_str());
    }
    db.execute("COMMIT");
  } catch (...) {
    db.rollback();
    throw;
  }
}

const char* synchronous(SqliteDurability durability) {
  switch (durability) {
    case SqliteDurability::fast:
      return "PRAGMA synchronous=OFF";
    case SqliteDurability::safe:
      return "PRAGMA synchronous=NORMAL";
    case SqliteDurability::durable:
      return "PRAGMA synchronous=FULL";
  }
  throw ConfigError("SqliteOptions::durability is not one of fast, safe, durable");
}

/// Only what is a file, or is not there, is opened: a FIFO or a device could block or never end.
void require_file(const fs::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || S_ISREG(found.st_mode)) return;
  refuse(path, S_ISDIR(found.st_mode) ? "is a folder: name a file in it"
                                      : "is no regular file: give the cache a path of its own");
}

/// The number of `<name>.corrupt-<number>`; 0: not such a name.
unsigned number_aside(const std::string& file, const std::string& prefix) {
  unsigned number = 0;
  if (!file.starts_with(prefix)) return 0;
  const char* end = file.data() + file.size();
  const auto parsed = std::from_chars(file.data() + prefix.size(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end ? number : 0;
}

}  // namespace

FileIdentity identity_of(const fs::path& path) noexcept {
  struct stat found {};
  // Never open() it: closing any descriptor of the file would release SQLite's POSIX locks on it.
  if (::stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

void check_options(const SqliteOptions& options) {
  const fs::path& path = options.path;
  if (path.empty()) throw ConfigError("SqliteOptions::path is empty: name the file of the cache");
  if (options.busy_timeout < Duration::zero()) throw ConfigError("SqliteOptions::busy_timeout is negative");
  if (options.purge_interval <= Duration::zero()) {
    throw ConfigError("SqliteOptions::purge_interval must be more than 0");
  }
  if (options.max_value_bytes == 0 || options.max_value_bytes > max_value_limit) {
    throw ConfigError("SqliteOptions::max_value_bytes is " + std::to_string(options.max_value_bytes) +
                      ": it must be 1 … " + std::to_string(max_value_limit));
  }
  if (options.clock == nullptr) throw ConfigError("SqliteOptions::clock is null");
  std::error_code ignored;
  require_file(path);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (!fs::is_directory(folder, ignored))
    refuse(path, "cannot be made: create the folder " + folder.string());
}

void require_own_layout(Connection& db) {
  db.execute("BEGIN");  // format and tables from one state of the file: another process may be upgrading it
  try {
    require_layout(db, db.integer("PRAGMA user_version"));
  } catch (...) {
    db.rollback();
    throw;
  }
  db.rollback();
}

namespace {

/// SQLite makes files with the mode of the umask, and the files beside them with the mode of the file. mknod()
/// because a file must not be opened and closed again: that would release SQLite's locks on it.
void make_private_file(const fs::path& path) {
  if (::mknod(path.c_str(), S_IFREG | S_IRUSR | S_IWUSR, 0) == 0) return;
  const int number = errno;
  std::error_code ignored;
  if (number != EEXIST) {
    refuse(path, "cannot be made: " + std::generic_category().message(number) +
                     ": check that the folder is writable and not full");
  }
  if (fs::is_symlink(fs::symlink_status(path, ignored)) && !fs::exists(path, ignored)) {
    refuse(path, "is a symbolic link to a file that does not exist: make that file, or remove the link");
  }
}

std::unique_ptr<Connection> connect(const SqliteOptions& options, Access access,
                                    const std::atomic<bool>& closing) {
  auto db = std::make_unique<Connection>(options.path, access, options.busy_timeout, closing);
  db->give_up_at(system_clock().now() + opening_limit);
  return db;
}

std::unique_ptr<Connection> open_to_write(const SqliteOptions& options, const std::atomic<bool>& closing) {
  const fs::path& path = options.path;
  make_private_file(path);
  auto db = connect(options, Access::read_write, closing);
  // Checked first: only a file of ours counts as damaged.
  const Owner owner = owner_for_certain(*db, path);
  db->execute(synchronous(options.durability));
  if (owner != Owner::terrace) lay_out(*db, path);
  if (db->read_only()) {
    refuse(path,
           std::string("is not writable: grant the permission, or choose another path") + or_only_to_read);
  }
  if (db->text("PRAGMA journal_mode=WAL") != "wal") {
    refuse(path, "cannot be used in WAL mode: choose a path on a local file system");
  }
  db->execute("PRAGMA secure_delete=OFF");
  return db;
}

/// A file that no process writes can be read although SQLite may make nothing beside it.
std::unique_ptr<Connection> open_to_read(const SqliteOptions& options, const std::atomic<bool>& closing) {
  const fs::path& path = options.path;
  std::error_code error;
  if (!fs::exists(path, error)) refuse(path, "does not exist, and read_only (mode=ro) makes no file");
  const auto open_with = [&](Access access) {
    auto db = connect(options, access, closing);
    if (owner_for_certain(*db, path) == Owner::nobody)
      refuse(path, "is empty: it is no cache that can be read");
    return db;
  };
  try {
    return open_with(Access::read_only);
  } catch (const SqliteFault& fault) {
    if (!fault.means_no_access()) throw;
  }
  const fs::path wal = fs::path(path) += "-wal";
  if (fs::exists(wal, error) && fs::file_size(wal, error) != 0) {
    refuse(path, "cannot be read here: its newest entries are in " + wal.string() +
                     ", which needs a writable folder. Close the tier that wrote it, then copy the file");
  }
  return open_with(Access::immutable);
}

std::unique_ptr<Connection> open_once(const SqliteOptions& options, const std::atomic<bool>& closing) {
  const fs::path& path = options.path;
  require_file(path);
  try {
    auto db = options.read_only ? open_to_read(options, closing) : open_to_write(options, closing);
    require_own_layout(*db);
    db->execute("PRAGMA cache_size=-8192");
    return db;
  } catch (const SqliteFault& fault) {
    if (fault.means_interrupted()) throw SqliteFault(SQLITE_CORRUPT, "it takes too long to read its tables");
    if (fault.means_damage() || fault.means_busy()) throw;
    refuse(path, std::string("cannot be used: ") + fault.what() +
                     ": check that the folder is writable and not full" +
                     (fault.means_no_access() && !options.read_only ? or_only_to_read : ""));
  }
}

}  // namespace

std::unique_ptr<Connection> open_file(const SqliteOptions& options, const std::atomic<bool>& closing) {
  const TimePoint deadline = after(system_clock().now(), options.busy_timeout);
  while (true) {
    try {
      return open_once(options, closing);
    } catch (const SqliteFault& fault) {
      // While another process turns WAL on, SQLite returns busy without waiting for the busy timeout.
      if (!fault.means_busy() || closing || system_clock().now() >= deadline) throw;
    }
    std::this_thread::yield();
  }
}

fs::path put_aside(const fs::path& path, FileIdentity damaged) {
  if (identity_of(path) != damaged) return {};
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const std::string prefix = path.filename().string() + ".corrupt-";
  unsigned last = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    last = std::max(last, number_aside(entry.path().filename().string(), prefix));
  }
  const auto aside = [&](unsigned number) { return folder / (prefix + std::to_string(number)); };
  fs::rename(path, aside(last + 1));
  std::error_code ignored;
  fs::rename(fs::path(path) += "-wal", aside(last + 1) += "-wal", ignored);
  fs::remove(fs::path(path) += "-shm", ignored);
  if (last >= kept_aside) {
    fs::remove(aside(last + 1 - kept_aside), ignored);
    fs::remove(aside(last + 1 - kept_aside) += "-wal", ignored);
  }
  return aside(last + 1);
}

}  // namespace terrace::database
