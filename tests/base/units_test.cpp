#include "base/units.hpp"

#include <gtest/gtest.h>

namespace terrace {
namespace {

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
