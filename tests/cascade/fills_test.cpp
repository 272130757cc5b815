/// Fills: who waits for which fill, and in what order.

#include "cascade/fills.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace terrace::cascade {
namespace {

class FillsTest : public ::testing::Test {
 protected:
  Task note(std::string what) {
    return [this, what = std::move(what)] { ran_ += what; };
  }
  const std::shared_ptr<Fills> fills_ = std::make_shared<Fills>();
  std::string ran_;
};

TEST_F(FillsTest, NothingUnderWayMeansAtOnce) {
  fills_->when_ended({"a", "b"}, note("keys "));
  fills_->when_all_ended(note("all"));
  EXPECT_EQ(ran_, "keys all");
}

TEST_F(FillsTest, AWriteWaitsForEveryFillOfItsKeysAndForNoOther) {
  std::optional<Fills::UnderWay> a(std::in_place, fills_, "a");
  std::optional<Fills::UnderWay> again(std::in_place, fills_, "a");
  std::optional<Fills::UnderWay> b(std::in_place, fills_, "b");
  const Fills::UnderWay other(fills_, "c");
  fills_->when_ended({"a", "b"}, note("both"));
  fills_->when_ended({"d"}, note("d "));
  EXPECT_EQ(ran_, "d ");
  a.reset();
  b.reset();
  EXPECT_EQ(ran_, "d ") << "one fill of a is left";
  again.reset();
  EXPECT_EQ(ran_, "d both");
}

TEST_F(FillsTest, ABulkDeleteWaitsForTheFillsOfItsKeysAlone) {
  std::optional<Fills::UnderWay> first(std::in_place, fills_, "cart:1");
  std::optional<Fills::UnderWay> second(std::in_place, fills_, "cart:2");
  const Fills::UnderWay other(fills_, "page:1");
  const Fills::UnderWay intent(fills_);
  fills_->when_selected_ended({.prefix = "user:"}, note("none "));
  fills_->when_selected_ended({.prefix = "cart:", .pattern = "?"}, note("both"));
  EXPECT_EQ(ran_, "none ");
  first.reset();
  EXPECT_EQ(ran_, "none ");
  second.reset();
  EXPECT_EQ(ran_, "none both");
}

TEST_F(FillsTest, AFlushWaitsForWhatBeganBeforeItAlone) {
  std::optional<Fills::UnderWay> first(std::in_place, fills_, "a");
  std::optional<Fills::UnderWay> intent(std::in_place, fills_);  // without a key yet
  fills_->when_all_ended(note("flushed"));
  const Fills::UnderWay later(fills_, "b");
  first.reset();
  EXPECT_EQ(ran_, "");
  intent.reset();
  EXPECT_EQ(ran_, "flushed");
}

TEST_F(FillsTest, AFillThatIsMovedEndsOnce) {
  std::optional<Fills::UnderWay> inner;
  {
    Fills::UnderWay outer(fills_, "a");
    inner.emplace(std::move(outer));
  }
  fills_->when_ended({"a"}, note("ended"));
  EXPECT_EQ(ran_, "");
  inner.reset();
  EXPECT_EQ(ran_, "ended");
}

}  // namespace
}  // namespace terrace::cascade
