#include "base/backoff.hpp"

#include <gtest/gtest.h>

#include <random>

namespace terrace {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, JittersUnderADoublingBoundUpToTheCap) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Duration most[12]{};
  for (unsigned run = 0; run < 300; ++run) {
    Backoff backoff(10ms, 1s, seed + run);
    for (unsigned attempt = 0; attempt < 12; ++attempt) {
      const auto wait = backoff.next();
      ASSERT_GE(wait, 0s);
      ASSERT_LE(wait, std::min<Duration>(1s, 10ms * (1 << attempt)));
      most[attempt] = std::max(most[attempt], wait);
    }
    ASSERT_GE(backoff.slow(), 500ms);
    backoff.reset();
    ASSERT_LE(backoff.next(), 10ms);
  }
  for (unsigned attempt = 0; attempt < 12; ++attempt) {
    EXPECT_GT(most[attempt], std::min<Duration>(1s, 10ms * (1 << attempt)) / 2) << "attempt " << attempt;
  }
}

TEST(Backoff, ACapBelowTheBaseIsNoCap) {
  Backoff backoff(1s, 10ms, 1);
  for (int attempt = 0; attempt < 100; ++attempt) ASSERT_LE(backoff.next(), 1s);
}

}  // namespace
}  // namespace terrace
