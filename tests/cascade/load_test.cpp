#include <stdexcept>
#include <unordered_map>

#include "cascade/fixture.hpp"

namespace terrace {
namespace {

class LoadTest : public CascadeTest {};

std::string load_by_name(std::string_view key) {
  return "v of " + std::string(key);
}
std::vector<std::optional<std::string>> load_all_by_name(const std::vector<std::string>& keys) {
  return std::vector<std::optional<std::string>>(keys.size(), "v");
}

TEST_F(LoadTest, LoadsOnceAndFillsEveryLevel) {
  auto cache = make();
  int loads = 0;
  const auto loader = [&] { return "v" + std::to_string(++loads); };
  EXPECT_EQ(cache.lookup_or_load("k", loader).level, "loader");
  EXPECT_EQ(cache.get_or_load("k", loader).value(), "v1");
  EXPECT_TRUE(in_map(upper_map_, "k"));
  EXPECT_TRUE(in_map(lower_map_, "k"));
  EXPECT_EQ(make_other().get_or_load("k", loader).value(), "v1");
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(cache.stats().loads, 1U);
}

TEST_F(LoadTest, TakesLoadersInEveryForm) {
  auto cache = make();
  EXPECT_EQ(cache.get_or_load("1", [](std::string_view key) { return "for " + std::string(key); }).value(),
            "for 1");
  EXPECT_EQ(cache.get_or_load("2", [] { return "literal"; }).value(), "literal");
  EXPECT_EQ(cache.get_or_load("3", [] { return std::optional<std::string>("maybe"); }).value(), "maybe");
  EXPECT_EQ(cache.get_or_load("4", [] { return Result<std::string>("result"); }).value(), "result");
  EXPECT_EQ(cache.get_or_load("5", [] { return Load<std::string>{.value = "own", .ttl = 1s}; }).value(),
            "own");
  EXPECT_EQ(cache.lookup("5").remaining, 1s);
  EXPECT_EQ(cache.lookup("4").remaining, std::nullopt);
  EXPECT_EQ(
      cache.get_or_load("6", [owned = std::make_unique<int>(6)] { return std::to_string(*owned); }).value(),
      "6");
}

TEST_F(LoadTest, ReadersThatMissTogetherShareOneLoad) {
  auto cache = make();
  int loads = 0;
  std::vector<Later<cascade::Answer>> readers;
  for (int i = 0; i < 1000; ++i) {
    readers.push_back(start_load(cache, "k", [&] { return std::to_string(++loads); }));
  }
  scheduler_->run_ready();
  for (const auto& reader : readers) EXPECT_EQ(text(reader), "1");
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(cache.stats().joined, 999U);
  EXPECT_FALSE((*readers.front())->joined);
  EXPECT_TRUE((*readers.back())->joined);
}

TEST_F(LoadTest, AReaderThatLooksDoesNotWaitForALoadOfOthers) {
  auto cache = make();
  const auto loading = start_load(cache, "k", constant("v"));
  EXPECT_EQ(detail::CacheAccess::engine(cache).stats().loads, 0U)
      << "the load is queued, and the lookup is over";
  const auto looking = start_lookup(cache, "k");
  ASSERT_TRUE(looking->has_value());
  EXPECT_EQ((*looking)->kind, LookupKind::miss);
  scheduler_->run_ready();
  EXPECT_EQ(text(loading), "v");
}

TEST_F(LoadTest, ALookThatALoadJoinsIsAnsweredBeforeTheLoad) {
  auto cache = make();
  upper_->plan({.kind = testing::Fault::Kind::hold});
  const auto looking = start_lookup(cache, "k");
  const auto loading = start_load(cache, "k", constant("v"));
  upper_->plan(nullptr);
  EXPECT_EQ(upper_->release(), 1U) << "one lookup for both";
  ASSERT_TRUE(looking->has_value());
  EXPECT_EQ((*looking)->kind, LookupKind::miss);
  EXPECT_EQ(text(loading), "(pending)");
  scheduler_->run_ready();
  EXPECT_EQ(text(loading), "v");
}

TEST_F(LoadTest, F35_WhatTheLoaderThrowsReachesEveryWaiterAndIsNotCached) {
  auto cache = make();
  std::vector<Later<cascade::Answer>> readers;
  for (int i = 0; i < 3; ++i) {
    readers.push_back(
        start_load(cache, "k", []() -> std::string { throw std::runtime_error("database on fire"); }));
  }
  scheduler_->run_ready();
  for (const auto& reader : readers) {
    EXPECT_EQ((*reader)->kind, LookupKind::unavailable);
    EXPECT_EQ((*reader)->error, Errc::loader_failed);
    EXPECT_EQ((*reader)->error.context, "database on fire");
    EXPECT_THROW(std::rethrow_exception((*reader)->error.cause), std::runtime_error);
  }
  const Error odd = cache.get_or_load("k", []() -> std::string { throw 7; }).error();
  EXPECT_EQ(odd, Errc::loader_failed);
  EXPECT_THROW(std::rethrow_exception(odd.cause), int);
  EXPECT_EQ(cache.get_or_load("k", [] { return Result<std::string>(Error(Errc::denied, "no")); }).error(),
            Errc::denied);
  EXPECT_EQ(cache.get_or_load("k", constant("v")).value(), "v");
  EXPECT_EQ(cache.stats().load_failures, 3U);
}

TEST_F(LoadTest, AValueThatIsNotToBeKeptGoesToThoseWhoWaitAndIntoNoLevel) {
  auto cache = make();
  const auto load = [] { return Load<std::string>{.value = "v", .keep = false}; };
  const auto first = start_load(cache, "k", load);
  const auto second = start_load(cache, "k", load);
  scheduler_->run_ready();
  EXPECT_EQ(text(first), "v");
  EXPECT_EQ(text(second), "v");
  EXPECT_FALSE(cache.get("k"));
  EXPECT_FALSE(in_map(upper_map_, "k"));
  EXPECT_FALSE(in_map(lower_map_, "k"));
  EXPECT_EQ(cache.stats().loads, 1U);
  EXPECT_EQ(cache.stats().rejected_fills, 0U);
}

TEST_F(LoadTest, WithoutAMemoryLevelEveryReadAsksTheTiers) {
  auto cache = make({.memory_level = false, .ttl_jitter = 0});
  EXPECT_EQ(cache.get_or_load("k", constant("v")).value(), "v");
  ASSERT_TRUE(cache.set("w", "x"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cache.lookup("k").level, upper_->name());
    EXPECT_EQ(cache.lookup("w").level, upper_->name());
  }
  const auto stats = cache.stats();
  EXPECT_EQ(stats.levels[0].hits + stats.levels[0].misses, 0U);
  EXPECT_EQ(stats.levels[1].hits, 6U);
  EXPECT_EQ(stats.loads, 1U);
}

TEST_F(LoadTest, ALoaderThatHangsIsGivenUpAndItsLateValueDropped) {
  auto cache = make({.ttl_jitter = 0, .load_timeout = 5s});
  struct Hanging final : cascade::Loader {
    [[nodiscard]] bool blocks() const noexcept override { return false; }
    void load(const cascade::LoadRequest&, Handler<std::vector<cascade::Loaded>> done) override {
      late = std::move(done);
    }
    Handler<std::vector<cascade::Loaded>> late;
  };
  const auto hanging = std::make_shared<Hanging>();
  const auto reader = start_read(cache, "k", hanging, {});
  const auto joined = start_load(cache, "k", constant("never asked"));
  scheduler_->advance(4s);
  EXPECT_EQ(text(reader), "(pending)");
  scheduler_->advance(1s);
  ASSERT_TRUE(reader->has_value());
  EXPECT_EQ((*reader)->error, Errc::timed_out);
  EXPECT_EQ((*joined)->error, Errc::timed_out);
  EXPECT_EQ(cache.get_or_load("k", constant("fresh")).value(), "fresh");
  std::vector<cascade::Loaded> outcome;
  outcome.push_back(cascade::loaded<std::string>("late"));
  std::exchange(hanging->late, nullptr)(std::move(outcome));
  EXPECT_EQ(cache.get("k"), "fresh");
  EXPECT_EQ(make_other().get("k"), "fresh");
}

TEST_F(LoadTest, ACallerLeavesAtItsOwnLimitAndTheLoadGoesOnForTheOthers) {
  auto cache = make();
  upper_->plan({.kind = testing::Fault::Kind::delay, .delay = 200ms});
  const auto hasty = start_load(cache, "k", constant("hasty's"), {.timeout = 100ms});
  const auto patient = start_load(cache, "k", constant("patient's"));
  scheduler_->advance(100ms);
  ASSERT_TRUE(hasty->has_value());
  EXPECT_EQ((*hasty)->error, Errc::timed_out);
  scheduler_->advance(100ms + 400ms);  // and a claim in both tiers
  EXPECT_EQ(text(patient), "patient's") << "the loader of a caller that has left never starts";
}

TEST_F(LoadTest, NobodyLeftMeansNoLoad) {
  auto cache = make();
  bool loaded = false;
  upper_->plan({.kind = testing::Fault::Kind::delay, .delay = 200ms});
  const auto reader = start_load(cache, "k",
                                 [&] {
                                   loaded = true;
                                   return std::string("v");
                                 },
                                 {.timeout = 100ms});
  scheduler_->advance(1s);
  EXPECT_EQ((*reader)->error, Errc::timed_out);
  EXPECT_FALSE(loaded);
  upper_->plan(nullptr);
  EXPECT_EQ(cache.get_or_load("k", constant("v")).value(), "v");
}

TEST_F(LoadTest, ALimitOfNothingIsTimedOutAtOnce) {
  auto cache = make();
  EXPECT_EQ(cache.get_or_load("k", constant("v"), {.timeout = 0s}).error(), Errc::timed_out);
}

TEST_F(LoadTest, NegativeAnswersAreCachedOnlyWhenAsked) {
  int loads = 0;
  const auto none = [&]() -> std::optional<std::string> {
    ++loads;
    return std::nullopt;
  };
  auto plain = make();
  EXPECT_EQ(plain.get_or_load("k", none).error(), Errc::not_found);
  EXPECT_EQ(plain.get_or_load("k", none).error(), Errc::not_found);
  EXPECT_EQ(loads, 2);

  auto negative = make({.negative_ttl = 5s, .ttl_jitter = 0});
  EXPECT_EQ(negative.lookup_or_load("k", none).kind, LookupKind::negative);
  EXPECT_EQ(negative.get_or_load("k", none).error(), Errc::not_found);
  EXPECT_EQ(loads, 3);
  EXPECT_EQ(negative.lookup("k").kind, LookupKind::negative);
  EXPECT_EQ(negative.get("k"), std::nullopt);
  EXPECT_EQ(make_other().lookup("k").kind, LookupKind::negative) << "through the tiers";
  scheduler_->advance(5s);
  EXPECT_EQ(negative.get_or_load("k", none).error(), Errc::not_found);
  EXPECT_EQ(loads, 4);
  EXPECT_EQ(negative.get_or_load("k", [] { return Result<std::string>(Error(Errc::not_found)); }).error(),
            Errc::not_found);
  negative.set("k", "now there").value();
  EXPECT_EQ(negative.get("k"), "now there");
}

TEST_F(LoadTest, BulkLoadAsksOnceForWhatNoLevelHas) {
  make().set("a", "1").value();
  auto cache = make_other();
  std::vector<std::vector<std::string>> calls;
  const auto loader = [&](const std::vector<std::string>& missing) {
    calls.push_back(missing);
    std::unordered_map<std::string, std::string> out;
    for (const auto& key : missing) {
      if (key != "nowhere") out[key] = "loaded " + key;
    }
    return out;
  };
  const auto found = cache.get_or_load_many({"b", "a", "nowhere", "c", "b"}, loader);
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[0].value(), "loaded b");
  EXPECT_EQ(found[1].value(), "1");
  EXPECT_EQ(found[2].error(), Errc::not_found);
  EXPECT_EQ(found[3].value(), "loaded c");
  EXPECT_EQ(found[4].value(), "loaded b");
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0], (std::vector<std::string>{"b", "nowhere", "c"}));
  EXPECT_EQ(make_other().get("c"), "loaded c");
}

