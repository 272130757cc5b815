/// Files that an attacker has placed or changed: they give nothing away, hang nothing, and end no program.

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "database/sqlite_connection.hpp"
#include "database/sqlite_test.hpp"

namespace terrace::database {
namespace {

constexpr const char* endless =
    "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c)";

class SqliteAttack : public SqliteFaults {
 protected:
  /// A file of ours with one entry, changed by someone else.
  void make_changed(const std::string& sql) {
    const auto tier = make();
    ASSERT_TRUE(set(*tier, "old", "1").has_value());
    tier->close();
    Raw(path()).run(sql.c_str());
  }

  static void closes_at_once(SqliteTier& tier) {
    const TimePoint start = system_clock().now();
    tier.close();
    EXPECT_LT(system_clock().now() - start, 1s);
  }

  static mode_t mode_of(const fs::path& file) {
    struct stat found {};
    EXPECT_EQ(::lstat(file.c_str(), &found), 0) << file;
    return found.st_mode & 07777;
  }
};

struct Change {
  const char* name;
  std::string sql;
};
void PrintTo(const Change& change, std::ostream* out) {
  *out << change.name;
}

class SqliteLayouts : public SqliteAttack, public ::testing::WithParamInterface<Change> {};

TEST_P(SqliteLayouts, A08_AFileWithAnotherLayoutIsPutAside) {
  make_changed(GetParam().sql);
  const auto tier = make();
  const TimePoint by = after(system_clock().now(), 2s);
  EXPECT_TRUE(set(*tier, "new", "2", {}, by).has_value());
  EXPECT_EQ(get(*tier, "new", by).value(), "2");
  EXPECT_EQ(get(*tier, "old", by).value(), std::nullopt);
  EXPECT_TRUE(erase(*tier, "new", by).value());
  EXPECT_EQ(tier->sqlite_stats().quarantined, 1U);
  EXPECT_TRUE(fs::exists(beside(".corrupt-1")));
  closes_at_once(*tier);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, SqliteLayouts,
    ::testing::Values(
        Change{"TriggerOfInsert", std::string("CREATE TRIGGER t AFTER INSERT ON entries BEGIN UPDATE totals "
                                              "SET bytes = ") +
                                      endless + "; END"},
        Change{"TriggerOfDelete", std::string("CREATE TRIGGER t BEFORE DELETE ON entries BEGIN UPDATE totals "
                                              "SET bytes = ") +
                                      endless + "; END"},
        Change{"ViewOfTotals", std::string("DROP TABLE totals; CREATE VIEW totals AS SELECT 0 AS entries, ") +
                                   endless + " AS bytes"},
        Change{"ViewOfEntries",
               std::string(
                   "ALTER TABLE entries RENAME TO real; CREATE VIEW entries AS SELECT id, key, expires, ") +
                   endless + " AS version, value FROM real"},
        Change{"ViewOfItsOwn", std::string("CREATE VIEW v AS SELECT ") + endless},
        Change{"GeneratedColumn", "ALTER TABLE entries ADD COLUMN more AS (hex(zeroblob(500000000)))"},
        Change{"GeneratedColumnInPlace",
               "DROP TABLE totals; CREATE TABLE totals(entries INTEGER NOT NULL, bytes AS "
               "(length(zeroblob(9))))"},
        Change{"IndexOfAnExpression", "CREATE INDEX more ON entries(hex(value))"},
        Change{"PartialIndex", "CREATE INDEX more ON entries(key) WHERE length(value) > 5"},
        Change{"NoIndex", "DROP INDEX entries_by_expiry"},
        Change{"OtherColumns", "ALTER TABLE entries ADD COLUMN note TEXT"},
        Change{"Check",
               "DROP TABLE totals; CREATE TABLE totals(entries INTEGER NOT NULL CHECK(entries < 1), "
               "bytes INTEGER NOT NULL); INSERT INTO totals VALUES(0, 0)"},
        Change{"AnotherTable", "CREATE TABLE more(x)"},
        Change{"VirtualTable", "CREATE VIRTUAL TABLE more USING fts5(x)"},
        Change{"NoTables", "DROP TABLE entries; DROP TABLE totals"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST_F(SqliteAttack, A08_ATriggerMadeWhileTheFileIsOpenDoesNotRun) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  Raw(path()).run((std::string("CREATE TRIGGER t AFTER INSERT ON entries BEGIN UPDATE totals SET bytes = ") +
                   endless + "; END")
                      .c_str());
  EXPECT_TRUE(set(*tier, "b", "2", {}, after(system_clock().now(), 2s)).has_value());
  // Within about a second the file is put aside.
  const TimePoint limit = soon();
  while (tier->sqlite_stats().quarantined == 0 && system_clock().now() < limit) (void)get(*tier, "b");
  EXPECT_EQ(tier->sqlite_stats().quarantined, 1U);
  closes_at_once(*tier);
}

TEST_F(SqliteAttack, A08_StatisticsOfAnalyzeAreNoHarm) {
  make_changed("ANALYZE");
  const auto tier = make();
  EXPECT_EQ(get(*tier, "old").value(), "1");
  EXPECT_EQ(tier->sqlite_stats().quarantined, 0U);
}

TEST_F(SqliteAttack, A08_AValueThatIsTooLongIsNotRead) {
  {
    const auto tier = make();
    ASSERT_TRUE(set(*tier, "long", std::string(1'000'000, 'x')).has_value());
    ASSERT_TRUE(set(*tier, "longer", std::string(2'000'000, 'x')).has_value());
    ASSERT_TRUE(set(*tier, "short", "1").has_value());
  }
  const auto tier = make({.max_value_bytes = 1000});
  const auto found = get_many(*tier, {"long", "short"});
  EXPECT_EQ(found[0].error(), Errc::value_too_large);
  EXPECT_EQ(found[1].value(), "1");
  EXPECT_TRUE(set(*tier, "long", "2").has_value());
  EXPECT_EQ(get(*tier, "long").value(), "2");
  EXPECT_TRUE(erase(*tier, "longer").value());
  EXPECT_EQ(get(*tier, "longer").value(), std::nullopt);
}

TEST_F(SqliteAttack, A08_AValueOfAnotherTypeIsNotRead) {
  make_changed("UPDATE entries SET value = 'text'");
  const auto tier = make();
  EXPECT_EQ(get(*tier, "old").error(), Errc::corrupt);
  EXPECT_TRUE(set(*tier, "old", "2").has_value());
  EXPECT_EQ(get(*tier, "old").value(), "2");
}

TEST_F(SqliteAttack, A08_WrongTotalsDoNotEvictEverything) {
  make_changed("UPDATE totals SET entries = -5, bytes = -9");
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  EXPECT_EQ(get(*tier, "old").value(), "1");
  EXPECT_EQ(get(*tier, "a").value(), "1");
}

/// Without the limits of Connection this ends never, and the test by its time limit.
TEST_F(SqliteAttack, A08_NoStatementRunsForLongerThanItsLimit) {
  make()->close();
  std::atomic<bool> closing{false};
  Connection db(path(), Access::read_write, 250ms, closing);
  const TimePoint start = system_clock().now();
  db.give_up_at(start + 100ms);
  try {
    (void)db.integer(("SELECT " + std::string(endless)).c_str());
    ADD_FAILURE() << "it ended";
  } catch (const SqliteFault& fault) {
    EXPECT_TRUE(fault.means_interrupted()) << fault.what();
    EXPECT_EQ(fault.error(path()), Errc::timed_out);
  }
  EXPECT_GE(system_clock().now() - start, 100ms);
  EXPECT_LT(system_clock().now() - start, 5s);
}

TEST_F(SqliteAttack, A08_ClosingEndsARunningStatement) {
  make()->close();
  std::atomic<bool> closing{false};
  Connection db(path(), Access::read_write, 250ms, closing);
  std::atomic<bool> running{false};
  TimePoint ended{};
  std::thread worker([&] {
    running = true;
    EXPECT_THROW((void)db.integer(("SELECT " + std::string(endless)).c_str()), SqliteFault);
    ended = system_clock().now();
  });
  while (!running) std::this_thread::yield();
  const TimePoint closed = system_clock().now();
  closing = true;
  worker.join();
  EXPECT_LT(ended - closed, 1s);
}

TEST_F(SqliteAttack, A08_CodeInTheFileDoesNotRun) {
  make_changed(
      "CREATE TRIGGER t AFTER INSERT ON entries BEGIN UPDATE totals SET bytes = 77; END;"
      "CREATE VIEW v AS SELECT 1");
  std::atomic<bool> closing{false};
  Connection db(path(), Access::read_write, 250ms, closing);
  db.execute("INSERT INTO entries(key, expires, value) VALUES(x'01', 0, x'02')");
  EXPECT_NE(db.integer("SELECT bytes FROM totals"), 77);
  EXPECT_THROW((void)db.integer("SELECT * FROM v"), SqliteFault);
  EXPECT_THROW(db.execute("PRAGMA writable_schema=ON; DELETE FROM sqlite_schema"), SqliteFault);
}

/// Kinds of files where the cache file should be.
TEST_F(SqliteAttack, A08_WhatIsNoFileIsRefusedAtOnce) {
  const TimePoint start = system_clock().now();
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_NE(refusal({.path = path()}).find("is no regular file"), std::string::npos);
  fs::remove(path());
  fs::create_symlink("/dev/zero", path());
  EXPECT_NE(refusal({.path = path()}).find("is no regular file"), std::string::npos);
  fs::remove(path());
  fs::create_symlink(folder.path() / "elsewhere", path());
  EXPECT_NE(refusal({.path = path()}).find("symbolic link"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder.path() / "elsewhere"));
  fs::remove(path());
  fs::create_directory(path());
  EXPECT_NE(refusal({.path = path()}).find("is a folder"), std::string::npos);
  EXPECT_LT(system_clock().now() - start, 5s);
}

/// What stands where SQLite makes its files beside the cache file is not written to.
TEST_F(SqliteAttack, A08_WhatStandsBesideTheFileIsLeftAlone) {
  const fs::path victim = folder.path() / "victim";
  for (const char* suffix : {"-wal", "-shm"}) {
    for (const bool fifo : {false, true}) {
      SCOPED_TRACE(suffix);
      make()->close();
      std::ofstream(victim) << "precious";
      if (fifo) {
        ASSERT_EQ(::mkfifo(beside(suffix).c_str(), 0600), 0);
      } else {
        fs::create_symlink(victim, beside(suffix));
      }
      try {
        const auto tier = make();
        (void)set(*tier, "a", "1", {}, after(system_clock().now(), 2s));
        closes_at_once(*tier);
      } catch (const ConfigError& error) {
        EXPECT_NE(std::string(error.what()).find(path().string()), std::string::npos);
      }
      std::string text;
      std::ifstream(victim) >> text;
      EXPECT_EQ(text, "precious");
      for (const char* each : {"", "-wal", "-shm"}) fs::remove(beside(each));
    }
  }
}

TEST_F(SqliteAttack, A14_FilesAreForTheirOwnerOnly) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(mode_of(beside(suffix)), 0600U) << suffix;
}

TEST_F(SqliteAttack, A14_AFileThatReplacesADamagedOneIsForItsOwnerOnly) {
  make()->close();
  scribble(100);
  const auto tier = make();
  ASSERT_EQ(tier->sqlite_stats().quarantined, 1U);
  EXPECT_EQ(mode_of(path()), 0600U);
}

TEST_F(SqliteAttack, A14_TheModeOfAFileThatIsThereStays) {
  std::ofstream(path()).close();
  fs::permissions(path(), fs::perms(0660));
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  EXPECT_EQ(mode_of(path()), 0660U);
}

}  // namespace
}  // namespace terrace::database
