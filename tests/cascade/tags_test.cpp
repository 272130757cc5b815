/// Tags, groups, globs and prefixes; hard and soft.

#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

class InvalidationTest : public SharedTest {
 protected:
  const CacheOptions graceful_{.ttl = 10s, .grace = 1min};

  static LookupKind kind(Strings& cache, const std::string& key) { return cache.lookup(key).kind; }
};

TEST_F(InvalidationTest, ATagVoidsWhatCarriesItInEveryProcess) {
  Strings a = make();
  Strings b = make();
  a.set("1", "one", {.tags = {"red", "round"}}).value();
  a.set("2", "two", {.tags = {"blue"}}).value();
  EXPECT_EQ(*b.get("1"), "one");
  EXPECT_EQ(*b.get("2"), "two");
  EXPECT_EQ(b.lookup("1").level, "memory");
  EXPECT_EQ(a.invalidate_tag("red").value(), 1U);
  EXPECT_FALSE(b.get("1"));
  EXPECT_FALSE(a.get("1"));
  EXPECT_EQ(*b.get("2"), "two");
  EXPECT_EQ(a.invalidate_tag("never seen").value(), 0U);
  b.set("1", "again", {.tags = {"red"}}).value();
  EXPECT_EQ(*a.get("1"), "again");
}

TEST_F(InvalidationTest, ATagInvalidatedWhileItsValueIsLoadedVoidsIt) {
  Strings a = make();
  Strings b = make();
  const auto held = std::make_shared<Held>();
  const Later answer = start(a, "k", held, {.tags = {"red"}});
  b.invalidate_tag("red").value();
  held->answer("old");
  EXPECT_EQ(text(answer), "old");
  EXPECT_FALSE(a.get("k"));
  EXPECT_FALSE(b.get("k"));
}

TEST_F(InvalidationTest, TagsOfTheLoaderCountOnceTheyAreKnown) {
  Strings a = make();
  const auto load = [&](const std::string& key, const std::string& value) {
    scheduler_->advance(1ms);
    return a.get_or_load(key, [&] { return Load<std::string>{.value = value, .tags = {"late"}}; }).value();
  };
  EXPECT_EQ(load("1", "one"), "one");
  EXPECT_FALSE(a.get("1")) << "its tag may have been invalidated while it was loaded: not kept";
  load("1", "two");  // the first made the token, which the watch tells: known from now on
  EXPECT_EQ(load("1", "three"), "three");
  EXPECT_EQ(load("1", "four"), "three") << "known before that load began: kept";
  a.invalidate_tag("late").value();
  EXPECT_FALSE(a.get("1"));
}

TEST_F(InvalidationTest, AnEvictedTokenVoids) {
  Strings a = make();
  a.set("k", "one", {.tags = {"red"}}).value();
  EXPECT_TRUE(a.get("k"));
  shared_->erase("default~tag:red", no_deadline, [](const Result<bool>&) {});
  EXPECT_FALSE(a.get("k"));
}

TEST_F(InvalidationTest, WithoutASharedTierTagsLiveInTheProcess) {
  Strings alone(CacheOptions{.scheduler = scheduler_});
  alone.set("k", "one", {.tags = {"red"}}).value();
  EXPECT_TRUE(alone.get("k"));
  EXPECT_EQ(alone.invalidate_tag("red").value(), 1U);
  EXPECT_FALSE(alone.get("k"));
}

TEST_F(InvalidationTest, ASoftTagLeavesStaleValuesForWhenTheOriginFails) {
  Strings a = make(graceful_);
  Strings b = make(graceful_);
  a.set("k", "one", {.tags = {"red"}}).value();
  EXPECT_EQ(*b.get("k"), "one");
  EXPECT_EQ(b.invalidate_tag("red", {.soft = true}).value(), 1U);
  for (Strings* cache : {&a, &b}) {
    EXPECT_FALSE(cache->get("k"));
    const auto found = cache->lookup_or_load("k", failing());
    EXPECT_EQ(found.kind, LookupKind::stale);
    EXPECT_EQ(*found.value, "one");
    scheduler_->advance(2s);
  }
  EXPECT_EQ(a.get_or_load("k", constant("two")).value(), "two");
  a.set("k", "three", {.tags = {"red"}}).value();
  EXPECT_EQ(a.invalidate_tag("red").value(), 1U);
  EXPECT_EQ(a.lookup_or_load("k", failing()).kind, LookupKind::unavailable) << "a hard one leaves nothing";
}

