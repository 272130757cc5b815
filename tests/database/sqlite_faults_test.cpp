/// What the SQLite tier does when the file, the disk or another process gets in its way.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <terrace/sqlite.hpp>
#include <terrace/testing.hpp>
#include <thread>

#include "database/sqlite_test.hpp"

namespace terrace::database {
namespace {

/// While it lives, files opened cannot grow: SQLITE_FULL without filling a disk.
class NoMorePages {
 public:
  NoMorePages() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(&limit)); }
  ~NoMorePages() { sqlite3_reset_auto_extension(); }
  NoMorePages(const NoMorePages&) = delete;
  NoMorePages& operator=(const NoMorePages&) = delete;

 private:
  static int limit(sqlite3* db, char**, const void*) {
    return sqlite3_exec(db, "PRAGMA max_page_count=1", nullptr, nullptr, nullptr);  // or what it has, if more
  }
};

TEST_F(SqliteFaults, ImpossibleOptionsAreRefused) {
  EXPECT_NE(refusal({}).find("path is empty"), std::string::npos);
  EXPECT_NE(refusal({.path = folder.path()}).find("is a folder"), std::string::npos);
  EXPECT_NE(refusal({.path = folder.path() / "no" / "x.db"}).find("create the folder"), std::string::npos);
  EXPECT_NE(refusal({.path = "/proc/cache.db"}).find("/proc/cache.db"), std::string::npos);
  EXPECT_NE(refusal({.path = path(), .busy_timeout = -1s}).find("busy_timeout"), std::string::npos);
  EXPECT_NE(refusal({.path = path(), .purge_interval = 0s}).find("purge_interval"), std::string::npos);
  EXPECT_NE(refusal({.path = path(), .max_value_bytes = 0}).find("max_value_bytes"), std::string::npos);
  EXPECT_NE(refusal({.path = path(), .max_value_bytes = 1U << 30}).find("max_value_bytes"),
            std::string::npos);
  EXPECT_NE(refusal({.path = path(), .clock = nullptr}).find("clock"), std::string::npos);
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(SqliteFaults, ForeignFilesAreRefusedAndLeftAlone) {
  { Raw(path()).run("CREATE TABLE diary(entry TEXT); INSERT INTO diary VALUES('dear diary')"); }
  EXPECT_NE(refusal({.path = path()}).find(path().string() + " is another program's SQLite file"),
            std::string::npos);
  const fs::path text = folder.path() / "notes.txt";
  std::ofstream(text) << std::string(5000, 'n');
  EXPECT_NE(refusal({.path = text}).find("is not a SQLite file"), std::string::npos);
  EXPECT_EQ(fs::file_size(text), 5000U);
  const auto files = std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
  EXPECT_EQ(files, 2);  // nothing was put aside or beside them
}

TEST_F(SqliteFaults, NewerFormatsAreRefused) {
  make()->close();
  { Raw(path()).run("PRAGMA user_version=3"); }
  const std::string why = refusal({.path = path()});
  EXPECT_NE(why.find("file format 3"), std::string::npos) << why;
  EXPECT_NE(why.find("another path"), std::string::npos) << why;
}

TEST_F(SqliteFaults, FilesOfTheFirstFormatAreBroughtUpToDate) {
  Raw(path()).run(
      "PRAGMA journal_mode=WAL; PRAGMA application_id=1416782693; PRAGMA user_version=1;"
      "CREATE TABLE entries(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, expires INTEGER NOT NULL,"
      "  value BLOB NOT NULL);"
      "CREATE INDEX entries_by_expiry ON entries(expires);"
      "CREATE TABLE totals(entries INTEGER NOT NULL, bytes INTEGER NOT NULL);"
      "INSERT INTO entries VALUES(1, x'61', 9223372036854775807, x'6f6c64');"
      "INSERT INTO totals VALUES(1, 68);");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(get(*make({.busy_timeout = 20s}), "a").value(), "old"); });
  }
  for (auto& thread : threads) thread.join();
  const auto tier = make();
  ASSERT_TRUE(set_many(*tier, {{"a", "new", {}, 1}})[0].has_value());
  ASSERT_TRUE(set_many(*tier, {{"a", "late", {}, 1}})[0].has_value());
  EXPECT_EQ(get(*tier, "a").value(), "new");
  EXPECT_EQ(tier->stats().bytes, 68U);
}

TEST_F(SqliteFaults, ReadOnlyFilesAreRefused) {
  make()->close();
  if (::geteuid() != 0) {
    fs::permissions(path(), fs::perms::owner_read);
    EXPECT_NE(refusal({.path = path()}).find("writable"), std::string::npos);
  }
  // Root may write everywhere but here.
  EXPECT_NE(refusal({.path = "/proc/version"}).find("/proc/version"), std::string::npos);
}

