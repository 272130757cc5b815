#include "journal/done_set.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace terrace::journal {
namespace {

TEST(DoneSet, AgreesWithASetOfNumbers) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    DoneSet done(5);
    std::set<std::uint64_t> model{0, 1, 2, 3, 4};
    for (int step = 0; step < 30; ++step) {
      const std::uint64_t first = random() % 100, last = first + random() % 8;
      done.mark(first, last);
      for (std::uint64_t n = first; n <= last; ++n) model.insert(n);
      std::uint64_t watermark = 0;
      while (model.contains(watermark)) ++watermark;
      ASSERT_EQ(done.watermark(), watermark);
      for (std::uint64_t n = 0; n < 120; ++n) ASSERT_EQ(done.contains(n), model.contains(n)) << n;
    }
  }
}

}  // namespace
}  // namespace terrace::journal
