/// Bulk deletes beside reads: what they cancel, what they leave alone, and what a tier that missed one gives
/// back.

#include <functional>

#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

using Kind = testing::Fault::Kind;

/// A bulk delete of the keys that begin with "cart:".
struct Sweep {
  const char* name;
  void (*run)(Cache<std::string>& cache);
};

void PrintTo(const Sweep& sweep, std::ostream* out) {
  *out << sweep.name;
}

const Sweep by_prefix{"prefix", [](Cache<std::string>& cache) { cache.invalidate_prefix("cart:").value(); }};
const Sweep by_glob{"glob", [](Cache<std::string>& cache) { cache.invalidate_glob("cart:*").value(); }};

class BulkDelete : public SharedTest, public ::testing::WithParamInterface<Sweep> {
 protected:
  [[nodiscard]] Strings over_nothing() const {
    return Strings({.ttl_jitter = 0, .scheduler = scheduler_}, {});
  }

  /// Reads of a key with a slow loader, and a bulk delete before each of them.
  void read_beside_sweeps(Strings& cache) {
    const auto loader = std::make_shared<Held>();
    std::vector<Later> reads;
    for (int i = 0; i < 20; ++i) {
      reads.push_back(start(cache, "report", loader));
      GetParam().run(cache);
    }
    EXPECT_EQ(loader->calls, 1);
    loader->answer("ready", 1h);
    for (const Later& read : reads) EXPECT_EQ(text(read), "ready");
    EXPECT_EQ(cache.lookup("report").level, "memory");
    EXPECT_EQ(cache.stats().rejected_fills, 0U);
  }

