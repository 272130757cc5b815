/// Work in flight against changes of its key: coherence rule "Generation". Each test has a moment at which a
/// value read before a change could slip into a level after it.

#include "cascade/fixture.hpp"

namespace terrace {
namespace {

using Kind = testing::Fault::Kind;

class CoherenceTest : public CascadeTest {
 protected:
  static auto only(std::string_view operation, Kind kind) {
    return [operation, kind](std::string_view op, std::string_view) {
      return testing::Fault{.kind = op == operation ? kind : Kind::none};
    };
  }
};

TEST_F(CoherenceTest, F11_AReplyFromBeforeAnEraseIsNotPutIntoMemory) {
  make().set("k", "old").value();
  auto cache = make_other();
  upper_->plan([](std::string_view op, std::string_view) {
    return testing::Fault{.kind = op == "get" ? Kind::lose_reply : Kind::none};
  });
  lower_->plan(only("get", Kind::hold));
  const auto reader = start_lookup(cache, "k");
  // The reply is on its way; the erase happens now.
  upper_->plan(nullptr);
  lower_->plan(nullptr);
  cache.erase("k").value();
  make_other().set("k", "old").value();  // what the held reply will find, as if it had been read before
  lower_->release();
  EXPECT_EQ(text(reader), "old") << "the reader began before the erase and may see it";
  EXPECT_EQ(cache.lookup("k").level, "map") << "but memory may not";
  EXPECT_EQ(cache.stats().rejected_fills, 1U);
}

TEST_F(CoherenceTest, AValueLoadedBeforeASetIsPutNowhere) {
  auto cache = make();
  const auto reader = start_load(cache, "k", constant("old"));
  cache.set("k", "new").value();
  scheduler_->run_ready();
  EXPECT_EQ(text(reader), "old");
  EXPECT_EQ(cache.get("k"), "new");
  EXPECT_EQ(make_other().get("k"), "new");
}

TEST_F(CoherenceTest, F13_AReaderAfterAnEraseDoesNotJoinALoadFromBeforeIt) {
  auto cache = make();
  struct Held final : cascade::Loader {
    [[nodiscard]] bool blocks() const noexcept override { return false; }
    void load(const cascade::LoadRequest&, Handler<std::vector<cascade::Loaded>> d) override {
      done = std::move(d);
    }
    Handler<std::vector<cascade::Loaded>> done;
  };
  const auto held = std::make_shared<Held>();
  const auto before = start_read(cache, "k", held, {});
  cache.erase("k").value();
  EXPECT_EQ(cache.get_or_load("k", constant("new")).value(), "new");
  std::vector<cascade::Loaded> outcome;
  outcome.push_back(cascade::loaded<std::string>("old"));
  std::exchange(held->done, nullptr)(std::move(outcome));
  EXPECT_EQ(text(before), "old");
  EXPECT_EQ(cache.get("k"), "new");
  EXPECT_EQ(make_other().get("k"), "new") << "no tier took the old value";
}

TEST_F(CoherenceTest, AnEraseWaitsForAFillOfItsKeySoThatNoneArrivesAfterIt) {
  auto cache = make();
  upper_->plan(only("compare_and_set", Kind::hold));
  EXPECT_EQ(cache.get_or_load("k", constant("old")).value(), "old");
  ASSERT_EQ(upper_->held(), 1U) << "the fill is on its way";
  upper_->plan(nullptr);
  bool erased = false;
  detail::CacheAccess::engine(cache).erase(
      {"k"}, {}, [&](std::vector<Result<bool>> had) { erased = had.front().value(); });
  EXPECT_FALSE(erased);
  upper_->release();
  EXPECT_TRUE(erased);
  EXPECT_FALSE(in_map(upper_map_, "k"));
  EXPECT_EQ(cache.get("k"), std::nullopt);
}

TEST_F(CoherenceTest, AWriteRightAfterALoadIsNotLostToItsFill) {
  auto cache = make();
  upper_->plan(only("compare_and_set", Kind::hold));
  EXPECT_EQ(cache.get_or_load("k", constant("old")).value(), "old");
  upper_->plan(nullptr);
  bool written = false;
  detail::CacheAccess::engine(cache).write(
      {{"k", std::make_shared<const std::string>("new")}}, {},
      [&](std::vector<Result<void>> outcome) { written = outcome.front().has_value(); });
  EXPECT_FALSE(written) << "it waits for the fill";
  upper_->release();
  EXPECT_TRUE(written);
  EXPECT_EQ(cache.lookup("k").level, "memory");
  EXPECT_EQ(cache.get("k"), "new");
  EXPECT_EQ(make_other().get("k"), "new");
}

TEST_F(CoherenceTest, AFillThatATierKeepsForTooLongHoldsUpNoWriter) {
  auto cache = make();
  upper_->plan(only("compare_and_set", Kind::hold));
  EXPECT_EQ(cache.get_or_load("k", constant("old")).value(), "old");
  upper_->plan(nullptr);
  const TimePoint start = scheduler_->clock().now();
  EXPECT_TRUE(cache.erase("k").value());
  EXPECT_LE(scheduler_->clock().now() - start, 260ms);
  upper_->release();
  EXPECT_EQ(cache.get("k"), std::nullopt);
}

TEST_F(CoherenceTest, AWriterReadsItsOwnWriteWhoeverReadsMeanwhile) {
  make().set("k", "old").value();
  auto cache = make_other();
  lower_->plan(only("set", Kind::hold));
  bool written = false;
  detail::CacheAccess::engine(cache).write(
      {{"k", std::make_shared<const std::string>("new")}}, {},
      [&](std::vector<Result<void>> outcome) { written = outcome.front().has_value(); });
  EXPECT_EQ(cache.get("k"), "old") << "read below while the write is on its way, and kept in memory";
  lower_->plan(nullptr);
  lower_->release();
  EXPECT_TRUE(written);
  EXPECT_EQ(cache.get("k"), "new");
}

TEST_F(CoherenceTest, AReaderAfterAWriteDoesNotJoinAWalkBegunDuringIt) {
  make().set("k", "old").value();
  auto cache = make_other();
  lower_->plan(only("set", Kind::hold));
  detail::CacheAccess::engine(cache).write({{"k", std::make_shared<const std::string>("new")}}, {},
                                           [](const auto&) {});
  upper_->plan([](std::string_view op, std::string_view) {
    return testing::Fault{.kind = op == "get" ? Kind::hold : Kind::none};
  });
  const auto during = start_lookup(cache, "k");
  lower_->plan(nullptr);
  lower_->release();
  upper_->plan(nullptr);
  EXPECT_EQ(cache.get("k"), "new");
  upper_->release();
  EXPECT_TRUE(during->has_value());
  EXPECT_EQ(cache.get("k"), "new");
}

TEST_F(CoherenceTest, OfTwoWritesAtOnceMemoryKeepsNoneThatTheTiersDoNot) {
  auto cache = make();
  upper_->plan(only("set", Kind::hold));
  detail::CacheAccess::engine(cache).write({{"k", std::make_shared<const std::string>("first")}}, {},
                                           [](const auto&) {});
  upper_->plan(nullptr);
  cache.set("k", "second").value();
  upper_->release();  // the tier now has "first"
  EXPECT_EQ(cache.get("k"), make_other().get("k"));
}

TEST_F(CoherenceTest, ClearVoidsEverythingInFlight) {
  auto cache = make();
  upper_->plan(only("compare_and_set", Kind::hold));
  (void)cache.get_or_load("k", constant("old"));
  const auto loading = start_load(cache, "other", constant("old"));
  upper_->plan(nullptr);
  cache.clear().value();
  scheduler_->run_ready();
  upper_->release();
  EXPECT_EQ(text(loading), "old");
  EXPECT_EQ(cache.get("k"), std::nullopt);
  EXPECT_EQ(cache.get("other"), std::nullopt);
  EXPECT_EQ(make_other().get("k"), std::nullopt);
}

TEST_F(CoherenceTest, AFillUpwardIsRefusedWhenTheKeyHasChanged) {
  make().set("k", "old").value();
  upper_map_->erase("default:k", no_deadline, [](const Result<bool>&) {});
  auto cache = make_other();
  lower_->plan(only("get", Kind::hold));
  const auto reader = start_lookup(cache, "k");
  lower_->plan(only("erase", Kind::fail));  // the lower tier keeps the old value, as one that is slow would
  EXPECT_EQ(cache.erase("k").error(), Errc::partial_write);
  lower_->plan(nullptr);
  lower_->release();
  EXPECT_EQ(text(reader), "old");
  EXPECT_FALSE(in_map(upper_map_, "k")) << "a reader from before the erase fills nothing";
}

TEST_F(CoherenceTest, AFillBegunDuringAWriteDoesNotArriveAfterIt) {
  make().set("k", "old").value();
  upper_map_->erase("default:k", no_deadline, [](const Result<bool>&) {});
  auto cache = make_other();
  lower_->plan(only("set", Kind::hold));
  bool written = false;
  detail::CacheAccess::engine(cache).write(
      {{"k", std::make_shared<const std::string>("new")}}, {},
      [&](std::vector<Result<void>> outcome) { written = outcome.front().has_value(); });
  upper_->plan(only("compare_and_set", Kind::hold));
  EXPECT_EQ(cache.get("k"), "old");
  ASSERT_EQ(upper_->held(), 1U) << "the fill is on its way";
  upper_->plan(nullptr);
  lower_->plan(nullptr);
  lower_->release();
  upper_->release();
  EXPECT_TRUE(written);
  EXPECT_EQ(cache.get("k"), "new");
  EXPECT_EQ(make_other().get("k"), "new");
}

TEST_F(CoherenceTest, AFillBegunDuringASweepDoesNotArriveAfterIt) {
  make().set("k", "old").value();
  upper_map_->erase("default:k", no_deadline, [](const Result<bool>&) {});
  auto cache = make_other();
  lower_->plan(only("erase_prefix", Kind::hold));
  bool cleared = false;
  detail::CacheAccess::engine(cache).clear(
      {}, [&](const Result<void>& outcome) { cleared = outcome.has_value(); });
  upper_->plan(only("compare_and_set", Kind::hold));
  EXPECT_EQ(cache.get("k"), "old");
  ASSERT_EQ(upper_->held(), 1U) << "the fill is on its way";
  upper_->plan(nullptr);
  lower_->plan(nullptr);
  lower_->release();
  upper_->release();
  EXPECT_TRUE(cleared);
  EXPECT_EQ(cache.get("k"), std::nullopt);
  EXPECT_EQ(make_other().get("k"), std::nullopt);
}

TEST_F(CoherenceTest, AFillBegunDuringASoftInvalidationDoesNotArriveAfterIt) {
  const CacheOptions graceful{.ttl = 10s, .ttl_jitter = 0, .grace = 1min};
  make(graceful).set("k", "old").value();
  upper_map_->erase("default:k", no_deadline, [](const Result<bool>&) {});
  auto cache = make(graceful);
  lower_->plan(only("set", Kind::hold));
  bool softened = false;
  detail::CacheAccess::engine(cache).invalidate(
      {.keys = {"k"}}, {.soft = true},
      [&](const Result<std::uint64_t>& outcome) { softened = outcome.has_value(); });
  upper_->plan(only("compare_and_set", Kind::hold));
  EXPECT_EQ(cache.get("k"), "old");
  ASSERT_EQ(upper_->held(), 1U) << "the fill is on its way";
  upper_->plan(nullptr);
  lower_->plan(nullptr);
  lower_->release();
  upper_->release();
  EXPECT_TRUE(softened);
  EXPECT_NE(cache.lookup("k").kind, LookupKind::hit);
  EXPECT_NE(make(graceful).lookup("k").kind, LookupKind::hit);
}

}  // namespace
}  // namespace terrace
