/// A cache file that is only read: baked into an image, on a read-only file system, or written by another process.

#include <sys/wait.h>
#include <unistd.h>

#include "database/sqlite_test.hpp"

namespace terrace::database {
namespace {

class SqliteReadOnly : public SqliteFaults {
 protected:
  std::shared_ptr<SqliteTier> make_reader() { return make({.busy_timeout = 20s, .read_only = true}); }
};

TEST_F(SqliteReadOnly, ServesReadsAndRefusesWrites) {
  ASSERT_TRUE(set(*make(), "a", "1").has_value());
  const auto tier = make_reader();
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(get(*tier, "b").value(), std::nullopt);
  EXPECT_EQ(tier->stats().entries, 1U);
  const Result<void> refused = set(*tier, "a", "2");
  EXPECT_EQ(refused.error(), Errc::denied);
  EXPECT_NE(refused.error().context.find("opened only to read"), std::string::npos)
      << refused.error().message();
  EXPECT_EQ(erase(*tier, "a").error(), Errc::denied);
  EXPECT_EQ(erase_prefix(*tier, "a").error(), Errc::denied);
  EXPECT_EQ(set_many(*tier, {{"", "1", {}}, {"c", "1", {}}})[0].error(), Errc::invalid_key);
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(tier->stats().write_errors, 5U);
}

TEST_F(SqliteReadOnly, SeesWhatAnotherProcessWrites) {
  const auto writer = make();
  ASSERT_TRUE(set(*writer, "a", "1").has_value());
  const auto tier = make_reader();
  ASSERT_TRUE(set(*writer, "a", "2").has_value());
  EXPECT_EQ(get(*tier, "a").value(), "2");
}

TEST_F(SqliteReadOnly, FollowsAFileThatIsReplaced) {
  ASSERT_TRUE(set(*make(), "a", "1").has_value());
  const auto tier = make_reader();
  EXPECT_EQ(get(*tier, "a").value(), "1");
  const fs::path other = folder.path() / "other.db";
  ASSERT_TRUE(set(*make_sqlite_tier({.path = other}), "a", "2").has_value());
  fs::rename(other, path());
  const TimePoint limit = soon();
  while (get(*tier, "a").value() != "2" && system_clock().now() < limit) {
  }
  EXPECT_EQ(get(*tier, "a").value(), "2");
  EXPECT_EQ(tier->sqlite_stats().reopened, 1U);
}

TEST_F(SqliteReadOnly, MakesNoFileAndRefusesWhatIsNoCache) {
  EXPECT_NE(refusal({.path = path(), .read_only = true}).find("does not exist"), std::string::npos);
  EXPECT_FALSE(fs::exists(path()));
  std::ofstream(path()).close();
  EXPECT_NE(refusal({.path = path(), .read_only = true}).find("is empty"), std::string::npos);
  { Raw(path()).run("CREATE TABLE diary(entry TEXT)"); }
  EXPECT_NE(refusal({.path = path(), .read_only = true}).find("another program's"), std::string::npos);
}

TEST_F(SqliteReadOnly, ADamagedFileIsRefusedAndStays) {
  {
    const auto tier = make();
    fill(*tier, 1000);
  }
  scribble(100);
  EXPECT_NE(refusal({.path = path(), .read_only = true}).find(path().string()), std::string::npos);
  EXPECT_TRUE(fs::exists(path()));
  EXPECT_FALSE(fs::exists(beside(".corrupt-1")));
}

/// The test program again, as a user who may write neither the file nor its folder.
TEST_F(SqliteReadOnly, AFileInAFolderThatCannotBeWrittenIsRead) {
  ASSERT_TRUE(set(*make(), "a", "1").has_value());
  for (const bool leftover_wal : {false, true}) {
    fs::permissions(folder.path(), fs::perms(0755));
    if (leftover_wal) std::ofstream(beside("-wal")) << std::string(5000, 'w');
    fs::permissions(path(), fs::perms(0444));
    fs::permissions(folder.path(), fs::perms(0555));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(126);
      ::setenv("TERRACE_SQLITE_READER", path().c_str(), 1);
      ::setenv("TERRACE_SQLITE_LEFTOVER", leftover_wal ? "1" : "", 1);
      ::execl("/proc/self/exe", "sqlite_test", "--gtest_filter=SqliteReader.*", nullptr);
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  fs::permissions(folder.path(), fs::perms(0755));
}

TEST(SqliteReader, ReadsWhatItMayNotWrite) {
  const char* file = std::getenv("TERRACE_SQLITE_READER");
  if (file == nullptr) return;
  const bool leftover_wal = std::string_view(std::getenv("TERRACE_SQLITE_LEFTOVER")) == "1";
  try {
    make_sqlite_tier({.path = file});
    ADD_FAILURE() << "it was opened to write";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string_view(error.what()).find("read_only"), std::string_view::npos) << error.what();
  }
  try {
    const auto tier = make_sqlite_tier({.path = file, .read_only = true});
    EXPECT_FALSE(leftover_wal);
    EXPECT_EQ(get(*tier, "a").value(), "1");
    EXPECT_EQ(set(*tier, "a", "2").error(), Errc::denied);
  } catch (const ConfigError& error) {
    EXPECT_TRUE(leftover_wal) << error.what();
    EXPECT_NE(std::string_view(error.what()).find("-wal"), std::string_view::npos) << error.what();
  }
}

}  // namespace
}  // namespace terrace::database
