/// Values with tags while the tier that has their tokens cannot be asked: they are loaded no more often than
/// values without tags, and grace works. Tags without a shared tier.

#include "cascade/faulty_shared.hpp"
#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

using Kind = FaultyShared::Kind;
using Strings = Cache<std::string>;

class TagAwayTest : public ::testing::Test {
 protected:
  [[nodiscard]] Strings make(CacheOptions options = {}, bool own = false) const {
    options.scheduler = scheduler_;
    if (!options.ttl) options.ttl = 1h;
    options.ttl_jitter = 0;
    return own ? Strings(std::move(options), {shared_, own_}) : Strings(std::move(options), {shared_});
  }
  /// Reads the key every 10 ms for so long; returns how often it was loaded.
  int loads_within(Strings& cache, Duration time, const ReadOptions& options = {},
                   bool tag_of_loader = false) {
    int loads = 0;
    for (const TimePoint end = scheduler_->clock().now() + time; scheduler_->clock().now() < end;
         scheduler_->advance(10ms)) {
      EXPECT_TRUE(cache.get_or_load(
          "k",
          [&] {
            ++loads;
            Load<std::string> out{.value = "v"};
            if (tag_of_loader) out.tags = {"of the loader"};
            return out;
          },
          options));
    }
    return loads;
  }

  std::shared_ptr<testing::FakeScheduler> scheduler_ = std::make_shared<testing::FakeScheduler>();
  std::shared_ptr<FaultyShared> shared_ = std::make_shared<FaultyShared>(scheduler_->clock());
  std::shared_ptr<testing::MapTier> own_ = std::make_shared<testing::MapTier>(scheduler_->clock());
};

TEST_F(TagAwayTest, ATaggedKeyIsLoadedNoMoreOftenThanOneWithoutTags) {
  for (const char* only : {"", "get_or_put"}) {  // away, and full: only new tokens are refused
    for (const bool below : {false, true}) {
      for (const Consistency consistency : {Consistency::eventual, Consistency::weak}) {
        SCOPED_TRACE(std::string(only) + (below ? " with a tier below" : "") +
                     (consistency == Consistency::weak ? ", weak" : ""));
        shared_ = std::make_shared<FaultyShared>(scheduler_->clock());
        own_ = std::make_shared<testing::MapTier>(scheduler_->clock());
        Strings cache = make({.consistency = consistency}, below);
        cache.set("known", "v", {.tags = {"known"}}).value();
        shared_->plan(Kind::fail, only);
        const int control = loads_within(cache, 3s);
        EXPECT_LE(control, 4);
        cache.erase("k").has_value();
        for (const char* tag : {"known", "new"}) {
          cache.erase("k").has_value();
          scheduler_->advance(20ms);
          EXPECT_LE(loads_within(cache, 3s, {.tags = {tag}}), std::max(control, 4)) << tag;
        }
        cache.erase("k").has_value();
        EXPECT_LE(loads_within(cache, 3s, {}, true), 4) << "a tag that only the loader names";
        shared_->plan(Kind::none);
      }
    }
  }
}

TEST_F(TagAwayTest, AStaleValueIsServedWithinGraceThoughItsTokenCannotBeAskedFor) {
  const CacheOptions options{.ttl = 10s, .grace = 1h};
  {
    Strings cache = make(options, true);
    cache.set("k", "old", {.tags = {"t"}}).value();
  }
  Strings lives = make(options, true);
  EXPECT_EQ(*lives.get("k"), "old");
  shared_->plan(Kind::fail);
  shared_->below.break_watch();
  scheduler_->advance(11s);
  Strings fresh = make(options, true);  // it has never known the token
  for (Strings* cache : {&lives, &fresh}) {
    const auto found = cache->lookup_or_load("k", []() -> std::string { throw std::runtime_error("down"); });
    EXPECT_EQ(found.kind, LookupKind::stale);
    EXPECT_EQ(*found.value, "old");
  }
}

TEST_F(TagAwayTest, MemoryServesATaggedEntryForTheBoundAfterTheWatchIsLost) {
  Strings cache = make();
  cache.get_or_load("k", [] { return std::string("v"); }, {.tags = {"t"}}).value();
  scheduler_->advance(5s);
  ASSERT_EQ(*cache.get("k"), "v");
  shared_->plan(Kind::fail);
  shared_->below.break_watch();
  int loads = 0;
  for (int i = 0; i < 50; ++i) {
    cache.get_or_load("k", [&] { return ++loads, std::string("v"); }, {.tags = {"t"}}).value();
    scheduler_->advance(10ms);
  }
  EXPECT_LE(loads, 1);
}