TEST_F(InvalidationTest, SoftKeysAreStaleInEveryLevel) {
  Strings a = make(graceful_);
  Strings b = make(graceful_);
  a.set("k", "one").value();
  b.get("k");
  EXPECT_EQ(b.invalidate({"k", "absent"}, {.soft = true}).value(), 1U);
  EXPECT_EQ(kind(a, "k"), LookupKind::miss);
  EXPECT_EQ(a.lookup_or_load("k", failing()).kind, LookupKind::stale);
  EXPECT_EQ(b.lookup_or_load("k", failing()).kind, LookupKind::stale);
  scheduler_->advance(2s);
  EXPECT_EQ(b.get_or_load("k", constant("two")).value(), "two");
  EXPECT_EQ(*a.get("k"), "two");
}

TEST_F(InvalidationTest, SoftWithoutGraceIsHard) {
  Strings a = make();
  a.set("k", "one").value();
  EXPECT_EQ(a.invalidate({"k"}, {.soft = true}).value(), 1U);
  EXPECT_EQ(a.lookup_or_load("k", failing()).kind, LookupKind::unavailable);
}

TEST_F(InvalidationTest, ASoftInvalidationVoidsALoadFromBeforeIt) {
  Strings a = make(graceful_);
  Strings b = make(graceful_);
  const auto held = std::make_shared<Held>();
  const Later answer = start(a, "k", held);
  b.invalidate({"k"}, {.soft = true}).value();
  held->answer("old");
  EXPECT_EQ(text(answer), "old");
  EXPECT_EQ(kind(a, "k"), LookupKind::miss);
}

TEST_F(InvalidationTest, GroupsAreDefinedFirst) {
  Strings a = make();
  a.set("1", "one").value();
  a.set("2", "two").value();
  const auto unknown = a.invalidate_group("both");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error(), Errc::invalid_argument);
  EXPECT_NE(unknown.error().context.find("both"), std::string::npos);
  a.define_group("both", {"1", "2", "3"});
  EXPECT_EQ(a.invalidate_group("both").value(), 2U);
  EXPECT_FALSE(a.get("1"));
  EXPECT_FALSE(a.get("2"));
}

TEST_F(InvalidationTest, PrefixAndGlobReachEveryLevelOfEveryProcess) {
  Strings a = make();
  Strings b = make();
  for (const char* key : {"user:1", "user:2", "user:10", "order:1"}) {
    a.set(key, key).value();
    b.get(key);
  }
  EXPECT_EQ(b.invalidate_glob("user:?").value(), 2U);
  EXPECT_FALSE(a.get("user:1"));
  EXPECT_TRUE(a.get("user:10"));
  EXPECT_EQ(b.invalidate_prefix("user:").value(), 1U);
  EXPECT_FALSE(a.get("user:10"));
  EXPECT_TRUE(a.get("order:1"));
  EXPECT_EQ(a.invalidate_glob("[").error(), Errc::invalid_argument);
  EXPECT_EQ(a.invalidate_prefix("").error(), Errc::invalid_argument);
  EXPECT_EQ(a.invalidate_prefix("order", {.soft = true}).error(), Errc::invalid_argument);
}

TEST_F(InvalidationTest, AllOfThemRejectTheFillOfALoadFromBefore) {
  const std::vector<std::function<void(Strings&)>> ways = {
      [](Strings& c) { c.erase("key").value(); },
      [](Strings& c) { c.invalidate({"key"}).value(); },
      [](Strings& c) { c.invalidate_glob("k*").value(); },
      [](Strings& c) { c.invalidate_prefix("ke").value(); },
      [](Strings& c) { c.invalidate_tag("red").value(); },
      [](Strings& c) { c.clear().value(); },
  };
  for (std::size_t way = 0; way < ways.size(); ++way) {
    Strings a = make();
    Strings b = make();
    const auto held = std::make_shared<Held>();
    start(a, "key", held, {.tags = {"red"}});
    ways[way](b);
    held->answer("old");
    EXPECT_FALSE(a.get("key")) << way;
    EXPECT_FALSE(b.get("key")) << way;
  }
}

TEST_F(InvalidationTest, BadTagsAreRefused) {
  Strings a = make();
  EXPECT_EQ(a.set("k", "v", {.tags = {""}}).error(), Errc::invalid_argument);
  EXPECT_EQ(a.set("k", "v", {.tags = {std::string(1025, 't')}}).error(), Errc::invalid_argument);
  EXPECT_EQ(a.get_or_load("k", constant("v"), {.tags = {""}}).error(), Errc::invalid_argument);
  EXPECT_EQ(a.invalidate_tag("").error(), Errc::invalid_argument);
}

/// Without a watch a token that is gone is noticed by asking for it alone.
TEST_F(InvalidationTest, AStrongCacheSeesThatAnotherProcessInvalidatedATag) {
  Strings a = make({.consistency = Consistency::strong});
  Strings b = make({.consistency = Consistency::strong});
  a.set("k", "old", {.tags = {"t"}}).value();
  EXPECT_EQ(*a.get("k"), "old");
  b.invalidate_tag("t").value();
  EXPECT_FALSE(a.get("k"));
}

}  // namespace
}  // namespace terrace
