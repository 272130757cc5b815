#include <gtest/gtest.h>
#include <sqlite3.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <terrace/sqlite.hpp>
#include <terrace/testing.hpp>
#include <thread>

#include "database/blocking.hpp"
#include "support/seed.hpp"

namespace terrace::database {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

class Sqlite : public ::testing::Test {
 protected:
  std::shared_ptr<SqliteTier> make(SqliteOptions options = {}) {
    options.path = path();
    options.clock = &clock;
    return make_sqlite_tier(options);
  }
  [[nodiscard]] std::filesystem::path path() const { return folder.path() / "cache.db"; }

  std::int64_t query(const char* sql) {
    sqlite3* db = nullptr;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_prepare_v2(db, sql, -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    const std::int64_t answer =
        sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
  }

  TemporaryFolder folder;
  testing::FakeClock clock;
};

TEST_F(Sqlite, KeepsWhatItIsGiven) {
  const auto tier = make();
  EXPECT_EQ(tier->name(), "sqlite");
  EXPECT_EQ(get(*tier, "a").value(), std::nullopt);
  EXPECT_TRUE(set(*tier, "a", "1").has_value());
  EXPECT_TRUE(set(*tier, "empty", "").has_value());
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(get(*tier, "empty").value(), "");
  EXPECT_TRUE(set(*tier, "a", "2").has_value());
  EXPECT_EQ(get(*tier, "a").value(), "2");
  EXPECT_TRUE(erase(*tier, "a").value());
  EXPECT_FALSE(erase(*tier, "a").value());
  EXPECT_EQ(get(*tier, "a").value(), std::nullopt);
  const TierStats stats = tier->stats();
  EXPECT_EQ(stats.hits, 3U);
  EXPECT_EQ(stats.misses, 2U);
  EXPECT_EQ(stats.writes, 3U);
  EXPECT_EQ(stats.erases, 1U);
  EXPECT_EQ(stats.entries, 1U);
  EXPECT_EQ(stats.bytes, 5U + 64U);
}

TEST_F(Sqlite, A34_KeysAreAnyBytes) {
  const auto tier = make();
  const std::vector<std::string> keys = {"\0"s,
                                         "\0\0"s,
                                         "a\r\nb",
                                         "\xff\xfe",
                                         "'; DROP TABLE entries --",
                                         "ключ",
                                         std::string(max_key_size, 'k')};
  for (const auto& key : keys) ASSERT_TRUE(set(*tier, key, "v" + key).has_value());
  for (const auto& key : keys) EXPECT_EQ(get(*tier, key).value(), "v" + key);
  EXPECT_EQ(get(*tier, "").error(), Errc::invalid_key);
  EXPECT_EQ(set(*tier, std::string(max_key_size + 1, 'k'), "v").error(), Errc::invalid_key);
  EXPECT_EQ(erase(*tier, "").error(), Errc::invalid_key);
}

TEST_F(Sqlite, RefusesImpossibleWrites) {
  const auto tier = make({.max_bytes = 10'000, .max_value_bytes = 20'000});
  ASSERT_TRUE(set(*tier, "a", "old").has_value());
  EXPECT_EQ(set(*tier, "a", "new", 0s).error(), Errc::invalid_argument);
  EXPECT_EQ(set(*tier, "a", "new", -1s).error(), Errc::invalid_argument);
  EXPECT_EQ(set(*tier, "a", std::string(20'001, 'x')).error(), Errc::value_too_large);
  EXPECT_EQ(set(*tier, "a", std::string(10'000, 'x')).error(), Errc::value_too_large);
  EXPECT_EQ(get(*tier, "a").value(), "old");
}

TEST_F(Sqlite, BulkCallsAnswerEachKeyInOrder) {
  const auto tier = make();
  const auto written = set_many(*tier, {{"a", "1", {}}, {"", "x", {}}, {"b", "2", 1s}, {"a", "3", {}}});
  ASSERT_EQ(written.size(), 4U);
  EXPECT_TRUE(written[0].has_value());
  EXPECT_EQ(written[1].error(), Errc::invalid_key);
  EXPECT_TRUE(written[2].has_value() && written[3].has_value());
  const auto found = get_many(*tier, {"b", "nobody", "a", "", "a"});
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[0].value(), "2");
  EXPECT_EQ(found[1].value(), std::nullopt);
  EXPECT_EQ(found[2].value(), "3");
  EXPECT_EQ(found[3].error(), Errc::invalid_key);
  EXPECT_EQ(found[4].value(), "3");
  const auto erased = erase_many(*tier, {"a", "a", "b", ""});
  EXPECT_TRUE(erased[0].value());
  EXPECT_FALSE(erased[1].value());
  EXPECT_TRUE(erased[2].value());
  EXPECT_EQ(erased[3].error(), Errc::invalid_key);
  EXPECT_TRUE(get_many(*tier, {}).empty());
}

TEST_F(Sqlite, EntriesExpireToTheMillisecond) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "a", "1", 10ms).has_value());
  ASSERT_TRUE(set(*tier, "b", "1", 9'000'001ns).has_value());
  ASSERT_TRUE(set(*tier, "for ever", "1", Duration::max()).has_value());
  clock.advance(9ms);
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(get(*tier, "b").value(), "1");
  clock.advance(1ms);
  EXPECT_EQ(get(*tier, "a").value(), std::nullopt);
  EXPECT_EQ(get(*tier, "b").value(), std::nullopt);
  EXPECT_FALSE(erase(*tier, "a").value());
  clock.advance(24h * 365 * 100);
  EXPECT_EQ(get(*tier, "for ever").value(), "1");
}

TEST_F(Sqlite, EntriesOutliveTheTier) {
  {
    const auto tier = make();
    ASSERT_TRUE(set(*tier, "a", "1", 1h).has_value());
    ASSERT_TRUE(set(*tier, "b", "1", 1s).has_value());
  }
  clock.advance(1min);
  const auto tier = make();
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(get(*tier, "b").value(), std::nullopt);
  EXPECT_EQ(tier->stats().entries, 2U);
}

TEST_F(Sqlite, ExpiredEntriesArePurgedWithoutBeingRead) {
  const auto tier = make({.purge_interval = 5ms});
  for (int i = 0; i < 1000; ++i) {
    tier->set("short" + std::to_string(i), "v", 1s, soon(), [](auto) {});
  }
  ASSERT_TRUE(set(*tier, "long", "v", 1h).has_value());
  EXPECT_EQ(tier->stats().entries, 1001U);
  clock.advance(2s);
  const TimePoint limit = soon();
  // The rows are gone when they are counted.
  while (tier->sqlite_stats().purged != 1000U && system_clock().now() < limit) std::this_thread::yield();
  EXPECT_EQ(tier->stats().entries, 1U);
  EXPECT_EQ(tier->sqlite_stats().purged, 1000U);
  EXPECT_EQ(get(*tier, "long").value(), "v");
}

TEST_F(Sqlite, ErasesByPrefixOfAnyBytes) {
  const auto tier = make();
  for (const auto& key :
       {"a"s, "a:1"s, "a:2"s, "a;"s, "b"s, "\xff"s, "\xff\xff"s, "\xff\xff\x01"s, "%"s, "%x"s}) {
    ASSERT_TRUE(set(*tier, key, "v").has_value());
  }
  ASSERT_TRUE(set(*tier, "a:expired", "v", 1ms).has_value());
  clock.advance(1ms);
  EXPECT_EQ(erase_prefix(*tier, "a:").value(), 2U);
  EXPECT_EQ(get(*tier, "a").value(), "v");
  EXPECT_EQ(get(*tier, "a;").value(), "v");
  EXPECT_EQ(erase_prefix(*tier, "\xff\xff").value(), 2U);
  EXPECT_EQ(get(*tier, "\xff").value(), "v");
  EXPECT_EQ(erase_prefix(*tier, "%").value(), 2U);
  EXPECT_EQ(erase_prefix(*tier, "").value(), 4U);
  EXPECT_EQ(tier->stats().entries, 0U);
  EXPECT_EQ(tier->stats().bytes, 0U);
}

TEST_F(Sqlite, ErasesManyByPrefixWhileOthersWrite) {
  const auto tier = make();
  std::vector<std::string> keys;
  std::vector<TierWrite> writes;
  for (int i = 0; i < 20'000; ++i) keys.push_back("p" + std::to_string(i));
  for (const auto& key : keys) writes.push_back({key, "v", {}});
  for (const auto& result : set_many(*tier, writes)) ASSERT_TRUE(result.has_value());
  std::promise<Result<std::uint64_t>> promise;
  tier->erase_prefix("p", soon(), [&](auto result) { promise.set_value(std::move(result)); });
  EXPECT_TRUE(set(*tier, "other", "v").has_value());
  EXPECT_EQ(promise.get_future().get().value(), 20'000U);
  EXPECT_EQ(tier->stats().entries, 1U);
}

TEST_F(Sqlite, ErasesByGlobWhatMatchesAfterThePrefix) {
  const auto tier = make();
  for (const auto& key :
       {"app:a1"s, "app:a2"s, "app:b1"s, "app:"s, "a"s, "b:a1"s, "app:a\xff"s, "app:a\0z"s, "*a1"s}) {
    ASSERT_TRUE(set(*tier, key, "v").has_value());
  }
  ASSERT_TRUE(set(*tier, "app:a expired", "v", 1ms).has_value());
  clock.advance(1ms);
  EXPECT_EQ(erase_glob(*tier, "app:", "a[12]").value(), 2U);
  EXPECT_EQ(get(*tier, "app:a1").value(), std::nullopt);
  EXPECT_EQ(get(*tier, "b:a1").value(), "v");
  EXPECT_EQ(erase_glob(*tier, "app:", "a?").value(), 1U);
  EXPECT_EQ(get(*tier, "app:a\xff").value(), std::nullopt);
  EXPECT_EQ(erase_glob(*tier, "app:", "a*").value(), 1U);
  EXPECT_EQ(get(*tier, "app:").value(), "v");
  EXPECT_EQ(erase_glob(*tier, "*", "a1").value(), 1U) << "the prefix is literal";
  EXPECT_EQ(erase_glob(*tier, "", "*:*").value(), 3U);
  EXPECT_EQ(tier->stats().entries, 1U);
}

TEST_F(Sqlite, RefusesPatternsWithoutMeaning) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "[a", "v").has_value());
  for (const auto* pattern : {"", "[a", "a[]", "\\"}) {
    EXPECT_EQ(erase_glob(*tier, "", pattern).error(), Errc::invalid_argument) << pattern;
  }
  EXPECT_EQ(get(*tier, "[a").value(), "v");
}

TEST_F(Sqlite, ErasesManyByGlobWhileOthersWrite) {
  const auto tier = make();
  std::vector<std::string> keys;
  std::vector<TierWrite> writes;
  for (int i = 0; i < 20'000; ++i) keys.push_back("p" + std::to_string(i));
  for (const auto& key : keys) writes.push_back({key, "v", {}});
  for (const auto& result : set_many(*tier, writes)) ASSERT_TRUE(result.has_value());
  std::promise<Result<std::uint64_t>> promise;
  std::atomic<bool> swept{false};
  tier->erase_glob("p", "*7", soon(), [&](auto result) {
    swept = true;
    promise.set_value(std::move(result));
  });
  std::promise<bool> set_before_the_end;
  tier->set("p07", "came later", {}, soon(),
            [&](const Result<void>& result) { set_before_the_end.set_value(result.has_value() && !swept); });
  EXPECT_TRUE(set_before_the_end.get_future().get()) << "the write waited for the whole sweep";
  EXPECT_EQ(promise.get_future().get().value(), 2'000U);
  EXPECT_EQ(tier->stats().entries, 18'001U);
  EXPECT_EQ(get(*tier, "p07").value(), "came later");
}

TEST_F(Sqlite, F44_AnOlderVersionLeavesTheNewerValue) {
  const auto tier = make();
  const auto write = [&](std::string_view value, std::uint64_t version, std::optional<Duration> ttl = {}) {
    ASSERT_TRUE(set_many(*tier, {{"a", value, ttl, version}})[0].has_value());
  };
  write("two", 2);
  write("one", 1);
  EXPECT_EQ(get(*tier, "a").value(), "two");
  write("two again", 2);
  EXPECT_EQ(get(*tier, "a").value(), "two");
  EXPECT_EQ(tier->stats().bytes, 1U + 3U + 64U);
  write("three", 3);
  EXPECT_EQ(get(*tier, "a").value(), "three");
  write("top", UINT64_MAX, 1s);
  write("half", std::uint64_t{1} << 63);
  EXPECT_EQ(get(*tier, "a").value(), "top") << "versions are unsigned";
  clock.advance(1s);
  write("after expiry", 1);
  EXPECT_EQ(get(*tier, "a").value(), "after expiry");
  write("unversioned", 0);
  EXPECT_EQ(get(*tier, "a").value(), "unversioned");
  write("one", 1);
  EXPECT_EQ(get(*tier, "a").value(), "one") << "an unversioned write leaves no version behind";
  ASSERT_TRUE(erase(*tier, "a").value());
  write("reborn", 1);
  EXPECT_EQ(get(*tier, "a").value(), "reborn") << "the version dies with the value";
}

TEST_F(Sqlite, StaysWithinItsBytesAndCountsThemExactly) {
  const unsigned seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  std::mt19937_64 random(seed);
  constexpr std::uint64_t bound = 50'000;
  const auto tier = make({.max_bytes = bound});
  for (int round = 0; round < 100; ++round) {
    std::vector<std::string> keys(20);
    std::vector<TierWrite> writes;
    const std::string value(random() % 2000, 'v');
    for (auto& key : keys) key = "key" + std::to_string(random() % 200);
    for (const auto& key : keys) {
      std::optional<Duration> ttl;
      if (random() % 2 == 0) ttl = std::chrono::seconds(1 + random() % 100);
      writes.push_back({key, BytesView(value).substr(0, random() % (value.size() + 1)), ttl});
    }
    for (const auto& result : set_many(*tier, writes)) ASSERT_TRUE(result.has_value());
    ASSERT_EQ(get(*tier, keys.back()).value(), writes.back().value);
    if (round % 3 == 0) (void)erase(*tier, keys.front());
    clock.advance(1s);
    ASSERT_LE(tier->stats().bytes.value(), bound);
  }
  EXPECT_EQ(tier->stats().bytes, query("SELECT sum(length(key) + length(value) + 64) FROM entries"));
  EXPECT_EQ(tier->stats().entries, query("SELECT count(*) FROM entries"));
  EXPECT_GT(tier->sqlite_stats().evicted, 0U);
  EXPECT_EQ(query("SELECT bytes FROM totals"), tier->stats().bytes);
}

TEST_F(Sqlite, EvictsTheExpiredThenTheOldest) {
  const auto tier = make({.max_bytes = 5 * (1 + 100 + 64)});
  const std::string value(100, 'v');
  ASSERT_TRUE(set(*tier, "a", value).has_value());
  ASSERT_TRUE(set(*tier, "b", value).has_value());
  ASSERT_TRUE(set(*tier, "c", value, 1s).has_value());
  ASSERT_TRUE(set(*tier, "d", value).has_value());
  ASSERT_TRUE(set(*tier, "e", value).has_value());
  clock.advance(2s);
  ASSERT_TRUE(set(*tier, "f", value).has_value());
  EXPECT_EQ(tier->sqlite_stats().evicted, 0U);
  EXPECT_EQ(get(*tier, "a").value(), value);
  ASSERT_TRUE(set(*tier, "g", value).has_value());
  EXPECT_EQ(get(*tier, "a").value(), std::nullopt);
  EXPECT_EQ(get(*tier, "b").value(), value);
  ASSERT_TRUE(set(*tier, "b", value + value).has_value());  // the oldest itself grows: the next one goes
  EXPECT_EQ(get(*tier, "b").value(), value + value);
  EXPECT_EQ(get(*tier, "d").value(), std::nullopt);
  EXPECT_EQ(tier->sqlite_stats().evicted, 2U);
}

TEST_F(Sqlite, ManyThreadsSeeTheirOwnWrites) {
  const auto tier = make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string key = std::to_string(t) + ":" + std::to_string(i % 10);
        EXPECT_TRUE(set(*tier, key, std::to_string(i)).has_value());
        EXPECT_EQ(get(*tier, key).value(), std::to_string(i));
        if (i % 7 == 0) {
          EXPECT_TRUE(erase(*tier, key).value());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(tier->stats().writes, 1600U);
}

TEST_F(Sqlite, QueuedWritesShareATransaction) {
  const auto tier = make();
  std::atomic<int> done{0};
  for (int i = 0; i < 1000; ++i) tier->set("k" + std::to_string(i), "v", {}, soon(), [&](auto) { ++done; });
  ASSERT_TRUE(set(*tier, "last", "v").has_value());
  EXPECT_EQ(done, 1000);
  EXPECT_LT(tier->sqlite_stats().transactions, 500U);
}

TEST_F(Sqlite, CloseAnswersEverything) {
  const auto tier = make();
  std::atomic<int> done{0};
  std::atomic<int> shut{0};
  for (int i = 0; i < 500; ++i) {
    tier->set("k" + std::to_string(i), "v", {}, soon(), [&](const Result<void>& result) {
      ++done;
      if (!result) shut += result.error() == Errc::shutdown ? 1 : 1000;
    });
    tier->get("k", soon(), [&](const Result<Found>&) { ++done; });
  }
  tier->close();
  EXPECT_EQ(done, 1000);
  EXPECT_LT(shut, 1000);
  tier->close();
  EXPECT_EQ(get(*tier, "a").error(), Errc::shutdown);
  EXPECT_EQ(set(*tier, "a", "1").error(), Errc::shutdown);
  EXPECT_EQ(erase_prefix(*tier, "").error(), Errc::shutdown);
}

TEST_F(Sqlite, AHandlerMayLetGoOfTheTier) {
  for (const bool late : {false, true}) {
    auto tier = make();
    std::promise<void> gone;
    auto* const raw = tier.get();
    raw->get("a", late ? TimePoint{} : soon(), [&gone, held = std::move(tier)](const Result<Found>&) mutable {
      held.reset();
      gone.set_value();
    });
    gone.get_future().get();
  }
}

TEST_F(Sqlite, APassedDeadlineIsTimedOutAtOnce) {
  const auto tier = make();
  const TimePoint now = system_clock().now();
  EXPECT_EQ(get(*tier, "a", now).error(), Errc::timed_out);
  EXPECT_EQ(set(*tier, "a", "1", {}, now - 1s).error(), Errc::timed_out);
  EXPECT_EQ(get(*tier, "a").value(), std::nullopt);
  EXPECT_EQ(get(*tier, "a", no_deadline).value(), std::nullopt);
}

}  // namespace
}  // namespace terrace::database