TEST_F(TagAwayTest, AnInvalidationByThisProcessCountsAtOnce) {
  Strings cache = make({.ttl = 1h, .grace = 1h}, true);
  cache.set("k", "old", {.tags = {"t"}}).value();
  shared_->plan(Kind::fail);
  cache.get_or_load("n", [] { return std::string("old"); }, {.tags = {"t", "new"}}).value();
  EXPECT_EQ(*cache.get("n"), "old");
  EXPECT_FALSE(cache.invalidate_tag("t")) << "the tier will learn of it later";
  const auto fails = []() -> std::string { throw std::runtime_error("down"); };
  EXPECT_EQ(cache.lookup_or_load("k", fails).kind, LookupKind::unavailable) << "no grace after that";
  EXPECT_EQ(cache.lookup_or_load("n", fails).kind, LookupKind::unavailable);

  // In the midst of a load.
  const auto found = cache.get_or_load("m",
                                       [&] {
                                         EXPECT_FALSE(cache.invalidate_tag("t2"));
                                         return std::string("from before");
                                       },
                                       {.tags = {"t2"}});
  EXPECT_EQ(found.value(), "from before");
  EXPECT_FALSE(cache.get("m"));
  EXPECT_TRUE(cache.get_or_load("l", [&] {
    EXPECT_FALSE(cache.invalidate_tag("t3"));
    return Load<std::string>{.value = "from before", .tags = {"t3"}};
  }));
  EXPECT_FALSE(cache.get("l"));
}

TEST_F(TagAwayTest, AnInvalidationByAnotherProcessCountsWhenTheTierIsBack) {
  const auto second = std::make_shared<FaultyShared>(scheduler_->clock());
  Strings a = make({}, true);
  Strings b = make({}, true);
  a.set("k", "old", {.tags = {"t"}}).value();
  ASSERT_EQ(*b.get("k"), "old");
  shared_->plan(Kind::fail);
  shared_->below.break_watch();
  EXPECT_FALSE(a.invalidate_tag("t"));
  b.get_or_load("new", [] { return std::string("loaded meanwhile"); }, {.tags = {"t"}}).value();
  shared_->plan(Kind::none);
  shared_->below.restore_watch();
  scheduler_->advance(10s);
  EXPECT_EQ(a.stats().unrecovered, 0U);
  EXPECT_FALSE(b.get("k"));
  EXPECT_FALSE(b.get("new")) << "stored below with the token from before";
  EXPECT_EQ(b.get_or_load("k", [] { return std::string("new"); }, {.tags = {"t"}}).value(), "new");
  EXPECT_EQ(*a.get("k"), "new");
}

TEST(TagsInMemory, AreExactHoweverManyThereAre) {
  Cache<std::string> cache({.max_entries = 300'000, .scheduler = std::make_shared<testing::FakeScheduler>()});
  constexpr int entries = 200'000;
  const auto name = [](const char* what, int i) { return what + std::to_string(i); };
  for (int i = 0; i < entries; ++i) cache.set(name("k", i), "v", {.tags = {name("t", i)}}).value();
  for (int i = 0; i < entries; ++i) ASSERT_TRUE(cache.get(name("k", i))) << i;
  for (int i = 0; i < entries; i += 1000) EXPECT_TRUE(cache.invalidate_tag(name("t", i)));
  int gone = 0;
  for (int i = 0; i < entries; ++i) gone += cache.get(name("k", i)) ? 0 : 1;
  EXPECT_EQ(gone, entries / 1000);
}

/// A process without a watch has learned the token by its own write. Another one invalidates the tag, then the tier
/// goes away: the lower tier has the value, and nobody can say whether its tag is still valid.
TEST_F(TagAwayTest, ATokenThatCannotBeAskedForIsNotTakenFromAnEarlierLookup) {
  for (const Consistency consistency : {Consistency::strong, Consistency::weak, Consistency::eventual}) {
    SCOPED_TRACE(static_cast<int>(consistency));
    Strings writer = make({.memory_level = false, .consistency = consistency}, true);
    Strings other = make({.consistency = consistency}, true);
    writer.set("k", "old", {.tags = {"t"}}).value();
    EXPECT_EQ(writer.get("k"), "old");
    other.invalidate_tag("t").value();
    shared_->plan(Kind::fail);
    EXPECT_NE(writer.get("k"), "old");
    shared_->plan(Kind::none);
    EXPECT_EQ(writer.get("k"), std::nullopt);
  }
}

}  // namespace
}  // namespace terrace
