#include "base/nearest.hpp"

#include <gtest/gtest.h>

namespace terrace {
namespace {

const std::vector<std::string> names = {"hit_rate", "miss_rate", "error_rate", "entries", "evictions"};

TEST(Nearest, FindsWhatWasMeant) {
  EXPECT_EQ(nearest("hitrate", names), "hit_rate");
  EXPECT_EQ(nearest("Hit_Rate", names), "hit_rate");
  EXPECT_EQ(nearest("hti_rate", names), "hit_rate");
  EXPECT_EQ(nearest("mis_rate", names), "miss_rate");
  EXPECT_EQ(nearest("errors_rate", names), "error_rate");
  EXPECT_EQ(nearest("entires", names), "entries");
}

TEST(Nearest, RatherNothingThanAnyName) {
  EXPECT_EQ(nearest("colour", names), std::nullopt);
  EXPECT_EQ(nearest("", names), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'e'), names), std::nullopt);
}

TEST(Nearest, SwappedNeighboursAreOneEdit) {
  EXPECT_EQ(nearest("abc", {"xbc", "bac"}), "xbc") << "the first of equals";
  EXPECT_EQ(nearest("abdc", {"axyc", "abcd"}), "abcd");
}

TEST(Nearest, EndsAMessage) {
  EXPECT_EQ(did_you_mean("hitrate", names), "; did you mean hit_rate?");
  EXPECT_EQ(did_you_mean("colour", names), "");
}

}  // namespace
}  // namespace terrace