TEST_F(SqliteFaults, F46_ADamagedFileIsPutAsideWhenOpened) {
  {
    const auto tier = make();
    fill(*tier, 1000);
  }
  scribble(100);  // behind the file's header: still ours, but its first page is rubbish
  const auto tier = make();
  EXPECT_EQ(tier->sqlite_stats().quarantined, 1U);
  EXPECT_TRUE(fs::exists(beside(".corrupt-1")));
  EXPECT_EQ(get(*tier, "key1").value(), std::nullopt);
  EXPECT_TRUE(set(*tier, "a", "1").has_value());
  EXPECT_EQ(get(*tier, "a").value(), "1");
}

TEST_F(SqliteFaults, F46_DamageFoundLaterIsPutAsideAndBegunAnew) {
  {
    const auto tier = make();
    fill(*tier, 3000);
  }
  scribble(8 * 4096);
  const auto tier = make();
  EXPECT_EQ(tier->sqlite_stats().quarantined, 0U);
  int errors = 0;
  for (int i = 0; i < 3000; ++i) {
    const Result<Found> found = get(*tier, "key" + std::to_string(i));
    if (!found) {
      ++errors;
      EXPECT_EQ(found.error(), Errc::corrupt) << found.error().message();
    }
  }
  EXPECT_GE(errors, 1);
  EXPECT_EQ(tier->sqlite_stats().quarantined, 1U);
  EXPECT_TRUE(fs::exists(beside(".corrupt-1")));
  EXPECT_TRUE(set(*tier, "a", "1").has_value());
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(tier->stats().entries, 1U);
}

TEST_F(SqliteFaults, F46_AWriteThatMeetsDamageGoesToTheNewFile) {
  {
    const auto tier = make();
    fill(*tier, 3000);
  }
  scribble(8 * 4096);
  const auto tier = make();
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(set(*tier, "key" + std::to_string(i), "new").has_value());
  EXPECT_EQ(tier->sqlite_stats().quarantined, 1U);
  EXPECT_EQ(get(*tier, "key2999").value(), "new");
}

TEST_F(SqliteFaults, OnlyTheLastThreeDamagedFilesAreKept) {
  for (int i = 0; i < 5; ++i) {
    make()->close();
    scribble(100);
  }
  make()->close();
  EXPECT_FALSE(fs::exists(beside(".corrupt-2")));
  EXPECT_TRUE(fs::exists(beside(".corrupt-3")));
  EXPECT_TRUE(fs::exists(beside(".corrupt-5")));
}

TEST_F(SqliteFaults, AFileThatWasRemovedIsReplaced) {
  const auto tier = make({.purge_interval = 5ms});
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(beside(suffix));
  const TimePoint limit = soon();
  while (!fs::exists(path()) && system_clock().now() < limit) std::this_thread::yield();
  EXPECT_TRUE(set(*tier, "b", "2").has_value());
  EXPECT_EQ(get(*tier, "b").value(), "2");
  EXPECT_EQ(get(*make(), "b").value(), "2");
}

TEST_F(SqliteFaults, ARemovedFileIsReplacedWithinAboutASecondOfUse) {
  for (const bool reads : {false, true}) {
    const auto tier = make();
    ASSERT_TRUE(set(*tier, "a", "1").has_value());
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(beside(suffix));
    const TimePoint limit = soon();
    while (!fs::exists(path()) && system_clock().now() < limit) {
      if (reads) {
        (void)get(*tier, "a");
      } else {
        (void)set(*tier, "x", "1");
      }
    }
    EXPECT_EQ(get(*tier, "a").value(), std::nullopt);  // its entries went with the file
    ASSERT_TRUE(set(*tier, "b", "2").has_value());
    EXPECT_EQ(get(*make(), "b").value(), "2");
  }
}

TEST_F(SqliteFaults, F46_AWriterBesideDoesNotHinderTheOpening) {
  ASSERT_TRUE(set(*make(), "a", "1").has_value());
  Raw other(path());
  other.run("BEGIN IMMEDIATE");
  const auto tier = make({.busy_timeout = 50ms});
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(tier->stats().entries, 1U);
  EXPECT_EQ(set(*tier, "b", "2").error(), Errc::unavailable);
  other.run("COMMIT");
  EXPECT_TRUE(set(*tier, "b", "2").has_value());
}

