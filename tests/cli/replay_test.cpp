#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <boost/json.hpp>
#include <csignal>
#include <list>
#include <set>
#include <unordered_map>

#include "cli/replayed.hpp"
#include "support/redis_server.hpp"

namespace terrace::cli_test {
namespace {

using ::testing::HasSubstr;

TEST(Replay, HasTheDocumentedJson) {
  const Replayed replayed = replay({golden_trace, "--origin-latency", "0"});
  Words fields;
  for (const auto& field : replayed.json.as_object()) fields.emplace_back(field.key());
  EXPECT_EQ(fields, (Words{"requests", "hits", "hit_rate", "loads", "joined", "errors", "wrong_values",
                           "levels", "origin", "elapsed_s", "requests_per_s", "request_time_s",
                           "origin_only_s", "saved_s", "interrupted", "traces"}));
  fields.clear();
  for (const auto& field : replayed.level(0).as_object()) fields.emplace_back(field.key());
  EXPECT_EQ(fields, (Words{"name", "hits", "misses", "errors", "hit_rate", "p50_us", "p99_us", "p999_us",
                           "bytes", "entries", "stored_bytes"}));
  EXPECT_EQ(replayed.level(0).at("name").as_string(), "memory");
  EXPECT_EQ(replayed.json.at("traces").as_array().at(0).at("trace").as_string(), "golden");
  EXPECT_FALSE(replayed.json.at("interrupted").as_bool());
}

TEST(Replay, LoadsEachKeyOnceWhenEverythingFits) {
  const Replayed replayed = replay({golden_trace, "--origin-latency", "0"});
  expect_to_add_up(replayed);
  EXPECT_EQ(replayed.number("requests"), golden_requests);
  EXPECT_EQ(replayed.number("loads"), golden_keys);
  EXPECT_EQ(replayed.level_number(0, "misses"), golden_keys);
  EXPECT_EQ(replayed.level_number(0, "entries"), golden_keys);
  EXPECT_DOUBLE_EQ(replayed.json.at("hit_rate").to_number<double>(),
                   static_cast<double>(golden_requests - golden_keys) / golden_requests);
}

TEST(Replay, HasTheHitRateOfTheSimulation) {
  const Replayed replayed =
      replay({golden_trace, "--origin-latency", "0", "--memory-entries", "50", "--eviction", "lru"});
  expect_to_add_up(replayed);
  const Ended simulated = terrace({"simulate", golden_trace, "--policy", "lru", "--entries", "50", "--json"});
  const boost::json::value rows = boost::json::parse(simulated.out);
  EXPECT_DOUBLE_EQ(replayed.json.at("hit_rate").to_number<double>(),
                   rows.as_array().at(0).at("hit_rate").to_number<double>());
}

TEST(Replay, CallersThatMeetAddUp) {
  TempFolder folder;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i / 64) + '\n';
  const Replayed replayed =
      replay({folder.file("crowd.keys", text), "--threads", "8", "--origin-latency", "1ms"});
  expect_to_add_up(replayed);
  EXPECT_EQ(replayed.number("requests"), 20'000U);
  EXPECT_EQ(replayed.number("loads"), 313U) << "one load per key, however many callers wait for it";
}

TEST(Replay, BoundsMemoryByBytes) {
  const Replayed replayed = replay({golden_trace, "--origin-latency", "0", "--memory-bytes", "32KiB"});
  expect_to_add_up(replayed);
  EXPECT_GT(replayed.number("loads"), golden_keys);
  EXPECT_LE(replayed.level_number(0, "stored_bytes"), 32U * 1024);
}

TEST(Replay, TakesSizesFromTheTraceElseFromTheOption) {
  TempFolder folder;
  const std::string sized = folder.file("a.csv", "time,key,size\n1,a,100\n1,b,7\n1,a,100\n");
  EXPECT_EQ(replay({sized, "--value-size", "5"}).json.at("origin").at("bytes").to_number<int>(), 107);
  const std::string bare = folder.file("a.keys", "1\n2\n1\n");
  EXPECT_EQ(replay({bare, "--value-size", "5"}).json.at("origin").at("bytes").to_number<int>(), 10);
  EXPECT_EQ(replay({bare, "--value-size", "2MiB"}).level_number(0, "bytes"), 2U << 20);
}

TEST(Replay, WaitsForTheOriginAndCountsTheTimeSaved) {
  TempFolder folder;
  const std::string path = folder.file("a.keys", "1\n1\n1\n1\n2\n");
  const Replayed replayed = replay({path, "--origin-latency", "20ms"});
  const auto number = [&](const char* field) { return replayed.json.at(field).to_number<double>(); };
  EXPECT_GE(number("request_time_s"), 0.04);
  EXPECT_GE(number("origin_only_s"), 0.1);
  EXPECT_NEAR(number("saved_s"), number("origin_only_s") - number("request_time_s"), 1e-9);
  EXPECT_GE(replayed.json.at("origin").at("p50_us").to_number<double>(), 20'000);
}

TEST(Replay, ReplaysFilesOneAfterAnotherAndStandardInput) {
  TempFolder folder;
  const std::string one = folder.file("one.keys", "1\n2\n");
  const std::string two = folder.file("two.csv", "key\n1\n3\n");
  const Replayed replayed = replay({one, "-", "--origin-latency", "0"}, two);
  EXPECT_EQ(replayed.number("requests"), 4U);
  EXPECT_EQ(replayed.number("loads"), 3U);
  EXPECT_EQ(replayed.json.at("traces").as_array().size(), 2U);
}

TEST(Replay, CountsKeysThatCannotBe) {
  TempFolder folder;
  // 64 KiB less "replay:", which the cache puts in front.
  const std::string longest((64 * 1024) - 7, 'k');
  const std::string path =
      folder.file("a.csv", "key,size\nok,1\n,1\n" + longest + "k,1\n" + longest + ",1\nhuge,999999999999\n");
  const Replayed replayed = replay({path, "--origin-latency", "0"});
  expect_to_add_up(replayed);
  EXPECT_EQ(replayed.number("requests"), 5U);
  EXPECT_EQ(replayed.number("errors"), 3U);
  EXPECT_EQ(replayed.number("loads"), 2U);
  for (const char* line : {"line 3: ", "line 4: ", "line 6: "})
    EXPECT_THAT(replayed.ended.err, HasSubstr(line));
}

TEST(Replay, PrintsForPeople) {
  const Ended ended = terrace({"replay", golden_trace, "--origin-latency", "0"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, HasSubstr("4,000 requests = "));
  EXPECT_THAT(ended.out, HasSubstr("\n  memory  "));
  EXPECT_THAT(ended.out, HasSubstr("\n  origin  "));
  EXPECT_THAT(ended.out, HasSubstr("p99.9"));
}

TEST(Replay, GoesThroughRedisAndSqlite) {
  testing::RedisServer server;
  TempFolder folder;
  const Words arguments{golden_trace, "--memory-entries",      "50",        "--redis", server.url(),
                        "--sqlite",   folder.path("cache.db"), "--threads", "4",       "--origin-latency",
                        "100us"};
  const Replayed first = replay(arguments);
  expect_to_add_up(first);
  // A key that memory has dropped may be asked for again before the levels below have taken its value.
  EXPECT_GE(first.number("loads"), golden_keys);
  EXPECT_LE(first.number("loads"), golden_keys + golden_keys / 10);
  EXPECT_EQ(first.json.at("levels").as_array().size(), 3U);
  EXPECT_GT(first.level_number(1, "hits"), 0U);
  EXPECT_GE(first.level_number(1, "misses"), golden_keys);

  server.cli({"FLUSHALL"});
  const Replayed warm = replay(arguments);
  expect_to_add_up(warm);
  // A change of another key with the same generation counter refuses a fill now and then (decision 0004).
  const auto refused = golden_keys / 50;
  EXPECT_LE(warm.number("loads"), refused);
  EXPECT_GE(warm.level_number(2, "hits"), golden_keys - refused) << "SQLite kept what the first replay wrote";

  Words cleared = arguments;
  cleared.emplace_back("--clear");
  EXPECT_GE(replay(cleared).number("loads"), golden_keys);
}

TEST(Replay, GoesOnWithoutAnUnreachableRedis) {
  const std::string url = "redis://127.0.0.1:" + std::to_string(testing::free_port());
  const Replayed replayed = replay({golden_trace, "--redis", url, "--origin-latency", "0"});
  expect_to_add_up(replayed);
  EXPECT_EQ(replayed.number("errors"), 0U);
  EXPECT_EQ(replayed.number("loads"), golden_keys);
  EXPECT_EQ(replayed.level_number(1, "errors"), golden_keys);
  EXPECT_THAT(replayed.ended.err, HasSubstr("terrace: redis does not answer"));
  EXPECT_THAT(replayed.ended.err, HasSubstr("continues without this level"));
}

TEST(Replay, SurvivesRedisBeingKilledAndRestartedUnderIt) {
  testing::RedisServer server;
  TempFolder folder;
  constexpr int requests = 60'000;
  std::string text;
  for (int i = 0; i < requests; ++i) text += std::to_string((i * 7919) % 3000) + '\n';
  Program program({"replay", folder.file("many.keys", text), "--memory-entries", "100", "--redis",
                   server.url(), "--origin-latency", "1ms", "--threads", "4", "--json"});
  const auto filled = [&] { return server.cli({"DBSIZE"}).find_first_of("123456789") == 0; };
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(testing::eventually(filled));
    server.kill9();
    server.restart();
  }
  const Ended ended = program.wait();
  ASSERT_EQ(ended.code, 0) << ended.err;
  const boost::json::value json = boost::json::parse(ended.out);
  EXPECT_EQ(json.at("requests").to_number<int>(), requests);
  EXPECT_EQ(json.at("errors").to_number<int>(), 0);
  EXPECT_EQ(json.at("hits").to_number<int>() + json.at("loads").to_number<int>(), requests);
}

TEST(Replay, TreatsForeignBytesInRedisAsMisses) {
  testing::RedisServer server;
  TempFolder folder;
  std::string text;
  for (int i = 0; i < 50; ++i) text += std::to_string(i) + '\n';
  const Words arguments{folder.file("a.keys", text), "--redis", server.url(), "--origin-latency", "0"};
  EXPECT_EQ(replay(arguments).number("loads"), 50U);
  std::istringstream keys(server.cli({"--scan"}));
  int spoilt = 0;
  for (std::string key; std::getline(keys, key); ++spoilt) {
    server.cli(spoilt % 2 == 0 ? Words{"SET", key, "foreign"} : Words{"SETRANGE", key, "3", "xx"});
  }
  EXPECT_EQ(spoilt, 50);
  const Replayed replayed = replay(arguments);
  expect_to_add_up(replayed);
  EXPECT_EQ(replayed.number("loads"), 50U);
  EXPECT_EQ(replayed.number("errors"), 0U);
}

TEST(Replay, RefusesSqliteFilesThatAreNoCache) {
  TempFolder folder;
  constexpr std::string_view diary = "this is somebody's diary, and no database at all\n";
  const std::string text = folder.file("diary.txt", diary);
  const std::string foreign = folder.path("foreign.db");
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(foreign.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "CREATE TABLE diary(entry TEXT)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  for (const std::string& path : {text, foreign, folder.path("none/cache.db"), folder.path("")}) {
    const Ended ended = terrace({"replay", golden_trace, "--sqlite", path});
    EXPECT_EQ(ended.code, 2) << path;
    EXPECT_THAT(ended.err, ::testing::StartsWith("terrace: "));
    EXPECT_THAT(ended.err, HasSubstr(path));
  }
  std::ostringstream kept;
  kept << std::ifstream(text).rdbuf();
  EXPECT_EQ(kept.str(), diary) << "a file that is not ours stays as and where it is";
}

TEST(Replay, InterruptShowsWhatWasMeasured) {
  TempFolder folder;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + '\n';
  Program program({"replay", folder.file("long.keys", text), "--origin-latency", "5ms", "--json", "--sqlite",
                   folder.path("cache.db")});
  // The database grows once the replay is under way; the signal must not come before it is.
  ASSERT_TRUE(testing::eventually(
      [&] { return std::ifstream(folder.path("cache.db-wal")).seekg(0, std::ios::end).tellg() > 100'000; }));
  program.signal(SIGINT);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.code, 130);
  const boost::json::value json = boost::json::parse(ended.out);
  EXPECT_TRUE(json.at("interrupted").as_bool());
  EXPECT_GT(json.at("requests").to_number<int>(), 0);
  EXPECT_LT(json.at("requests").to_number<int>(), 100'000);
  EXPECT_THAT(ended.err, HasSubstr("interrupted"));
}

TEST(Replay, RefusesWrongArguments) {
  const std::vector<std::pair<Words, std::string>> cases{
      {{"--eviction", "clock"},
       "--eviction \"clock\" is not known; the policies are adaptive, s3fifo, w-tinylfu, gdsf, lru, lfu, "
       "fifo, ttl"},
      {{"--memory-entries", "0"}, "--memory-entries 0 is out of range: from 1"},
      {{"--memory-entries", "-1"}, "--memory-entries \"-1\" is not a whole number"},
      {{"--memory-bytes", "0"}, "--memory-bytes \"0\" is out of range"},
      {{"--memory-bytes", "1"}, "--memory-bytes 1 holds no entry"},
      {{"--memory-bytes", "lots"}, "--memory-bytes \"lots\" is not a size"},
      {{"--memory-entries", "5", "--memory-bytes", "5MiB"}, "--memory-entries excludes --memory-bytes"},
      {{"--origin-latency", "200"}, "--origin-latency \"200\" is not a duration"},
      {{"--origin-latency", "-1ms"}, "is not a duration"},
      {{"--value-size", "1GiB"}, "over the limit of 32.0 MiB"},
      {{"--ttl", "0"}, "--ttl 0 would keep nothing"},
      {{"--threads", "0"}, "--threads 0 is out of range"},
      {{"--threads", "9999"}, "from 1 to 1024"},
      {{"--redis", "http://127.0.0.1"}, "the scheme \"http\" is unknown"},
      {{"--redis", "redis://user:sesame@127.0.0.1:70000"}, "the port is not a number of 1 to 65535"},
      {{"no-such-file.keys"}, "no-such-file.keys cannot be read"},
  };
  for (const auto& [more, says] : cases) {
    Words arguments{"replay", golden_trace};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = terrace(arguments);
    EXPECT_EQ(ended.code, 2) << says << ended.out;
    EXPECT_THAT(ended.err, HasSubstr(says));
    EXPECT_THAT(ended.err, ::testing::StartsWith("terrace: "));
    EXPECT_THAT(ended.err, ::testing::Not(HasSubstr("sesame")));
    EXPECT_EQ(ended.out, "");
  }
}

}  // namespace
}  // namespace terrace::cli_test
