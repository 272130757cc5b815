#include <terrace/testing.hpp>
#include <thread>

#include "database/postgres_test.hpp"

namespace terrace::database {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::eventually;

class Postgres : public PostgresTest {
 protected:
  static std::string refusal(const PostgresOptions& options) {
    try {
      make_postgres_tier(options);
    } catch (const ConfigError& error) {
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }
  std::string query(const std::string& what) { return server().sql("SELECT " + what + " FROM " + table); }
};

TEST_F(Postgres, ImpossibleOptionsAreRefused) {
  const auto names = [](const std::string& why, const char* option) {
    EXPECT_NE(why.find("PostgresOptions::"s + option), std::string::npos) << why;
  };
  names(refusal({.table = ""}), "table");
  names(refusal({.table = "1st"}), "table");
  names(refusal({.table = "a\"; DROP TABLE b --"}), "table");
  names(refusal({.table = "a.b.c"}), "table");
  names(refusal({.table = std::string(56, 't')}), "table");
  names(refusal({.connections = 0}), "connections");
  names(refusal({.connect_timeout = 0s}), "connect_timeout");
  names(refusal({.statement_timeout = 0s}), "statement_timeout");
  names(refusal({.reconnect_cap = 0s}), "reconnect_cap");
  names(refusal({.purge_interval = 0s}), "purge_interval");
  names(refusal({.max_value_bytes = 0}), "max_value_bytes");
  names(refusal({.max_value_bytes = (512U << 20U) + 1}), "max_value_bytes");
  EXPECT_THROW(make_postgres_tier({}, nullptr), ConfigError);
  for (const auto* url : {"redis://me:hush@there", "postgresql://me:hush@there:port/?x=y",
                          "password=hush nonsense", "postgresql://me:hush%@there"}) {
    const std::string why = refusal({.url = url});
    names(why, "url");
    EXPECT_EQ(why.find("hush"), std::string::npos) << why;
  }
}

TEST_F(Postgres, ManyMayMakeTheTableAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] { EXPECT_TRUE(set(*make(), std::to_string(i), "v").has_value()); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(query("count(*)"), "6");
}

TEST_F(Postgres, TheTableIsUnloggedUnlessAskedOtherwise) {
  const auto persistence = [&] {
    return server().sql("SELECT relpersistence FROM pg_class WHERE relname = '" + table + "'");
  };
  ASSERT_TRUE(set(*make(), "a", "1").has_value());
  EXPECT_EQ(persistence(), "u");
  server().sql("DROP TABLE " + table);
  ASSERT_TRUE(set(*make({.unlogged = false}), "a", "1").has_value());
  EXPECT_EQ(persistence(), "p");
  ASSERT_TRUE(set(*make({.unlogged = true}), "a", "2").has_value());
  EXPECT_EQ(persistence(), "p");
}

TEST_F(Postgres, ATableInASchemaWithCapitals) {
  server().sql("CREATE SCHEMA \"Caches\"");
  const auto tier = make({.table = "Caches.Pages"});
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(server().sql("SELECT count(*) FROM \"Caches\".\"Pages\""), "1");
}

TEST_F(Postgres, ATableOfAnotherLayoutIsRefusedAndLeftAlone) {
  server().sql("CREATE TABLE " + table + " (id int, diary text); INSERT INTO " + table +
               " VALUES (1, 'dear diary')");
  const auto tier = make();
  const Error why = get(*tier, "a").error();
  EXPECT_EQ(why, Errc::incompatible) << why.message();
  EXPECT_NE(why.context.find("name another one"), std::string::npos) << why.message();
  EXPECT_EQ(set(*tier, "a", "1").error(), Errc::incompatible);
  EXPECT_EQ(query("count(*)"), "1");
}

TEST_F(Postgres, WithoutLeaveToMakeTheTableItSaysSo) {
  const auto tier = make({.create_table = false, .reconnect_cap = 100ms});
  const Error why = get(*tier, "a").error();
  EXPECT_EQ(why, Errc::incompatible) << why.message();
  EXPECT_NE(why.context.find("create_table"), std::string::npos) << why.message();
  ASSERT_TRUE(set(*make(), "a", "1").has_value());
  EXPECT_TRUE(eventually([&] { return get(*tier, "a").has_value(); }));
}

TEST_F(Postgres, ATableThatWasDroppedIsMadeAgain) {
  const auto tier = make({.reconnect_cap = 50ms});
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  server().sql("DROP TABLE " + table);
  EXPECT_FALSE(get(*tier, "a").has_value());
  EXPECT_TRUE(eventually([&] { return set(*tier, "b", "2").has_value(); }));
  EXPECT_EQ(get(*tier, "b").value(), "2");
}

TEST_F(Postgres, ErasesByGlobWhatMatchesAfterThePrefix) {
  const auto tier = make();
  for (const auto& key :
       {"app:a1"s, "app:a2"s, "app:b1"s, "app:"s, "a"s, "b:a1"s, "app:a\xff"s, "app:a\0z"s, "*a1"s}) {
    ASSERT_TRUE(set(*tier, key, "v").has_value());
  }
  EXPECT_EQ(erase_glob(*tier, "app:", "a[12]").value(), 2U);
  EXPECT_EQ(get(*tier, "app:a1").value(), std::nullopt);
  EXPECT_EQ(get(*tier, "b:a1").value(), "v");
  EXPECT_EQ(erase_glob(*tier, "app:", "a?").value(), 1U);
  EXPECT_EQ(erase_glob(*tier, "app:", "a*").value(), 1U);
  EXPECT_EQ(get(*tier, "app:").value(), "v");
  EXPECT_EQ(erase_glob(*tier, "*", "a1").value(), 1U) << "the prefix is literal";
  EXPECT_EQ(erase_glob(*tier, "", "*:*").value(), 3U);
  EXPECT_EQ(query("count(*)"), "1");
  EXPECT_EQ(erase_glob(*tier, "", "[a").error(), Errc::invalid_argument);
}

TEST_F(Postgres, SweepsOfManyPagesEraseAndCountAll) {
  const auto tier = make();
  std::vector<std::string> keys;
  std::vector<TierWrite> writes;
  for (int i = 0; i < 5000; ++i) keys.push_back("p" + std::to_string(i));
  for (const auto& key : keys) writes.push_back({key, "v", {}});
  for (const auto& result : set_many(*tier, writes)) ASSERT_TRUE(result.has_value());
  EXPECT_EQ(erase_glob(*tier, "p", "*7").value(), 500U);
  EXPECT_EQ(erase_prefix(*tier, "p").value(), 4500U);
  EXPECT_EQ(tier->stats().erases, 5000U);
}

TEST_F(Postgres, LongKeysKeepTheirOrderAndTheirEnds) {
  const auto tier = make();
  const std::string stem(3000, 's');
  for (const auto& key : {stem, stem + "a1", stem + "a2", stem + "b", stem.substr(0, 2000), "other"s}) {
    ASSERT_TRUE(set(*tier, key, key).has_value());
  }
  EXPECT_EQ(get(*tier, stem + "a1").value(), stem + "a1");
  EXPECT_EQ(erase_glob(*tier, stem, "a*").value(), 2U);
  EXPECT_EQ(get(*tier, stem).value(), stem);
  EXPECT_EQ(erase_prefix(*tier, stem + "b").value(), 1U);
  EXPECT_EQ(erase_prefix(*tier, "s").value(), 2U);
  EXPECT_EQ(get(*tier, "other").value(), "other");
}

TEST_F(Postgres, F44_AnOlderVersionLeavesTheNewerValue) {
  const auto tier = make();
  const auto write = [&](std::string_view value, std::uint64_t version, std::optional<Duration> ttl = {}) {
    ASSERT_TRUE(set_many(*tier, {{"a", value, ttl, version}})[0].has_value());
  };
  write("two", 2);
  write("one", 1);
  EXPECT_EQ(get(*tier, "a").value(), "two");
  write("two again", 2);
  EXPECT_EQ(get(*tier, "a").value(), "two");
  write("three", 3);
  EXPECT_EQ(get(*tier, "a").value(), "three");
  write("top", UINT64_MAX);
  write("half", std::uint64_t{1} << 63);
  EXPECT_EQ(get(*tier, "a").value(), "top") << "versions are unsigned";
  write("unversioned", 0, 20ms);
  EXPECT_EQ(get(*tier, "a").value(), "unversioned");
  write("one", 1);
  EXPECT_EQ(get(*tier, "a").value(), "one") << "an unversioned write leaves no version behind";
  write("nine, soon gone", 9, 20ms);
  ASSERT_TRUE(eventually([&] { return !get(*tier, "a").value(); }));
  write("after expiry", 1);
  EXPECT_EQ(get(*tier, "a").value(), "after expiry");
  ASSERT_TRUE(erase(*tier, "a").value());
  write("reborn", 1);
  EXPECT_EQ(get(*tier, "a").value(), "reborn") << "the version dies with the value";
}

TEST_F(Postgres, AKeyThatOccursTwiceIsWrittenInOrder) {
  const auto tier = make();
  set_many(*tier, {{"a", "five", {}, 5}, {"b", "1", {}, 0}, {"a", "three", {}, 3}, {"b", "2", {}, 0}});
  EXPECT_EQ(get(*tier, "a").value(), "five");
  EXPECT_EQ(get(*tier, "b").value(), "2");
  set_many(*tier, {{"a", "any", {}, 0}, {"a", "one", {}, 1}});
  EXPECT_EQ(get(*tier, "a").value(), "one");
}

TEST_F(Postgres, ExpiredEntriesArePurgedWithoutBeingRead) {
  const auto tier = make({.purge_interval = 20ms});
  std::vector<std::string> keys;
  std::vector<TierWrite> writes{{"long", "v", 1h}, {"for ever", "v", {}}};
  for (int i = 0; i < 2500; ++i) keys.push_back("short" + std::to_string(i));
  for (const auto& key : keys) writes.push_back({key, "v", 1ms});
  for (const auto& result : set_many(*tier, writes)) ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(eventually([&] { return tier->postgres_stats().purged == 2500; }));
  EXPECT_EQ(query("count(*)"), "2");
}

TEST_F(Postgres, AVeryLongLifeIsNotAnError) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "a", "1", Duration::max()).has_value());
  EXPECT_EQ(get(*tier, "a").value(), "1");
}

