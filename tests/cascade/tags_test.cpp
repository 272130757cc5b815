/// Tags, groups, globs and prefixes; hard and soft.

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "cascade/shared_fixture.hpp"
#include "cascade/tag_table.hpp"
#include "envelope/envelope.hpp"

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

/// A caller that comes after the invalidation does not get what a load from before it finds.
TEST_F(InvalidationTest, ALoadFromBeforeTheInvalidationOfItsTagAnswersNoLaterCaller) {
  for (const bool soft : {false, true}) {
    for (const bool shared : {false, true}) {
      SCOPED_TRACE(std::string(soft ? "soft" : "hard") + (shared ? ", shared" : ", memory alone"));
      scheduler_->advance(1ms);
      Strings cache =
          shared ? make(graceful_) : Strings({.ttl = 10s, .grace = 1min, .scheduler = scheduler_});
      const std::string key = soft ? "s" : "h";
      cache.set("other", "v", {.tags = {"red"}}).value();
      const auto held = std::make_shared<Held>();
      const Later first = start(cache, key, held, {.tags = {"red"}});
      cache.invalidate_tag("red", {.soft = soft}).value();
      const auto again = std::make_shared<Held>();
      const Later second = start(cache, key, again, {.tags = {"red"}});
      held->answer("old");
      EXPECT_EQ(text(first), "old");
      again->answer("new");
      EXPECT_EQ(text(second), "new");
      EXPECT_EQ(*cache.get(key), "new");
      cache.erase(key).value();
    }
  }
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

/// Readers reject an entry with more tags than 64.
TEST_F(InvalidationTest, A10_MoreTagsThanAnEntryMayHaveAreRefused) {
  Strings a = make(), b = make();
  std::vector<std::string> tags;
  for (int i = 0; i < 64; ++i) tags.push_back("tag:" + std::to_string(i));
  a.set("k", "v", {.tags = tags}).value();
  EXPECT_EQ(*b.get("k"), "v");
  const auto loaded = [&] { return Load<std::string>{.value = "v", .tags = {"one more"}}; };
  const auto too_many = a.get_or_load("loaded", loaded, {.tags = tags});
  EXPECT_EQ(too_many.error(), Errc::loader_failed) << "those of the call and of the loader together";
  EXPECT_THAT(too_many.error().context, ::testing::HasSubstr("65 tags are given; an entry has at most 64"));
  tags.push_back("one more");
  const auto refused = a.set("k", "other", {.tags = tags});
  EXPECT_EQ(refused.error(), Errc::invalid_argument);
  EXPECT_THAT(refused.error().context, ::testing::HasSubstr("65 tags are given; an entry has at most 64"));
  EXPECT_EQ(a.get_or_load("other", constant("v"), {.tags = tags}).error(), Errc::invalid_argument);
  EXPECT_EQ(*b.get("k"), "v");
}

/// A value that is silently never kept would be loaded with each read.
TEST_F(InvalidationTest, BadTagsOfTheLoaderFailTheLoad) {
  Strings a = make();
  for (const auto& [tag, named] : {std::pair{std::string(), "a tag is empty; give it a name"},
                                   std::pair{std::string(1025, 't'), "the tag \"ttt"}}) {
    const auto loaded = a.get_or_load("k", [&] {
      return Load<std::string>{.value = "v", .tags = {"fine", tag}};
    });
    ASSERT_EQ(loaded.error(), Errc::loader_failed);
    EXPECT_THAT(loaded.error().context, ::testing::HasSubstr("the loader of \"k\" gave an invalid tag: "));
    EXPECT_THAT(loaded.error().context, ::testing::HasSubstr(named));
  }
  EXPECT_EQ(a.stats().load_failures, 2U);
  const auto passing = [] { return Load<std::string>{.value = "v", .tags = {""}, .keep = false}; };
  EXPECT_EQ(a.get_or_load("k", passing).error(), Errc::loader_failed)
      << "a mistake whether it is kept or not";
  EXPECT_EQ(a.get_or_load("k", constant("v")).value(), "v") << "the next load is free to be right";
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

/// What stood here before: what is unknown equalled itself.
cascade::TagVerdict mutant_compare(cascade::Token marked, cascade::Token now) {
  if (marked == now) return cascade::TagVerdict::valid;
  return cascade::compare_tokens(marked, now);
}

TEST(TagTokens, WhatIsUnknownEqualsNothing) {
  using cascade::compare_tokens;
  using cascade::TagVerdict;
  constexpr cascade::Token token = cascade::Token{7} << cascade::soft_token_bits;
  EXPECT_EQ(compare_tokens(token, token), TagVerdict::valid);
  EXPECT_EQ(compare_tokens(token, token + 1), TagVerdict::stale);
  EXPECT_EQ(compare_tokens(token, token * 2), TagVerdict::void_);
  EXPECT_EQ(compare_tokens(token, cascade::unknown_token), TagVerdict::void_);
  EXPECT_EQ(compare_tokens(cascade::unknown_token, token), TagVerdict::void_);
  EXPECT_EQ(compare_tokens(cascade::unknown_token, cascade::unknown_token), TagVerdict::void_);
  EXPECT_EQ(mutant_compare(cascade::unknown_token, cascade::unknown_token), TagVerdict::valid);
}

/// One thread learns what the store says while another invalidates: who has invalidated sees nothing older.
TEST(TagTokens, WhatWasAskedBeforeAnInvalidationIsNeverKnownAfterIt) {
  cascade::TagTable table(system_clock());
  constexpr cascade::Token first = cascade::Token{1} << cascade::soft_token_bits;
  std::atomic<cascade::Token> stored{first};
  std::atomic<bool> ended{false};
  std::thread learner([&] {
    while (!ended) {
      const cascade::Stamp stamp = table.stamp("t");
      table.learn("t", stored, stamp, TimePoint{});
    }
  });
  int older = 0;
  for (cascade::Token token = first * 2; token < first * 1'000'000; token += first) {
    stored = token;
    table.invalidated("t");
    const cascade::Token known = table.known("t");
    older += known != cascade::unknown_token && known != token ? 1 : 0;
  }
  ended = true;
  learner.join();
  EXPECT_EQ(older, 0);
  // A stamp from before is of no use after.
  const cascade::Stamp stamp = table.stamp("t");
  table.invalidated("t");
  table.learn("t", first, stamp, TimePoint{});
  EXPECT_EQ(table.known("t"), cascade::unknown_token);
}

/// What is no token, or none that a cache can have drawn.
class PlantedTokenTest : public InvalidationTest {
 protected:
  static std::vector<Bytes> plants() {
    return {Bytes(),
            Bytes(1, 'x'),
            Bytes(7, 'x'),
            Bytes(8, '\0'),
            Bytes(9, 'x'),
            Bytes(100'000, 'x'),
            Bytes("\xff\xff\xff\0\0\0\0\0", 8)};
  }
  void plant(const Bytes& bytes) const {
    shared_->set("default~tag:t", bytes, {}, no_deadline, [](const Result<void>& set) { set.value(); });
  }
};

TEST_F(PlantedTokenTest, A01_GivesWayToAFreshOneAndIsCounted) {
  for (const Consistency consistency : {Consistency::eventual, Consistency::weak, Consistency::strong}) {
    for (const Bytes& bytes : plants()) {
      SCOPED_TRACE(bytes.size());
      plant(bytes);
      Strings a = make({.consistency = consistency});
      Strings b = make({.consistency = consistency});
      a.set("k", "old", {.tags = {"t"}}).value();
      EXPECT_EQ(a.stats().levels[1].unreadable, 1U);
      EXPECT_EQ(*a.get("k"), "old");
      EXPECT_EQ(*b.get("k"), "old");
      EXPECT_EQ(a.invalidate_tag("t").value(), 1U);
      EXPECT_FALSE(a.get("k"));
      if (consistency != Consistency::weak) {
        EXPECT_FALSE(b.get("k"));
      }
      EXPECT_FALSE(make().get("k"));
    }
  }
}

TEST_F(PlantedTokenTest, A01_InThePlaceOfATokenVoidsWhatHasTheTag) {
  for (const Bytes& bytes : plants()) {
    SCOPED_TRACE(bytes.size());
    Strings a = make(graceful_);
    a.set("k", "old", {.tags = {"t"}}).value();
    EXPECT_EQ(*a.get("k"), "old");
    plant(bytes);
    EXPECT_FALSE(a.get("k"));
    EXPECT_FALSE(make(graceful_).get("k"));
    EXPECT_EQ(a.get_or_load("k", constant("new"), {.tags = {"t"}}).value(), "new");
    EXPECT_EQ(*make(graceful_).get("k"), "new");
    a.invalidate_tag("t").value();
    EXPECT_FALSE(make(graceful_).get("k"));
  }
}

TEST_F(PlantedTokenTest, A01_IsVoidedBySoftInvalidationAsWell) {
  for (const Bytes& bytes : plants()) {
    SCOPED_TRACE(bytes.size());
    Strings a = make(graceful_);
    a.set("k", "old", {.tags = {"t"}}).value();
    plant(bytes);
    a.invalidate_tag("t", {.soft = true}).value();
    EXPECT_EQ(a.lookup_or_load("k", failing()).kind, LookupKind::unavailable);
    a.set("k", "new", {.tags = {"t"}}).value();
    EXPECT_EQ(*make(graceful_).get("k"), "new");
  }
}

/// An entry whose mark is planted as well: as it was stored by who took such a token for one.
TEST_F(PlantedTokenTest, A01_DoesNotMakeAnEntryWithTheMarkZeroValid) {
  envelope::EnvelopeMeta meta;
  meta.created = scheduler_->clock().wall_now();
  meta.fresh_until = meta.created + 1h;
  meta.tags.push_back({"t", cascade::unknown_token});
  const auto plain = [&](const std::string& value) {
    Strings a = make();
    a.set("model", value).value();
    Result<Found> found = Found{};
    shared_->get("default:model", no_deadline, [&](Result<Found> f) { found = std::move(f); });
    const auto opened = envelope::open("default", "model", **found, {});
    meta.codec = opened->meta.codec;
    meta.schema = opened->meta.schema;
    return envelope::wrap("default", "k", meta, opened->payload(), {}, nullptr);
  };
  const Bytes stored = plain("old");
  for (const bool token : {false, true}) {
    shared_->erase("default~tag:t", no_deadline, [](const Result<bool>&) {});
    if (token) plant(Bytes(8, '\0'));
    shared_->set("default:k", stored, {}, no_deadline, [](const Result<void>& set) { set.value(); });
    EXPECT_FALSE(make().get("k"));
    EXPECT_FALSE(make({.consistency = Consistency::strong}).get("k"));
  }
  meta.tags.clear();
  shared_->set("default:k", plain("old"), {}, no_deadline, [](const Result<void>& set) { set.value(); });
  EXPECT_EQ(*make().get("k"), "old") << "the control: but for the tag it is an entry";
}

}  // namespace
}  // namespace terrace
