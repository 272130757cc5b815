#include <gtest/gtest.h>

#include <algorithm>
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

/// The most keys that share one of 131,072 buckets, by the low bits of the hash or by the high ones.
template <class Key, class Hash>
int fullest_bucket(const std::vector<Key>& keys, Hash hash) {
  constexpr unsigned bits = 17;
  std::vector<int> low(1U << bits), high(1U << bits);
  int most = 0;
  for (const Key& key : keys) {
    const std::uint64_t h = hash(key);
    most = std::max({most, ++low[h & ((1U << bits) - 1)], ++high[h >> (64 - bits)]});
  }
  return most;
}

/// 100,000 keys in as many buckets: six or seven share the fullest one when they are spread by chance.
TEST(KeyHash, A33_ChosenKeysDoNotCollide) {
  constexpr std::uint64_t keys = 100'000;
  constexpr int bound = 14;
  const auto family = [](auto make) {
    std::vector<decltype(make(std::uint64_t{0}))> all;
    for (std::uint64_t i = 0; i < keys; ++i) all.push_back(make(i));
    return all;
  };
  const KeyHash hash;
  for (const std::uint64_t step : {1ULL << 17, 1ULL << 32, 1ULL << 47, (1ULL << 61) - 1, 9973ULL << 20}) {
    EXPECT_LE(fullest_bucket(family([&](std::uint64_t i) { return i * step; }), hash), bound) << step;
  }
  // "Aa" and "BB" have one hash in Java; texts of zeros, of one bit, and long ones that differ at their ends.
  const auto texts = {
      family([](std::uint64_t i) {
        std::string text;
        for (int bit = 0; bit < 17; ++bit) text += (i >> bit & 1) != 0 ? "Aa" : "BB";
        return text;
      }),
      family([](std::uint64_t i) { return std::string(i / 256, '\0') + static_cast<char>(i % 256); }),
      family([](std::uint64_t i) { return std::string(200, 'k') + std::to_string(i); }),
      family([](std::uint64_t i) { return std::to_string(i) + std::string(200, 'k'); })};
  for (const auto& some : texts) EXPECT_LE(fullest_bucket(some, hash), bound) << some[1];
  const auto same = [](std::uint64_t key) { return key; };  // the std::hash of numbers, for example
  EXPECT_GT(fullest_bucket(family([](std::uint64_t i) { return i << 17; }), same), 1000) << "the control";
}

}  // namespace
}  // namespace terrace
