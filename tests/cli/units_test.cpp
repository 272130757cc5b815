#include "units.hpp"

#include <gtest/gtest.h>

#include "progress.hpp"
#include "table.hpp"
#include "usage_error.hpp"

namespace terrace::cli {
namespace {

using namespace std::chrono_literals;

TEST(Units, ReadsDurations) {
  EXPECT_EQ(parse_duration("200us", "x"), 200us);
  EXPECT_EQ(parse_duration("1.5ms", "x"), 1500us);
  EXPECT_EQ(parse_duration("0", "x"), 0ns);
  EXPECT_EQ(parse_duration("0s", "x"), 0ns);
  EXPECT_EQ(parse_duration("3m", "x"), 3min);
  EXPECT_EQ(parse_duration("60", "x", 1s), 60s);
  EXPECT_EQ(parse_duration("60ms", "x", 1s), 60ms);
}

TEST(Units, RefusesOtherDurations) {
  for (const char* text :
       {"", "200", "us", "-1us", "1 us", "1xs", "1e3us", "inf", "nan", "9999999h", "1us2"}) {
    EXPECT_THROW(static_cast<void>(parse_duration(text, "x")), UsageError) << text;
  }
}

TEST(Units, ReadsSizes) {
  EXPECT_EQ(parse_bytes("1048576", "x"), 1048576U);
  EXPECT_EQ(parse_bytes("1MiB", "x"), 1048576U);
  EXPECT_EQ(parse_bytes("1.5GiB", "x"), 1610612736U);
  EXPECT_EQ(parse_bytes("2MB", "x"), 2'000'000U);
  for (const char* text : {"", "0", "-1", "0.5", "1mib", "1 MiB", "99999999999999999999", "abc"}) {
    EXPECT_THROW(static_cast<void>(parse_bytes(text, "x")), UsageError) << text;
  }
}

TEST(Units, ReadsCountsAndShares) {
  EXPECT_EQ(parse_count("7", "x", 1, 9), 7U);
  EXPECT_EQ(parse_count("18446744073709551615", "x", 0, UINT64_MAX), UINT64_MAX);
  for (const char* text : {"", "0", "10", "-1", "+1", "1.0", "1k", "99999999999999999999999"}) {
    EXPECT_THROW(static_cast<void>(parse_count(text, "x", 1, 9)), UsageError) << text;
  }
  EXPECT_DOUBLE_EQ(parse_share("5%", "x"), 0.05);
  EXPECT_DOUBLE_EQ(parse_share("0.25", "x"), 0.25);
  EXPECT_DOUBLE_EQ(parse_share("100%", "x"), 1.0);
  for (const char* text : {"", "101%", "2", "-1%", "x", "5 %"}) {
    EXPECT_THROW(static_cast<void>(parse_share(text, "x")), UsageError) << text;
  }
}

TEST(Units, ReadsLists) {
  EXPECT_EQ(parse_list("a, b,c", "x"), (std::vector<std::string>{"a", "b", "c"}));
  for (const char* text : {"", ",", "a,", ",a", "a,,b"}) {
    EXPECT_THROW(static_cast<void>(parse_list(text, "x")), UsageError) << text;
  }
}

TEST(Units, WritesForPeople) {
  EXPECT_EQ(format_duration(250ns), "250 ns");
  EXPECT_EQ(format_duration(1234ns), "1.2 us");
  EXPECT_EQ(format_duration(207us), "207 us");
  EXPECT_EQ(format_duration(9960us), "10 ms");
  EXPECT_EQ(format_duration(12'300ms), "12.3 s");
  EXPECT_EQ(format_duration(-1500ms), "-1.5 s");
  EXPECT_EQ(format_bytes(1000), "1000 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{5} << 40), "5.0 TiB");
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1'234'567), "1,234,567");
  EXPECT_EQ(format_percent(0.5), "50.00 %");
}

TEST(Table, AlignsColumns) {
  Table table({"name", "n"});
  table.add({"a", "1"});
  table.add({"bcdefg", "1,000"});
  EXPECT_EQ(table.text(1), " name        n\n ------  -----\n a           1\n bcdefg  1,000\n");
}

TEST(Progress, ShowsABarOnlyWhenTheEndIsKnown) {
  EXPECT_EQ(progress_line(0.5, 1000, 2s, "50.0 % hits"),
            "[###############---------------]  50 %  1,000 requests  500/s  2 s left  50.0 % hits");
  EXPECT_EQ(progress_line(std::nullopt, 1000, 2s, ""), "1,000 requests  500/s");
  EXPECT_EQ(progress_line(1.0, 10, 0s, ""), "[##############################] 100 %  10 requests  0/s");
}

}  // namespace
}  // namespace terrace::cli
