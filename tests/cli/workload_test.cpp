#include "workload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "cli/program.hpp"

namespace terrace::cli {
namespace {

/// What the share of requests for the most popular rank should be.
double top_share(std::uint64_t n, double skew) {
  double sum = 0;
  for (std::uint64_t k = 1; k <= n; ++k) sum += std::pow(static_cast<double>(k), -skew);
  return 1 / sum;
}

TEST(ZipfRanks, FollowTheLaw) {
  constexpr std::uint64_t n = 1000;
  constexpr int draws = 400'000;
  for (const double skew : {0.0, 0.5, 0.9, 1.0, 1.5, 3.0}) {
    std::mt19937_64 random(7);
    const ZipfRanks ranks(n, skew);
    std::vector<int> seen(n + 1);
    for (int i = 0; i < draws; ++i) {
      const std::uint64_t rank = ranks([&] { return static_cast<double>(random() >> 11) * 0x1.0p-53; });
      ASSERT_GE(rank, 1U);
      ASSERT_LE(rank, n);
      ++seen[rank];
    }
    for (const std::uint64_t rank : {1U, 2U, 10U}) {
      const double expected = draws * top_share(n, skew) * std::pow(static_cast<double>(rank), -skew);
      EXPECT_NEAR(seen[rank], expected, 5 * std::sqrt(expected) + 1) << skew << ' ' << rank;
    }
  }
  EXPECT_EQ(ZipfRanks(1, 0.9)([] { return 0.5; }), 1U);
}

TEST(Workload, HasTheShapeItPromises) {
  const WorkloadOptions options{.requests = 500'000, .keys = 20'000, .seed = 3, .skew = 0.9};
  Workload workload(options);
  std::unordered_map<std::uint64_t, std::uint64_t> size_of;
  std::unordered_map<std::uint64_t, int> seen;
  std::uint64_t last_time = 0;
  for (std::uint64_t i = 0; i < options.requests; ++i) {
    const auto item = workload.next();
    EXPECT_GE(item.time, last_time);
    last_time = item.time;
    ++seen[item.key];
    EXPECT_EQ(size_of.try_emplace(item.key, item.size).first->second, item.size) << "sizes belong to keys";
    EXPECT_GE(item.size, 16U);
    EXPECT_LE(item.size, 256U * 1024);
  }
  const auto catalogue =
      std::count_if(seen.begin(), seen.end(), [&](auto& s) { return s.first < options.keys; });
  const auto once = std::count_if(seen.begin(), seen.end(), [](auto& s) { return s.second == 1; });
  EXPECT_GT(catalogue, 15'000);
  EXPECT_GT(once, 30'000) << "one-hit wonders and scans";
  EXPECT_GT(static_cast<int>(seen.size()) - catalogue - 30'000, 2'000) << "scans";
}

TEST(Workload, IsTheSameForASeedAndAnotherForAnother) {
  using cli_test::terrace;
  const auto first = terrace({"workload", "--requests", "5000", "--keys", "500", "--seed", "11"});
  const auto again = terrace({"workload", "--requests", "5000", "--keys", "500", "--seed", "11"});
  const auto other = terrace({"workload", "--requests", "5000", "--keys", "500", "--seed", "12"});
  EXPECT_EQ(first.code, 0);
  EXPECT_TRUE(first.out.starts_with("time,key,size\n"));
  EXPECT_EQ(std::count(first.out.begin(), first.out.end(), '\n'), 5001);
  EXPECT_EQ(first.out, again.out);
  EXPECT_NE(first.out, other.out);
}

}  // namespace
}  // namespace terrace::cli
