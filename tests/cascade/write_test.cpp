#include "cascade/fixture.hpp"

namespace terrace {
namespace {

class WriteTest : public CascadeTest {};

TEST_F(WriteTest, WriteThroughStoresInEveryLevelTheLowestFirst) {
  auto cache = make();
  std::vector<std::string> order;
  upper_->plan([&](std::string_view op, std::string_view) {
    return order.push_back("upper " + std::string(op)), testing::Fault{};
  });
  lower_->plan([&](std::string_view op, std::string_view) {
    return order.push_back("lower " + std::string(op)), testing::Fault{};
  });
  cache.set("k", "v").value();
  EXPECT_EQ(order, (std::vector<std::string>{"lower set", "upper set"}));
  EXPECT_EQ(cache.lookup("k").level, "memory");
  EXPECT_EQ(make_other().get("k"), "v");
}

TEST_F(WriteTest, WriteAroundRemovesTheKeyEverywhere) {
  make().set("k", "old").value();
  auto cache = make({.ttl_jitter = 0, .write_mode = WriteMode::around});
  EXPECT_EQ(cache.get("k"), "old");
  cache.set("k", "new").value();
  EXPECT_FALSE(in_map(upper_map_, "k"));
  EXPECT_FALSE(in_map(lower_map_, "k"));
  EXPECT_EQ(cache.get_or_load("k", constant("from the origin")).value(), "from the origin");
}

TEST_F(WriteTest, EraseRemovesFromEveryLevelAndTellsWhetherOneHadIt) {
  make().set("k", "v").value();
  auto cache = make_other();
  EXPECT_TRUE(cache.erase("k").value()) << "only the tiers had it";
  EXPECT_FALSE(cache.erase("k").value());
  EXPECT_EQ(cache.get("k"), std::nullopt);
  cache.set_many({{"a", "1"}, {"b", "2"}});
  const auto erased = cache.erase_many({"a", "x", "b", ""});
  EXPECT_TRUE(erased[0].value());
  EXPECT_FALSE(erased[1].value());
  EXPECT_TRUE(erased[2].value());
  EXPECT_EQ(erased[3].error(), Errc::invalid_key);
  EXPECT_EQ(cache.stats().erases, 5U);
}

TEST_F(WriteTest, ClearRemovesThisCachesKeysAndNoOthers) {
  auto cache = make();
  auto other = make({.name = "default2", .ttl_jitter = 0});
  cache.set_many({{"a", "1"}, {"b", "2"}});
  other.set("a", "other's").value();
  cache.clear().value();
  EXPECT_EQ(cache.get("a"), std::nullopt);
  EXPECT_EQ(make_other().get("b"), std::nullopt);
  EXPECT_EQ(other.get("a"), "other's");
}

TEST_F(WriteTest, ATierThatDoesNotTakeAWriteIsNamed) {
  auto cache = make();
  upper_->plan({.kind = testing::Fault::Kind::fail});
  const auto outcome = cache.set("k", "v");
  EXPECT_EQ(outcome.error(), Errc::partial_write);
  EXPECT_NE(outcome.error().context.find("everywhere but in map: unavailable"), std::string::npos)
      << outcome.error().context;
  EXPECT_EQ(cache.get("k"), "v") << "the other levels have it";
  EXPECT_TRUE(in_map(lower_map_, "k"));
  EXPECT_EQ(cache.erase("k").error(), Errc::partial_write);
  EXPECT_EQ(cache.clear().error(), Errc::partial_write);
  EXPECT_EQ(cache.stats().write_failures, 3U);
}

TEST_F(WriteTest, ValuesOverTheLimitAreRefusedAndChangeNothing) {
  auto cache = make({.ttl_jitter = 0, .max_value_bytes = 100});
  cache.set("k", "small").value();
  const auto outcome = cache.set("k", std::string(200, 'x'));
  EXPECT_EQ(outcome.error(), Errc::value_too_large);
  EXPECT_NE(outcome.error().context.find("max_value_bytes"), std::string::npos);
  EXPECT_EQ(cache.get("k"), "small");
  EXPECT_EQ(cache.get_or_load("loaded", constant(std::string(200, 'x'))).value().size(), 200U)
      << "what is loaded is answered, and stays in memory alone";
  EXPECT_FALSE(in_map(lower_map_, "loaded"));
}

TEST_F(WriteTest, ATtlThatIsNotAboveZeroIsRefused) {
  auto cache = make();
  EXPECT_EQ(cache.set("k", "v", {.ttl = 0s}).error(), Errc::invalid_argument);
  EXPECT_EQ(cache.get("k"), std::nullopt);
}

TEST_F(WriteTest, NoKeysIsNoWork) {
  auto cache = make();
  EXPECT_TRUE(cache.set_many({}).empty());
  EXPECT_TRUE(cache.erase_many({}).empty());
  EXPECT_TRUE(cache.lookup_many({}).empty());
}

/// The clock that hits look at stands for some milliseconds at a time.
TEST(SoftInvalidation, HoldsAtOnceOnARealClock) {
  Cache<std::string> cache({.ttl = 1h, .grace = 1min});
  for (int i = 0; i < 50; ++i) {
    cache.set("k", "v").value();
    cache.invalidate({"k"}, {.soft = true}).value();
    EXPECT_NE(cache.lookup("k").kind, LookupKind::hit) << i;
  }
}

}  // namespace
}  // namespace terrace
