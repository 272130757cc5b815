#include "base/nearest.hpp"

#include <gtest/gtest.h>

#include <array>

#include "base/units.hpp"

namespace terrace {
namespace {

constexpr std::array<std::string_view, 5> names{"ttl", "max_entries", "max_bytes", "grace", "when"};

TEST(NearestName, FindsWhatWasMistyped) {
  EXPECT_EQ(nearest_name("tll", names), "ttl");
  EXPECT_EQ(nearest_name("TTL", names), "ttl");
  EXPECT_EQ(nearest_name("max_entrys", names), "max_entries");
  EXPECT_EQ(nearest_name("max-bytes", names), "max_bytes");
  EXPECT_EQ(nearest_name("garce", names), "grace");  // two neighbours swapped
  EXPECT_EQ(nearest_name("wehn", names), "when");
}

TEST(NearestName, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name("colour", names), "");
  EXPECT_EQ(nearest_name("x", names), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'x'), names), "");
  EXPECT_EQ(nearest_name("ttl", {}), "");
}

TEST(NearestName, IsOfferedElseAllAre) {
  EXPECT_EQ(meant_or_known("tttl", names), "; did you mean ttl?");
  EXPECT_EQ(meant_or_known("colour", names), "; the known ones are ttl, max_entries, max_bytes, grace, when");
  EXPECT_EQ(meant_or_known("ttl", {}), "");
}

TEST(Units, AreANumberAndAKnownUnit) {
  EXPECT_EQ(parse_amount("1.5s", duration_units), 1.5e9);
  EXPECT_EQ(parse_amount("7d", duration_units), 7 * 86400e9);
  EXPECT_EQ(parse_amount("64MiB", byte_units), 67108864.0);
  EXPECT_EQ(parse_amount("64", byte_units), 64.0);
  for (const char* text : {"", "s", "-1s", "1 s", "1fortnight", "1", "nans", "1e3s"})
    EXPECT_FALSE(parse_amount(text, duration_units)) << text;
}

}  // namespace
}  // namespace terrace