  /// A load of a key that a bulk delete takes: its caller gets the value, and nobody else.
  void load_beside_its_own_sweep(Strings& cache) {
    const auto old = std::make_shared<Held>();
    const auto before = start(cache, "cart:1", old);
    GetParam().run(cache);
    const auto fresh = std::make_shared<Held>();
    const auto after = start(cache, "cart:1", fresh);
    if (old->done) old->answer("old", 1h);
    EXPECT_EQ(text(before), "old");
    EXPECT_NE(text(after), "old") << "it began after the bulk delete";
    scheduler_->advance(10s);  // over Redis it waited for the lease of the first
    ASSERT_EQ(fresh->calls, 1);
    fresh->answer("new", 1h);
    EXPECT_EQ(text(after), "new");
    EXPECT_EQ(*cache.get("cart:1"), "new");
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, BulkDelete, ::testing::Values(by_prefix, by_glob),
                         [](const auto& sweep) { return sweep.param.name; });

TEST_P(BulkDelete, OfOtherKeysLeavesALoadAloneWithMemoryOnly) {
  auto cache = over_nothing();
  read_beside_sweeps(cache);
}

TEST_P(BulkDelete, OfOtherKeysLeavesALoadAloneOverASharedTier) {
  auto cache = make();
  read_beside_sweeps(cache);
  EXPECT_EQ(*make().get("report"), "ready") << "the tier took it";
}

TEST_P(BulkDelete, OfItsKeyCancelsALoadWithMemoryOnly) {
  auto cache = over_nothing();
  load_beside_its_own_sweep(cache);
}

TEST_P(BulkDelete, OfItsKeyCancelsALoadOverASharedTier) {
  auto cache = make();
  load_beside_its_own_sweep(cache);
  EXPECT_EQ(*make().get("cart:1"), "new");
}

TEST_F(BulkDelete, ClearCancelsEveryLoad) {
  auto cache = over_nothing();
  const auto loader = std::make_shared<Held>();
  const auto before = start(cache, "report", loader);
  cache.clear().value();
  loader->answer("old", 1h);
  EXPECT_EQ(text(before), "old");
  EXPECT_FALSE(cache.get("report"));
}

TEST_F(BulkDelete, OfManyEntriesLetsOtherTasksRunMeanwhile) {
  Strings cache({.max_entries = 100'000, .ttl_jitter = 0, .scheduler = scheduler_}, {});
  constexpr int entries = 50'000;
  for (int i = 0; i < entries; ++i)
    cache.set((i % 2 == 0 ? "cart:" : "page:") + std::to_string(i), "value").value();
  std::optional<std::uint64_t> gone;
  detail::CacheAccess::engine(cache).invalidate(
      {Invalidation::Kind::prefix, {}, "cart:"}, {},
      [&](const Result<std::uint64_t>& count) { gone = count.value(); });
  EXPECT_FALSE(gone);
  int turns = 0;
  std::function<void()> take_turn = [&] {
    ++turns;
    if (!gone) scheduler_->post(take_turn);
  };
  scheduler_->post(take_turn);
  scheduler_->run_ready();
  EXPECT_EQ(gone, entries / 2);
  EXPECT_GT(turns, 5);
  EXPECT_FALSE(cache.get("cart:0"));
  EXPECT_TRUE(cache.get("page:1"));
}

/// A read that begins while memory loses the keys may still find the old entry there. It must not put it
/// back: here as the stale value that it serves because the loader fails.
TEST_F(BulkDelete, AReadThatBeginsMeanwhileDoesNotPutTheOldEntryBack) {
  Strings cache({.max_entries = 100'000, .ttl = 10s, .ttl_jitter = 0, .grace = 1h, .scheduler = scheduler_},
                {});
  for (int i = 0; i < 50'000; ++i) cache.set("cart:" + std::to_string(i), "old").value();
  scheduler_->advance(1min);  // all are stale
  bool ended = false;
  detail::CacheAccess::engine(cache).invalidate({Invalidation::Kind::prefix, {}, "cart:"}, {},
                                                [&](const Result<std::uint64_t>&) { ended = true; });
  std::vector<std::shared_ptr<Held>> loaders;
  std::vector<Later> reads;
  for (int i = 0; i < 50'000; i += 1000) {
    loaders.push_back(std::make_shared<Held>());
    reads.push_back(start(cache, "cart:" + std::to_string(i), loaders.back()));
  }
  EXPECT_FALSE(ended);
  scheduler_->run_ready();
  EXPECT_TRUE(ended);
  for (const auto& loader : loaders) loader->fail("origin down");
  for (int i = 0; i < 50'000; i += 1000) EXPECT_FALSE(cache.get("cart:" + std::to_string(i))) << i;
}

class BulkDeleteOverTwo : public CascadeTest {
 protected:
  void plan(testing::FaultyTier& tier, std::string_view operation, Kind kind) const {
    tier.plan([operation, kind](std::string_view asked, std::string_view) {
      return testing::Fault{.kind = asked == operation ? kind : Kind::none};
    });
  }
  static void sweep(Strings& cache, const std::string& prefix, bool& ended) {
    detail::CacheAccess::engine(cache).invalidate({Invalidation::Kind::prefix, {}, prefix}, {},
                                                  [&](const Result<std::uint64_t>&) { ended = true; });
  }
};

TEST_F(BulkDeleteOverTwo, WaitsForTheFillsOfItsKeysAndForNoOthers) {
  auto cache = make();
  plan(*upper_, "compare_and_set", Kind::hold);
  EXPECT_EQ(cache.get_or_load("cart:1", constant("old")).value(), "old");
  ASSERT_EQ(upper_->held(), 1U) << "the fill is on its way";
  upper_->plan(nullptr);
  bool others = false;
  bool its_own = false;
  sweep(cache, "page:", others);
  scheduler_->run_ready();
  EXPECT_TRUE(others);
  sweep(cache, "cart:", its_own);
  scheduler_->run_ready();
  EXPECT_FALSE(its_own);
  upper_->release();
  scheduler_->run_ready();
  EXPECT_TRUE(its_own);
  EXPECT_FALSE(in_map(upper_map_, "cart:1")) << "the fill came before the bulk delete";
}

TEST_F(BulkDeleteOverTwo, OfOneKeyOfALookupRejectsThisKeyAlone) {
  make().set("cart:1", "old").value();
  make().set("page:1", "one").value();
  upper_map_->erase_prefix("", no_deadline, [](const Result<std::uint64_t>&) {});
  auto cache = make();
  plan(*lower_, "get", Kind::lose_reply);
  std::vector<cascade::Answer> answers;
  lower_->plan(testing::Fault{.kind = Kind::none});
  upper_->plan([](std::string_view asked, std::string_view) {
    return testing::Fault{.kind = asked == "get" ? Kind::hold : Kind::none};
  });
  detail::CacheAccess::engine(cache).read({"cart:1", "page:1"}, nullptr, {},
                                          [&](std::vector<cascade::Answer> found) { answers = found; });
  upper_->plan(nullptr);
  bool ended = false;
  sweep(cache, "cart:", ended);
  scheduler_->run_ready();
  ASSERT_TRUE(ended);
  make_other().set("cart:1", "old").value();  // what the held lookup finds, as if it had been read before
  upper_map_->erase_prefix("", no_deadline, [](const Result<std::uint64_t>&) {});
  upper_->release();
  scheduler_->run_ready();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(cache.lookup("page:1").level, "memory");
  EXPECT_NE(cache.lookup("cart:1").level, "memory");
}

TEST_F(BulkDeleteOverTwo, ThatATierMissedIsRepeatedForItsKeysAlone) {
  for (const bool glob : {false, true}) {
    auto cache = make();
    cache.set("cart:1", "old").value();
    cache.set("page:1", "one").value();
    plan(*upper_, glob ? "erase_glob" : "erase_prefix", Kind::fail);
    const auto outcome = glob ? cache.invalidate_glob("car?:*") : cache.invalidate_prefix("cart:");
    EXPECT_EQ(outcome.error(), Errc::partial_write);
    EXPECT_FALSE(cache.get("cart:1")) << "the upper tier still has it, and is not asked";
    EXPECT_EQ(cache.stats().unrecovered, 1U);
    EXPECT_EQ(cache.lookup("page:1").level, "memory");
    EXPECT_TRUE(in_map(upper_map_, "cart:1"));
    upper_->plan(nullptr);
    scheduler_->advance(5s);
    EXPECT_FALSE(in_map(upper_map_, "cart:1"));
    EXPECT_TRUE(in_map(upper_map_, "page:1"));
    EXPECT_EQ(cache.stats().unrecovered, 0U);
    cache.set("cart:1", "new").value();
    EXPECT_TRUE(in_map(upper_map_, "cart:1"));
  }
}

}  // namespace
}  // namespace terrace
