/// A fill of the shared tier whose outcome is unknown: the tiers below keep the value only if its lease still
/// held after they had got it.

#include "cascade/faulty_shared.hpp"
#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

using Kind = FaultyShared::Kind;
using Strings = Cache<std::string>;

class FillDoubtTest : public ::testing::Test {
 protected:
  [[nodiscard]] Strings make() const {
    return Strings({.ttl = 1h, .ttl_jitter = 0, .scheduler = scheduler_}, {shared_, database_});
  }
  [[nodiscard]] bool in_database() const {
    bool there = false;
    database_->get("default:k", no_deadline, [&](const Result<Found>& found) { there = found && *found; });
    return there;
  }
  /// Loads "old"; `meanwhile` happens while the loader runs.
  template <class Meanwhile>
  void load(Strings& cache, Meanwhile meanwhile) {
    const auto loaded = cache.get_or_load("k", [&] {
      meanwhile();
      return std::string("old");
    });
    EXPECT_EQ(*loaded, "old");
  }

  std::shared_ptr<testing::FakeScheduler> scheduler_ = std::make_shared<testing::FakeScheduler>();
  std::shared_ptr<FaultyShared> shared_ = std::make_shared<FaultyShared>(scheduler_->clock());
  std::shared_ptr<testing::MapTier> database_ = std::make_shared<testing::MapTier>(scheduler_->clock());
};

TEST_F(FillDoubtTest, F12_AVoidLeaseLeavesNothingBelow) {
  for (const Kind kind : {Kind::fail, Kind::lose_reply, Kind::hang}) {
    SCOPED_TRACE(static_cast<int>(kind));
    Strings cache = make();
    Strings other = make();
    load(cache, [&] {
      other.erase("k").value();
      shared_->plan(kind, "fill");
    });
    scheduler_->advance(10s);
    EXPECT_FALSE(in_database());
    shared_->plan(Kind::none);
    EXPECT_FALSE(other.get("k"));
    EXPECT_FALSE(cache.get("k"));
  }
}

TEST_F(FillDoubtTest, F12_NothingStaysBelowIfTheLeaseCannotBeAskedFor) {
  Strings cache = make();
  Strings other = make();
  load(cache, [&] {
    other.erase("k").value();
    shared_->plan(Kind::fail);
  });
  scheduler_->advance(10s);
  EXPECT_FALSE(in_database());
  shared_->plan(Kind::none);
  scheduler_->advance(10s);
  EXPECT_FALSE(other.get("k"));
  EXPECT_EQ(cache.stats().unrecovered, 0U);
}

/// As when the server is full: the tiers below still help.
TEST_F(FillDoubtTest, AValidLeaseKeepsTheValueBelow) {
  Strings cache = make();
  load(cache, [&] { shared_->plan(Kind::fail, "fill"); });
  scheduler_->advance(10s);
  EXPECT_TRUE(in_database());
  EXPECT_EQ(make().get("k"), std::optional<std::string>("old"));
}

}  // namespace
}  // namespace terrace
