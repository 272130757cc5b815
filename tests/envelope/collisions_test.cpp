// Values whose keys were chosen to collide in the hash table of a reader.
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <terrace/codec.hpp>
#include <terrace/hash.hpp>

#include "envelope/samples.hpp"

namespace terrace {
namespace {

using Map = std::unordered_map<std::int64_t, std::int64_t>;
using Set = std::unordered_set<std::int64_t>;

/// Only the writer of the bytes: it has no hash table.
using Pairs = std::map<std::int64_t, std::int64_t>;

Bytes bytes_of(const auto& value) {
  Bytes out;
  EXPECT_TRUE(Codec<std::decay_t<decltype(value)>>::encode(value, out).has_value());
  return out;
}

/// The number of buckets of a table with that many keys, which were inserted one by one.
std::size_t buckets_with(std::size_t keys) {
  Set grown;
  for (std::size_t i = 0; i < keys; ++i) grown.insert(static_cast<std::int64_t>(i));
  return grown.bucket_count();
}

/// All in one bucket of a table for that many.
Pairs colliding(std::size_t count) {
  const auto stride = static_cast<std::int64_t>(buckets_with(count));
  Pairs pairs;
  for (std::size_t i = 1; i <= count; ++i) pairs.emplace(static_cast<std::int64_t>(i) * stride, 1);
  return pairs;
}

Pairs ordinary(std::size_t count) {
  Pairs pairs;
  for (std::size_t i = 1; i <= count; ++i) pairs.emplace(static_cast<std::int64_t>(i) * 7919, 1);
  return pairs;
}

double processor_seconds(const auto& work) {
  const std::clock_t begun = std::clock();
  work();
  return static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
}

TEST(Collisions, A09_ChosenKeysAreRefusedInTheTimeOfOrdinaryOnes) {
  constexpr std::size_t count = 100'000;
  const Bytes good = bytes_of(ordinary(count)), bad = bytes_of(colliding(count));
  Result<Map> read_good = Error(Errc::corrupt), read_bad = Error(Errc::corrupt);
  const double usual = processor_seconds([&] { read_good = Codec<Map>::decode(good); });
  const double attacked = processor_seconds([&] { read_bad = Codec<Map>::decode(bad); });
  ASSERT_TRUE(read_good.has_value()) << read_good.error().message();
  EXPECT_EQ(read_good->size(), count);
  ASSERT_FALSE(read_bad.has_value());
  EXPECT_EQ(read_bad.error(), Errc::corrupt) << read_bad.error().message();
  // It would be hundreds of times as much.
  EXPECT_LT(attacked, 2 * usual + 0.02);
}

TEST(Collisions, A09_InSetsAndNestedMapsToo) {
  const Pairs pairs = colliding(20'000);
  std::set<std::int64_t> items;
  for (const auto& [key, value] : pairs) items.insert(key);
  const Result<Set> set = Codec<Set>::decode(bytes_of(items));
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error(), Errc::corrupt);
  const Bytes nested = bytes_of(std::vector<std::tuple<std::string, Pairs>>{{"a", {{1, 1}}}, {"b", pairs}});
  const auto read = Codec<std::vector<std::tuple<std::string, Map>>>::decode(nested);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error(), Errc::corrupt);
}

/// Multiples of many numbers, keys in order, random ones: what programs store.
TEST(Collisions, A09_KeysOfProgramsAreTaken) {
  std::vector<Pairs> all;
  for (const std::int64_t stride :
       {1L, 2L, 10L, 64L, 100L, 1000L, 1024L, 4096L, 65536L, 1L << 32, -3L, 3600L, 86400L, 1'000'000'007L}) {
    Pairs pairs;
    for (std::int64_t i = 0; i < 30'000; ++i) pairs.emplace(i * stride, i);
    all.push_back(std::move(pairs));
  }
  std::mt19937_64 random(20);
  Pairs pairs;
  while (pairs.size() < 30'000) pairs.emplace(static_cast<std::int64_t>(random()), 0);
  all.push_back(std::move(pairs));
  for (const Pairs& one : all) {
    const Result<Map> read = Codec<Map>::decode(bytes_of(one));
    ASSERT_TRUE(read.has_value()) << std::next(one.begin())->first;
    EXPECT_EQ(Pairs(read->begin(), read->end()), one);
  }
}

/// With a hash that has a secret, or a tree, no keys collide.
TEST(Collisions, A09_OtherTablesTakeThem) {
  const Pairs pairs = colliding(20'000);
  const Bytes bytes = bytes_of(pairs);
  using Keyed = std::unordered_map<std::int64_t, std::int64_t, KeyHash>;
  const auto keyed = Codec<Keyed>::decode(bytes);
  ASSERT_TRUE(keyed.has_value());
  EXPECT_EQ(keyed->size(), pairs.size());
  EXPECT_TRUE(Codec<Pairs>::decode(bytes).has_value());
}

}  // namespace
}  // namespace terrace
