#include "base/tier_check.hpp"

#include <gtest/gtest.h>

#include "base/tier_counters.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;

TEST(TierCheck, SaysWhatWasGivenAndWhatIsPossible) {
  EXPECT_FALSE(bad_key("k"));
  EXPECT_FALSE(bad_key(std::string(max_key_size, 'k')));
  EXPECT_EQ(bad_key("")->message(), "invalid key: the key is empty; possible are 1 to 65536 bytes");
  EXPECT_EQ(
      bad_key("four", 3)->message(),
      "invalid key: the key \"four\" has 4 bytes; at most 3 are possible: use a digest of it as the key");

  EXPECT_FALSE(bad_ttl(std::nullopt));
  EXPECT_FALSE(bad_ttl(1ns));
  EXPECT_EQ(bad_ttl(0ns)->message(),
            "invalid argument: the ttl is 0 ns; it must be more than 0, or none for no expiry");
  EXPECT_FALSE(bad_time("lease time", 1ns));
  EXPECT_EQ(bad_time("lease time", -1ns)->message(),
            "invalid argument: the lease time is -1 ns; it must be more than 0");

  EXPECT_FALSE(bad_value(10, 10));
  EXPECT_EQ(
      bad_value(11, 10)->message(),
      "value too large: the value has 11 bytes; at most 10 are possible: set max_value_bytes higher, or "
      "store less");
}

TEST(TierCheck, ADeadlineThatIsNowHasPassed) {
  const TimePoint now{1s};
  EXPECT_FALSE(late(now + 1ns, now));
  EXPECT_EQ(late(now, now)->message(), "timed out: the deadline had passed before the tier was asked");
  EXPECT_EQ(*late(now - 1ns, now), Errc::timed_out);
}

TEST(TierCounters, CountEachOutcomeOnce) {
  TierCounters counters;
  counters.count(std::vector<Result<Found>>{Found("v"), Found(), Found(), Error(Errc::timed_out)});
  counters.count(std::vector<Result<void>>{{}, Error(Errc::timed_out)});
  counters.count(std::vector<Result<bool>>{true, true, false, Error(Errc::timed_out)});
  counters.count(Result<Found>(Found("v")));
  counters.count_write(true);
  counters.count_sweep(std::uint64_t{5});
  counters.count_sweep(Error(Errc::timed_out));
  const TierStats stats = counters.stats();
  EXPECT_EQ(stats.hits, 2U);
  EXPECT_EQ(stats.misses, 2U);
  EXPECT_EQ(stats.errors, 1U);
  EXPECT_EQ(stats.writes, 2U);
  EXPECT_EQ(stats.erases, 7U);
  EXPECT_EQ(stats.write_errors, 3U);
}

}  // namespace
}  // namespace terrace