TEST_F(Postgres, F33_ValuesOverTheLimitAreNeitherTakenNorFetched) {
  const auto small = make({.max_value_bytes = 1000});
  const auto large = make();
  const std::string value(20 << 20, 'v');
  EXPECT_EQ(set(*small, "a", value).error(), Errc::value_too_large);
  ASSERT_TRUE(set(*large, "a", value).has_value());
  ASSERT_TRUE(set(*large, "b", "fits").has_value());
  const auto found = get_many(*small, {"a", "b"});
  EXPECT_EQ(found[0].error(), Errc::value_too_large) << found[0].error().message();
  EXPECT_EQ(found[1].value(), "fits");
  EXPECT_TRUE(get(*large, "a").value() == value);
  EXPECT_TRUE(set(*small, "a", "short").has_value());
  EXPECT_EQ(get(*small, "a").value(), "short");
}

/// Plans are made on an empty table and kept.
TEST_F(Postgres, EveryStatementFindsItsRowsByAnIndex) {
  const auto statistic = [&](const char* kind) {
    return std::stoi(
        server().sql("SELECT "s + kind + " FROM pg_stat_user_tables WHERE relname = '" + table + "'"));
  };
  auto tier = make({.connections = 1, .purge_interval = 20ms});
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  ASSERT_EQ(get(*tier, "a").value(), "1");
  ASSERT_TRUE(erase(*tier, "a").value());
  ASSERT_EQ(erase_prefix(*tier, "a").value(), 0U);
  server().sql(
      "INSERT INTO " + table +
      " SELECT ('k' || i)::bytea, NULL, 'v', now() + interval '1 hour', 0 FROM generate_series(1, 50000) i");
  ASSERT_TRUE(eventually([&] { return statistic("n_tup_ins") == 50'001 && statistic("idx_scan") > 0; }));
  const int scanned = statistic("seq_scan");  // to make the indexes
  const int read = statistic("idx_tup_fetch");
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_TRUE(set(*tier, key, "v", 1h).has_value());
    ASSERT_TRUE(get_many(*tier, {key, "b", "c"})[0].has_value());
    ASSERT_TRUE(erase(*tier, key).has_value());
  }
  ASSERT_EQ(erase_prefix(*tier, "k1").value(), 11'100U);
  ASSERT_TRUE(set(*tier, "short", "v", 1ms).has_value());
  ASSERT_TRUE(eventually([&] { return tier->postgres_stats().purged == 1; }));
  tier.reset();  // the server publishes a session's figures when it ends
  EXPECT_TRUE(eventually([&] { return statistic("n_tup_del") >= 11'121; }));
  EXPECT_EQ(statistic("seq_scan"), scanned);
  EXPECT_LT(statistic("idx_tup_fetch") - read, 50'000);
}

TEST_F(Postgres, ConnectionsAreOpenedAsTheyAreNeeded) {
  const auto tier = make({.connections = 3});
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(set(*tier, "a", "1").has_value());
  EXPECT_EQ(tier->postgres_stats().connections, 1U);
  ASSERT_TRUE(eventually([&] {
    std::atomic<int> left{200};
    std::promise<void> all;
    for (int i = 0; i < 200; ++i) {
      tier->set(std::to_string(i), "v", {}, soon(), [&](const Result<void>& result) {
        EXPECT_TRUE(result.has_value());
        if (--left == 0) all.set_value();
      });
    }
    all.get_future().get();
    return tier->postgres_stats().connections == 3;
  }));
  EXPECT_EQ(tier->postgres_stats().connects, 3U);
}

TEST_F(Postgres, WritersOfTheSameKeysDoNotDeadlock) {
  const auto tier = make({.connections = 8});
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back("k" + std::to_string(i));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::string_view> mine(keys.begin(), keys.end());
      if (t % 2 == 1) std::reverse(mine.begin(), mine.end());
      for (int round = 0; round < 30; ++round) {
        std::vector<TierWrite> writes;
        for (const auto& key : mine) writes.push_back({key, "v", {}});
        for (const auto& result : set_many(*tier, writes))
          EXPECT_TRUE(result.has_value()) << result.error().message();
        for (const auto& result : erase_many(*tier, mine))
          EXPECT_TRUE(result.has_value()) << result.error().message();
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(Postgres, F48_CloseAnswersEverything) {
  const auto tier = make();
  std::atomic<int> done{0};
  for (int i = 0; i < 500; ++i) {
    tier->set("k" + std::to_string(i), "v", {}, soon(), [&](const Result<void>& result) {
      ++done;
      EXPECT_TRUE(result || result.error() == Errc::shutdown) << result.error().message();
    });
    tier->get("k", soon(), [&](const Result<Found>&) { ++done; });
  }
  tier->close();
  EXPECT_EQ(done, 1000);
  EXPECT_EQ(erase_glob(*tier, "", "*").error(), Errc::shutdown);
  EXPECT_EQ(tier->postgres_stats().connections, 0U);
}

TEST_F(Postgres, F50_AHandlerMayLetGoOfTheTier) {
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

}  // namespace
}  // namespace terrace::database