TEST_F(SqliteFaults, F46_AFileThatIsLockedIsOpenedLater) {
  Raw other(path());
  other.run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE");
  const auto tier = make({.busy_timeout = 50ms});
  const Result<Found> found = get(*tier, "a");
  EXPECT_EQ(found.error(), Errc::unavailable) << found.error().message();
  EXPECT_NE(found.error().context.find(path().string()), std::string::npos) << found.error().message();
  EXPECT_EQ(set(*tier, "a", "1").error(), Errc::unavailable);
  EXPECT_EQ(tier->stats().errors, 1U);
  EXPECT_EQ(tier->stats().write_errors, 1U);
  other.run("COMMIT; PRAGMA locking_mode=NORMAL; SELECT count(*) FROM sqlite_schema");
  const TimePoint limit = soon();
  while (!set(*tier, "a", "1") && system_clock().now() < limit) {
  }
  EXPECT_EQ(get(*tier, "a").value(), "1");
}

TEST_F(SqliteFaults, TheLogSaysWhatHappensToTheFile) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  make()->close();
  scribble(100);
  {
    const auto tier = make();
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(beside(suffix));
    const TimePoint limit = soon();
    while (tier->sqlite_stats().reopened == 0 && system_clock().now() < limit) (void)get(*tier, "a");
  }
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(beside(suffix));
  {
    Raw other(path());
    other.run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE");
    const auto tier = make({.busy_timeout = 10ms});
    EXPECT_EQ(tier->stats().reachable, false);
    other.run("COMMIT; PRAGMA locking_mode=NORMAL; SELECT count(*) FROM sqlite_schema");
    const TimePoint limit = soon();
    while (!get(*tier, "a") && system_clock().now() < limit) {
    }
  }
  spdlog::set_default_logger(before);
  const std::string name = "SQLite " + path().string();
  EXPECT_NE(log.str().find(name + " is replaced by an empty cache: "), std::string::npos) << log.str();
  EXPECT_NE(log.str().find("it was renamed to " + beside(".corrupt-1").string()), std::string::npos);
  EXPECT_NE(log.str().find(name + " was removed or replaced"), std::string::npos) << log.str();
  EXPECT_NE(log.str().find(name + " is away: "), std::string::npos) << log.str();
  EXPECT_NE(log.str().find(name + " is back"), std::string::npos) << log.str();
}

TEST_F(SqliteFaults, TwoTiersShareAFile) {
  const auto one = make({.max_bytes = 0});
  const auto two = make({.max_bytes = 0, .busy_timeout = 20s});
  std::thread other([&] {
    for (int i = 0; i < 300; ++i) EXPECT_TRUE(set(*two, "two" + std::to_string(i), "2").has_value());
  });
  for (int i = 0; i < 300; ++i) {
    const Result<void> result = set(*one, "one" + std::to_string(i), "1");
    EXPECT_TRUE(result.has_value() || result.error() == Errc::unavailable);
  }
  other.join();
  EXPECT_EQ(get(*one, "two299").value(), "2");
  ASSERT_TRUE(set(*one, "one", "1").has_value());
  EXPECT_EQ(get(*two, "one").value(), "1");
  ASSERT_TRUE(set(*two, "last", "1").has_value());
  EXPECT_EQ(one->stats().entries.value() + 1, two->stats().entries.value());
}

TEST_F(SqliteFaults, ManyMayOpenANewFileAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      const auto tier = make({.busy_timeout = 20s});
      EXPECT_TRUE(set(*tier, std::to_string(i), "v").has_value());
    });
  }
  for (auto& thread : threads) thread.join();
  const auto tier = make();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(get(*tier, std::to_string(i)).value(), "v");
}

TEST_F(SqliteFaults, F46_ALockHeldByAnotherCostsAtMostTheBusyTimeout) {
  const auto tier = make({.busy_timeout = 50ms});
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  Raw other(path());
  other.run("BEGIN IMMEDIATE");
  const TimePoint start = system_clock().now();
  const Result<void> result = set(*tier, "a", "2");
  EXPECT_EQ(result.error(), Errc::unavailable) << result.error().message();
  EXPECT_NE(result.error().context.find(path().string()), std::string::npos);
  EXPECT_GE(system_clock().now() - start, 50ms);
  EXPECT_EQ(get(*tier, "a").value(), "1");  // reads go on
  other.run("COMMIT");
  EXPECT_TRUE(set(*tier, "a", "3").has_value());
  EXPECT_EQ(tier->stats().write_errors, 1U);
}

