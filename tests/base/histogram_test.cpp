#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <terrace/histogram.hpp>
#include <vector>

namespace terrace {
namespace {

using namespace std::chrono_literals;

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram h;
  EXPECT_EQ(h.count(), 0U);
  EXPECT_EQ(h.quantile(0.5), Duration::zero());
}

TEST(Histogram, QuantilesAreAtMostOneBucketAboveTheTruth) {
  Histogram h;
  std::vector<std::int64_t> values;
  std::mt19937_64 random(42);
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(static_cast<std::int64_t>(random() >> (24 + random() % 40)));
    h.record(Duration{values.back()});
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size()))) - 1;
    const auto truth = static_cast<double>(values[rank]);
    const auto shown = static_cast<double>(h.quantile(q).count());
    EXPECT_GE(shown, truth) << q;
    EXPECT_LE(shown, truth * (1 + 1.0 / 32) + 1) << q;
  }
}

TEST(Histogram, KeepsWhatIsOutOfRange) {
  Histogram h;
  h.record(-5ns);
  h.record(24h);
  EXPECT_EQ(h.count(), 2U);
  EXPECT_EQ(h.quantile(0.5), Duration::zero());
  EXPECT_GT(h.quantile(1.0), 17min);
}

TEST(Histogram, MergeAddsCountsAndSums) {
  Histogram a;
  Histogram b;
  a.record(10us);
  b.record(20us);
  b.record(30us);
  a.merge(b);
  EXPECT_EQ(a.count(), 3U);
  EXPECT_EQ(a.sum(), Duration(60us));
}

TEST(Histogram, CountsWhatIsWithinBounds) {
  Histogram h;
  for (const Duration d : {Duration(1ms), Duration(1ms), Duration(1100us), Duration(10ms), Duration(30s)})
    h.record(d);
  constexpr std::array<Duration, 5> bounds = {100us, 1ms, 2ms, 10ms, 20s};
  std::array<std::uint64_t, 5> counts{};
  h.count_up_to(bounds, counts);
  EXPECT_EQ(counts, (std::array<std::uint64_t, 5>{0, 2, 3, 4, 4})) << "a bound includes what equals it";
}

}  // namespace
}  // namespace terrace
