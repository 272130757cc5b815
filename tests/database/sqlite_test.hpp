#pragma once
/// A folder for one cache file, and another program's connection to that file.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <terrace/sqlite.hpp>

#include "database/blocking.hpp"

namespace terrace::database {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class SqliteFaults : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path path() const { return folder.path() / "cache.db"; }
  [[nodiscard]] fs::path beside(const std::string& suffix) const { return fs::path(path()) += suffix; }

  std::shared_ptr<SqliteTier> make(SqliteOptions options = {}) {
    options.path = path();
    return make_sqlite_tier(options);
  }

  /// What the ConfigError says.
  std::string refusal(SqliteOptions options) {
    try {
      make_sqlite_tier(options);
    } catch (const ConfigError& error) {
      return error.what();
    }
    ADD_FAILURE() << "accepted: " << options.path;
    return {};
  }

  void fill(Tier& tier, int count, std::size_t size = 500) {
    const std::string value(size, 'v');
    std::vector<std::string> keys;
    std::vector<TierWrite> writes;
    for (int i = 0; i < count; ++i) keys.push_back("key" + std::to_string(i));
    for (const auto& key : keys) writes.push_back({key, value, {}});
    for (const auto& result : set_many(tier, writes))
      ASSERT_TRUE(result.has_value()) << result.error().message();
  }

  void scribble(std::size_t from) {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    const auto size = fs::file_size(path());
    ASSERT_GT(size, from);
    file.seekp(static_cast<std::streamoff>(from));
    file << std::string(size - from, '\xa5');
  }

  TemporaryFolder folder;
};

/// Another program's connection.
class Raw {
 public:
  explicit Raw(const fs::path& path) { EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK); }
  ~Raw() { sqlite3_close(db_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  void run(const char* sql) {
    char* why = nullptr;
    EXPECT_EQ(sqlite3_exec(db_, sql, nullptr, nullptr, &why), SQLITE_OK) << why;
    sqlite3_free(why);
  }

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace terrace::database
