/// Tiers that fail: the lookup goes on below, nothing hangs, nothing wrong is served.

#include "cascade/fixture.hpp"

namespace terrace {
namespace {

using Kind = testing::Fault::Kind;

class FaultTest : public CascadeTest, public ::testing::WithParamInterface<Kind> {
 protected:
  [[nodiscard]] testing::Fault fault() const { return {.kind = GetParam(), .delay = 10min}; }
};

TEST_P(FaultTest, TheWalkGoesOnBelowATierThatFails) {
  make().set("k", "v").value();
  auto cache = make_other();
  upper_->plan(fault());
  const TimePoint start = scheduler_->clock().now();
  EXPECT_EQ(cache.lookup("k").level, "map#2");
  EXPECT_LE(scheduler_->clock().now() - start, 260ms) << "tier_timeout and a little more";
  EXPECT_EQ(cache.get("k"), "v");
  EXPECT_EQ(cache.stats().levels[1].errors, 1U);
}

TEST_P(FaultTest, AMissThatMayBeNoneIsUnavailable) {
  auto cache = make();
  upper_->plan(fault());
  const auto found = cache.lookup("k");
  EXPECT_EQ(found.kind, LookupKind::unavailable);
  EXPECT_NE(found.error.context.find("map"), std::string::npos);
  EXPECT_EQ(cache.get("k"), std::nullopt);
}

TEST_P(FaultTest, LoadingWorksWithEveryTierDown) {
  auto cache = make();
  upper_->plan(fault());
  lower_->plan(fault());
  EXPECT_EQ(cache.get_or_load("k", constant("v")).value(), "v");
  EXPECT_EQ(cache.lookup("k").level, "memory");
  upper_->plan(nullptr);
  lower_->plan(nullptr);
  EXPECT_FALSE(in_map(upper_map_, "k")) << "a tier that could not be asked is not filled";
}

TEST_P(FaultTest, WritesEndAndNameTheTier) {
  auto cache = make();
  lower_->plan(fault());
  EXPECT_EQ(cache.set("k", "v").error(), Errc::partial_write);
  EXPECT_EQ(cache.erase("k").error(), Errc::partial_write);
  EXPECT_EQ(cache.get_many({"a", "b"}).size(), 2U);
}

std::string name_of(const ::testing::TestParamInfo<Kind>& tested) {
  switch (tested.param) {
    case Kind::fail:
      return "Fails";
    case Kind::lose_reply:
      return "LosesReplies";
    case Kind::delay:
      return "IsSlow";
    case Kind::hang:
      return "Hangs";
    default:
      return "Throws";
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FaultTest,
                         ::testing::Values(Kind::fail, Kind::lose_reply, Kind::hang, Kind::raise,
                                           Kind::delay),
                         name_of);

class UnreadableTest : public CascadeTest {
 protected:
  [[nodiscard]] Bytes stored() const {
    Bytes out;
    upper_map_->get("default:k", no_deadline, [&](Result<Found> found) { out = **found; });
    return out;
  }
  void plant(const std::string& key, const Bytes& bytes) const {
    upper_map_->set("default:" + key, bytes, {}, no_deadline, [](const Result<void>&) {});
  }
};

TEST_F(UnreadableTest, F32_EveryFlippedBitIsAMissAndNeverAValue) {
  make().set("k", "the value").value();
  const Bytes good = stored();
  lower_->plan({.kind = Kind::fail});
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    plant("k", bad);
    auto cache = make_other();
    EXPECT_EQ(cache.get("k"), std::nullopt) << "bit " << bit;
    EXPECT_EQ(cache.stats().levels[1].unreadable, 1U) << "bit " << bit;
    EXPECT_EQ(cache.stats().levels[1].misses, 1U);
  }
}

TEST_F(UnreadableTest, ForeignTruncatedAndMovedEntriesAreMissesThatAreReplaced) {
  make().set("k", "the value").value();
  const Bytes good = stored();
  plant("foreign", "{\"json\": true}");
  plant("short", good.substr(0, good.size() / 2));
  plant("moved", good);
  plant("empty", "");
  for (const std::string key : {"foreign", "short", "moved", "empty"}) {
    auto cache = make_other();
    EXPECT_EQ(cache.get_or_load(key, constant("loaded")).value(), "loaded") << key;
    EXPECT_EQ(make_other().lookup(key).level, "map") << key << " is replaced";
  }
}

TEST_F(UnreadableTest, AnEntryOfAnotherTypeIsAMiss) {
  make().set("k", "text").value();
  Cache<std::int64_t> numbers({.ttl_jitter = 0, .scheduler = scheduler_}, {upper_});
  EXPECT_EQ(numbers.get("k"), std::nullopt);
  EXPECT_EQ(numbers.stats().levels[1].unreadable, 1U);
}

}  // namespace
}  // namespace terrace
