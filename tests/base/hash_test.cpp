#include <gtest/gtest.h>

#include <string>
#include <terrace/hash.hpp>
#include <unordered_set>
#include <vector>

namespace terrace {
namespace {

TEST(KeyHash, EqualKeysHashEqualHoweverTheyAreGiven) {
  const KeyHash hash;
  EXPECT_EQ(hash(std::string("user:1")), hash(std::string_view("user:1")));
  EXPECT_EQ(hash("user:1"), hash(std::string_view("user:1")));
  EXPECT_EQ(hash(7), KeyHash{}(7));
}

/// The secrets differ in each run. The bound is ten standard deviations of an even spread.
TEST(KeyHash, SpreadsPatternedKeysOverTheLowAndTheHighBits) {
  const KeyHash hash;
  for (const unsigned shift : {0U, 20U, 40U, 56U}) {
    std::vector<int> low(256);
    std::vector<int> high(256);
    for (std::uint64_t i = 0; i < 65536; ++i) {
      const std::uint64_t h = hash((i << shift) | (i >> (64 - shift - (shift == 0 ? 1 : 0))));
      ++low[h & 255];
      ++high[h >> 56];
    }
    for (int bucket = 0; bucket < 256; ++bucket) {
      EXPECT_NEAR(low[static_cast<std::size_t>(bucket)], 256, 256 * 0.6) << "shift " << shift;
      EXPECT_NEAR(high[static_cast<std::size_t>(bucket)], 256, 256 * 0.6) << "shift " << shift;
    }
  }
}

TEST(KeyHash, StringsOfEveryLengthDiffer) {
  const KeyHash hash;
  std::unordered_set<std::uint64_t> seen;
  for (std::size_t length = 0; length < 300; ++length) seen.insert(hash(std::string(length, '\0')));
  EXPECT_EQ(seen.size(), 300U);
}

}  // namespace
}  // namespace terrace