TEST_F(SqliteFaults, DeadlinesAreKeptWhileTheWriterWaitsForALock) {
  const auto tier = make({.busy_timeout = 20s});
  Raw other(path());
  other.run("BEGIN IMMEDIATE");
  // The first is being worked on when its deadline passes, the second is still queued.
  for (const Duration patience : {50ms, 20ms}) {
    const TimePoint by = system_clock().now() + patience;
    EXPECT_EQ(set(*tier, "a", "1", {}, by).error(), Errc::timed_out);
    const Duration late = system_clock().now() - by;
    EXPECT_GE(late, Duration::zero());
    EXPECT_LT(late, 200ms);  // 10 ms are promised; a loaded machine may take longer
  }
  EXPECT_EQ(get(*tier, "a").value(), std::nullopt);
  other.run("COMMIT");
  EXPECT_TRUE(set(*tier, "b", "1").has_value());
}

TEST_F(SqliteFaults, CloseDoesNotWaitForALockHeldByAnother) {
  const auto tier = make({.busy_timeout = 1h});
  Raw other(path());
  other.run("BEGIN IMMEDIATE");
  std::atomic<int> shut{0};
  for (int i = 0; i < 3; ++i) {
    tier->set("a", "1", {}, no_deadline,
              [&](const Result<void>& result) { shut += result.error() == Errc::shutdown; });
  }
  tier->close();
  EXPECT_EQ(shut, 3);
}

TEST_F(SqliteFaults, F46_AFullFileRefusesSetsAndStillErases) {
  {
    const auto tier = make();
    fill(*tier, 100);
  }
  const NoMorePages no_more_pages;
  const auto tier = make();
  const std::string big(200'000, 'b');
  const Result<void> result = set(*tier, "big", big);
  EXPECT_EQ(result.error(), Errc::io_error);
  EXPECT_NE(result.error().context.find("no space"), std::string::npos) << result.error().message();
  EXPECT_EQ(get(*tier, "key1").value(), std::string(500, 'v'));
  EXPECT_TRUE(erase(*tier, "key1").value());
  const auto each = set_many(*tier, {{"small", "1", {}}, {"big", big, {}}, {"small2", "1", {}}});
  EXPECT_TRUE(each[0].has_value());
  EXPECT_EQ(each[1].error(), Errc::io_error);
  EXPECT_TRUE(each[2].has_value());
}

/// The test program again as another process, which writes until it is killed.
TEST_F(SqliteFaults, AKilledWriterLeavesAReadableFile) {
  const auto tier = make({.busy_timeout = 20s});
  for (int round = 0; round < 5; ++round) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::dup2(pipe[1], STDOUT_FILENO);
      ::setenv("TERRACE_SQLITE_WRITER", path().c_str(), 1);
      ::execl("/proc/self/exe", "sqlite_test", "--gtest_filter=SqliteWriter.*", nullptr);
      ::_exit(127);
    }
    ::close(pipe[1]);
    // A mark for every acknowledged write: kill it in the middle of them.
    std::size_t acknowledged = 0;
    char mark = 0;
    while (acknowledged < 50U + 37U * static_cast<unsigned>(round) && ::read(pipe[0], &mark, 1) == 1) {
      if (mark == '+') ++acknowledged;
    }
    ::kill(child, SIGKILL);
    while (::read(pipe[0], &mark, 1) == 1) {
      if (mark == '+') ++acknowledged;
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    for (std::size_t i = 0; i < acknowledged; ++i) {
      ASSERT_TRUE(get(*tier, "w" + std::to_string(i)).value().has_value()) << i;
    }
    ASSERT_TRUE(set(*tier, "mine", "1").has_value());
    EXPECT_EQ(get(*make(), "mine").value(), "1");
    EXPECT_EQ(erase_prefix(*tier, "w").value() >= acknowledged, true);
  }
  EXPECT_EQ(tier->sqlite_stats().quarantined, 0U);
}

TEST(SqliteWriter, WritesUntilKilled) {
  const char* file = std::getenv("TERRACE_SQLITE_WRITER");
  if (file == nullptr) return;
  const auto tier = make_sqlite_tier({.path = file, .busy_timeout = 20s});
  for (int i = 0;; ++i) {
    if (!set(*tier, "w" + std::to_string(i), std::string(300, 'w'))) ::_exit(1);
    if (::write(STDOUT_FILENO, "+", 1) != 1) ::_exit(2);
  }
}

TEST_F(SqliteFaults, F40_AChildOfForkIsToldWhatToDo) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int verdict = 1;
    tier->get("a", no_deadline, [&](const Result<Found>& found) {
      if (!found && found.error() == Errc::unavailable &&
          found.error().context.find("fork") != std::string::npos) {
        verdict = 0;
      }
    });
    tier->close();
    ::_exit(verdict);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(get(*tier, "a").value(), "1");
}

}  // namespace
}  // namespace terrace::database