TEST_F(LoadTest, BulkLoadersMayReturnAVectorAndMustReturnAllOfIt) {
  auto cache = make();
  const auto found = cache.get_or_load_many({"a", "b"}, [](const std::vector<std::string>&) {
    return std::vector<std::optional<std::string>>{"1", std::nullopt};
  });
  EXPECT_EQ(found[0].value(), "1");
  EXPECT_EQ(found[1].error(), Errc::not_found);
  const auto short_of = cache.get_or_load_many({"c", "d"}, [](const std::vector<std::string>&) {
    return std::vector<std::optional<std::string>>{"1"};
  });
  EXPECT_EQ(short_of[0].error(), Errc::loader_failed);
  const auto thrown = cache.get_or_load_many({"c", "d"}, [](const std::vector<std::string>&) {
    throw std::runtime_error("down");
    return std::vector<std::optional<std::string>>{};
  });
  EXPECT_EQ(thrown[1].error().context, "down");
}

TEST_F(LoadTest, CloseEndsWaitersWithShutdown) {
  auto cache = make();
  const auto reader = start_load(cache, "k", constant("v"));
  cache.close();
  ASSERT_TRUE(reader->has_value());
  EXPECT_EQ((*reader)->error, Errc::shutdown);
  scheduler_->run_ready();
  EXPECT_FALSE(in_map(lower_map_, "k")) << "a load that nobody waits for does not begin";
}

TEST_F(LoadTest, F50_ALoaderMayCallTheCache) {
  auto cache = make();
  cache.set("part", "p").value();
  EXPECT_EQ(cache.get_or_load("whole", [&] { return *cache.get("part") + "+w"; }).value(), "p+w");
  EXPECT_EQ(
      cache.get_or_load("outer", [&] { return cache.get_or_load("inner", constant("i")).value() + "+o"; })
          .value(),
      "i+o");
}

TEST_F(LoadTest, AFunctionIsALoader) {
  auto cache = make();
  EXPECT_EQ(cache.get_or_load("k", load_by_name).value(), "v of k");
  EXPECT_EQ(cache.get_or_load_many({"a"}, load_all_by_name)[0].value(), "v");
}

}  // namespace
}  // namespace terrace
