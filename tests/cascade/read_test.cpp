#include "cascade/fixture.hpp"

namespace terrace {
namespace {

class ReadTest : public CascadeTest {};

TEST_F(ReadTest, AnUnknownKeyIsAMissOnEveryLevel) {
  auto cache = make();
  EXPECT_EQ(cache.get("k"), std::nullopt);
  const auto found = cache.lookup("k");
  EXPECT_EQ(found.kind, LookupKind::miss);
  EXPECT_TRUE(found.level.empty());
  EXPECT_FALSE(found);
}

TEST_F(ReadTest, TellsWhichLevelAnsweredAndFillsTheOnesAbove) {
  make().set("k", "v").value();
  upper_map_->erase("default:k", no_deadline, [](const Result<bool>&) {});
  auto cache = make_other();
  EXPECT_EQ(cache.lookup("k").level, "map#2");
  EXPECT_TRUE(in_map(upper_map_, "k"));
  EXPECT_EQ(cache.lookup("k").level, "memory");
  auto third = make_other();
  EXPECT_EQ(third.lookup("k").level, "map");
  EXPECT_EQ(third.get("k"), "v");
}

TEST_F(ReadTest, ACacheWithoutTiersIsMemoryOnly) {
  Strings cache({.scheduler = scheduler_});
  EXPECT_EQ(cache.get("k"), std::nullopt);
  cache.set("k", "v").value();
  EXPECT_EQ(cache.get("k"), "v");
  EXPECT_TRUE(cache.erase("k").value());
  EXPECT_FALSE(cache.erase("k").value());
}

TEST_F(ReadTest, KeysThatNoTierTakesAreRefusedWithTheirLimit) {
  auto cache = make();
  for (const std::string& key : {std::string(), std::string(max_key_size, 'k')}) {
    EXPECT_EQ(cache.get(key), std::nullopt);
    const auto found = cache.lookup(key);
    EXPECT_EQ(found.kind, LookupKind::unavailable);
    EXPECT_EQ(found.error, Errc::invalid_key);
    EXPECT_EQ(cache.get_or_load(key, constant("v")).error(), Errc::invalid_key);
    EXPECT_EQ(cache.set(key, "v").error(), Errc::invalid_key);
    EXPECT_EQ(cache.erase(key).error(), Errc::invalid_key);
    EXPECT_EQ(cache.explain(key).error(), Errc::invalid_key);
  }
}

TEST_F(ReadTest, KeysAreAnyBytesAndNamespacesDoNotMeet) {
  auto cache = make();
  for (const std::string& key :
       {std::string("a\0b", 3), std::string("a"), std::string("a\r\nb"), std::string("ключ")}) {
    cache.set(key, "value of " + key).value();
    EXPECT_EQ(make_other().get(key), "value of " + key);
  }
  auto other = make({.name = "other", .ttl_jitter = 0});
  EXPECT_EQ(other.get("a"), std::nullopt);
}

TEST_F(ReadTest, ManyKeysAreAnsweredInTheirOrderWithOneOperationATier) {
  make().set_many({{"a", "1"}, {"b", "2"}}).front().value();
  int operations = 0;
  upper_->plan([&](std::string_view, std::string_view) {
    ++operations;
    return testing::Fault{};
  });
  auto cache = make_other();
  cache.set("c", "3").value();
  operations = 0;
  const auto values = cache.get_many({"c", "b", "x", "a", "b"});
  EXPECT_EQ(values, (std::vector<std::optional<std::string>>{"3", "2", std::nullopt, "1", "2"}));
  EXPECT_EQ(operations, 3 + 1)
      << "b, x and a, and the claim of x; c is in memory, the second b joins the first";
}

TEST_F(ReadTest, VisitsMemoryWithoutACopy) {
  auto cache = make();
  bool called = false;
  EXPECT_FALSE(cache.visit_memory("k", [&](const std::string&) { called = true; }));
  cache.set("k", "v").value();
  EXPECT_TRUE(cache.visit_memory("k", [&](const std::string& value) { called = value == "v"; }));
  EXPECT_TRUE(called);
}

TEST_F(ReadTest, ExplainShowsEveryLevelAndChangesNothing) {
  auto cache = make({.ttl = 10s, .ttl_jitter = 0});
  cache.set("k", "v").value();
  scheduler_->advance(3s);
  auto other = make_other();
  const auto told = other.explain("k").value();
  ASSERT_EQ(told.levels.size(), 3U);
  EXPECT_EQ(told.levels[0].kind, LookupKind::miss);
  EXPECT_EQ(told.levels[1].kind, LookupKind::hit);
  EXPECT_EQ(told.levels[2].level, "map#2");
  EXPECT_EQ(told.levels[2].age, 3s);
  EXPECT_EQ(told.levels[2].remaining, 7s);
  EXPECT_GT(told.levels[2].bytes, 0U);
  EXPECT_EQ(other.explain("k").value().levels[0].kind, LookupKind::miss) << "explain fills nothing";
  EXPECT_NE(told.to_string().find("map: hit, age 3.000 s, expires in 7.000 s"), std::string::npos)
      << told.to_string();
}

TEST_F(ReadTest, ExplainNamesWhatIsUnreadableOrUnreachable) {
  auto cache = make();
  upper_map_->set("default:k", "foreign bytes", {}, no_deadline, [](const Result<void>&) {});
  lower_->plan({.kind = testing::Fault::Kind::fail});
  const auto told = cache.explain("k").value();
  EXPECT_EQ(told.levels[1].kind, LookupKind::miss);
  EXPECT_NE(told.levels[1].note.find("unreadable"), std::string::npos);
  EXPECT_EQ(told.levels[2].kind, LookupKind::unavailable);
}

TEST_F(ReadTest, StatisticsCountEachLevel) {
  auto cache = make();
  cache.set("a", "1").value();
  (void)cache.get("a");
  (void)cache.get("b");
  auto stats = cache.stats();
  ASSERT_EQ(stats.levels.size(), 3U);
  EXPECT_EQ(stats.levels[0].hits, 1U);
  EXPECT_EQ(stats.levels[0].misses, 1U);
  EXPECT_EQ(stats.levels[1].misses, 1U);
  EXPECT_EQ(stats.levels[2].misses, 1U);
  EXPECT_EQ(stats.writes, 1U);
  auto other = make_other();
  (void)other.get("a");
  stats = other.stats();
  EXPECT_EQ(stats.levels[1].hits, 1U);
  EXPECT_DOUBLE_EQ(stats.levels[1].hit_rate(), 1.0);
  EXPECT_EQ(stats.levels[2].hits + stats.levels[2].misses, 0U);
}

TEST_F(ReadTest, AFlushBegunByWhoJustGotItsAnswerWaitsForTheFillsOfThatRead) {
  Strings cache = make();
  upper_->plan([](std::string_view operation, std::string_view) {
    return operation == "compare_and_set" ? testing::Fault{.kind = testing::Fault::Kind::hold}
                                          : testing::Fault{};
  });
  bool flushed = false;
  detail::CacheAccess::engine(cache).read(
      {"k"}, cascade::make_loader<std::string>(constant("v")), {}, [&](const std::vector<cascade::Answer>&) {
        detail::CacheAccess::engine(cache).flush({}, [&](const Result<void>&) { flushed = true; });
      });
  scheduler_->run_ready();
  EXPECT_EQ(upper_->held(), 1U);
  EXPECT_FALSE(flushed);
  upper_->release();
  EXPECT_TRUE(flushed);
}

TEST_F(ReadTest, FlushWaitsForWhatIsOnItsWayIntoTiers) {
  auto cache = make();
  cache.flush().value();
  upper_->plan({.kind = testing::Fault::Kind::delay, .delay = 100ms});
  EXPECT_EQ(cache.get_or_load("k", constant("v")).value(), "v");
  EXPECT_FALSE(in_map(upper_map_, "k"));
  EXPECT_EQ(cache.flush({.timeout = 10ms}).error(), Errc::timed_out);
  EXPECT_FALSE(in_map(upper_map_, "k"));
  cache.flush().value();
  EXPECT_TRUE(in_map(upper_map_, "k"));
  upper_->plan({.kind = testing::Fault::Kind::hang});
  EXPECT_EQ(cache.get_or_load("l", constant("v")).value(), "v");
  cache.flush().value();
}

TEST_F(ReadTest, WrongOptionsAreRefusedByName) {
  const auto refused = [&](CacheOptions options, const std::string& part) {
    options.scheduler = scheduler_;
    try {
      Strings cache(options);
      ADD_FAILURE() << "accepted: " << part;
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused({.name = ""}, "name");
  refused({.name = "a:b"}, "name");
  refused({.name = std::string(65, 'n')}, "name");
  refused({.ttl = 0s}, "ttl");
  refused({.negative_ttl = -1s}, "negative_ttl");
  refused({.ttl_jitter = 0.9}, "ttl_jitter");
  refused({.ttl_jitter = -0.1}, "ttl_jitter");
  refused({.tier_timeout = 0s}, "tier_timeout");
  refused({.load_timeout = 0s}, "load_timeout");
  refused({.max_entries = 0}, "max_entries");
  EXPECT_THROW(Strings({.scheduler = scheduler_}, {nullptr}), ConfigError);
}

TEST_F(ReadTest, AClosedCacheAnswersShutdown) {
  auto cache = make();
  cache.set("k", "v").value();
  cache.close();
  cache.close();
  EXPECT_EQ(cache.get("k"), std::nullopt);
  EXPECT_EQ(cache.lookup("k").error, Errc::shutdown);
  EXPECT_EQ(cache.set("k", "v").error(), Errc::shutdown);
  EXPECT_EQ(cache.erase("k").error(), Errc::shutdown);
  EXPECT_EQ(cache.clear().error(), Errc::shutdown);
  EXPECT_EQ(cache.explain("k").error(), Errc::shutdown);
}

}  // namespace
}  // namespace terrace
