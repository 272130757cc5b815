#include "traces/line_parsers.hpp"

#include <gtest/gtest.h>

namespace terrace::traces {
namespace {

TEST(KeyLine, TakesTheWholeRangeOfNumbers) {
  Request request;
  ASSERT_EQ(parse_key_line("0", request).kind, Parsed::request);
  EXPECT_EQ(request.number, 0U);
  EXPECT_EQ(request.key, "0");
  ASSERT_EQ(parse_key_line("18446744073709551615", request).kind, Parsed::request);
  EXPECT_EQ(request.number, UINT64_MAX);
  EXPECT_EQ(parse_key_line("18446744073709551616", request).kind, Parsed::malformed);
}

TEST(KeyLine, DropsBlanksAndLeadingZeros) {
  Request request;
  for (const std::string_view line : {"42\r", "  42", "42 \t", "00042"}) {
    ASSERT_EQ(parse_key_line(line, request).kind, Parsed::request) << line;
    EXPECT_EQ(request.key, "42");
    EXPECT_EQ(request.number, 42U);
  }
  ASSERT_EQ(parse_key_line("000", request).kind, Parsed::request);
  EXPECT_EQ(request.key, "0");
}

TEST(KeyLine, RefusesWhatIsNoUnsignedDecimal) {
  Request request;
  for (const std::string_view line : {"-1", "+1", "1.5", "0x10", "abc", "1 2", "1,2", "1e3"}) {
    EXPECT_EQ(parse_key_line(line, request).kind, Parsed::malformed) << line;
  }
  for (const std::string_view line : {"", "\r", " \t "}) {
    EXPECT_EQ(parse_key_line(line, request).kind, Parsed::skipped) << line;
  }
}

TEST(Csv, FindsColumnsByName) {
  CsvRows rows;
  ASSERT_TRUE(rows.read_header("Size, TIME ,key\r"));
  Request request;
  ASSERT_EQ(rows.parse("512,10,user:7\r", request).kind, Parsed::request);
  EXPECT_EQ(request.key, "user:7");
  EXPECT_EQ(request.size, 512U);
  EXPECT_FALSE(request.number);
}

TEST(Csv, NeedsAKeyColumn) {
  CsvRows rows;
  EXPECT_FALSE(rows.read_header("time,object,size"));
  EXPECT_FALSE(rows.read_header("1,2,3"));
  EXPECT_TRUE(CsvRows{}.read_header("key"));
}

TEST(Csv, WorksWithoutSizes) {
  CsvRows rows;
  ASSERT_TRUE(rows.read_header("key,time"));
  Request request;
  request.size = 9;
  ASSERT_EQ(rows.parse("a,1", request).kind, Parsed::request);
  EXPECT_FALSE(request.size);
}

TEST(Csv, UnquotesFields) {
  CsvRows rows;
  ASSERT_TRUE(rows.read_header("time,key,size"));
  Request request;
  ASSERT_EQ(rows.parse(R"(1,"a,b",2)", request).kind, Parsed::request);
  EXPECT_EQ(request.key, "a,b");
  ASSERT_EQ(rows.parse(R"("1","say ""hi""!","2")", request).kind, Parsed::request);
  EXPECT_EQ(request.key, R"(say "hi"!)");
  EXPECT_EQ(request.size, 2U);
  ASSERT_EQ(rows.parse(R"("a ""time""",x,2)", request).kind, Parsed::request);
  EXPECT_EQ(request.key, "x");
  ASSERT_EQ(rows.parse(R"(1,"",2)", request).kind, Parsed::request);
  EXPECT_EQ(request.key, "");
}

TEST(Csv, RefusesRowsUnlikeTheHeader) {
  CsvRows rows;
  ASSERT_TRUE(rows.read_header("time,key,size"));
  Request request;
  for (const std::string_view row :
       {"1,a", "1,a,2,3", "1,a,-2", "1,a,", "1,a,2.5", "1,a,big", R"(1,"a,2)", R"(1,"a"b,2)", "1", ",,"}) {
    EXPECT_EQ(rows.parse(row, request).kind, Parsed::malformed) << row;
  }
  EXPECT_EQ(rows.parse("", request).kind, Parsed::skipped);
  EXPECT_EQ(rows.parse("\r", request).kind, Parsed::skipped);
}

TEST(Log, ReadsCombinedAndCommonLines) {
  Request request;
  ASSERT_EQ(parse_log_line(R"(203.0.113.9 - jo [10/Oct/2025:13:55:36 +0000] "GET /a?b=1 HTTP/1.1" 200 2326 )"
                           R"("https://example.org/" "Mozilla/5.0 [x] \"y\"")",
                           request)
                .kind,
            Parsed::request);
  EXPECT_EQ(request.key, "/a?b=1");
  EXPECT_EQ(request.size, 2326U);
  ASSERT_EQ(parse_log_line("::1 - - [10/Oct/2025:13:55:36 +0000] \"GET / HTTP/1.0\" 304 -\r", request).kind,
            Parsed::request);
  EXPECT_EQ(request.key, "/");
  EXPECT_FALSE(request.size);
  ASSERT_EQ(
      parse_log_line(R"(www.example.org:443 10.0.0.1 - - [d] "GET /v HTTP/2.0" 200 0 "-" "-")", request).kind,
      Parsed::request);
  EXPECT_EQ(request.key, "/v");
  EXPECT_FALSE(request.size);
}

TEST(Log, SkipsWhatIsNoGet) {
  Request request;
  for (const std::string_view asked :
       {"POST /a HTTP/1.1", "HEAD /a HTTP/1.1", "-", "\\x16\\x03\\x01", "", "GET"}) {
    const std::string line = "10.0.0.1 - - [d] \"" + std::string(asked) + "\" 400 166 \"-\" \"-\"";
    EXPECT_EQ(parse_log_line(line, request).kind, Parsed::skipped) << line;
  }
  EXPECT_EQ(parse_log_line("", request).kind, Parsed::skipped);
}

TEST(Log, KeepsEscapedQuotesInTheTarget) {
  Request request;
  ASSERT_EQ(parse_log_line(R"(1.2.3.4 - - [d] "GET /a\"b HTTP/1.1" 200 5 "-" "-")", request).kind,
            Parsed::request);
  EXPECT_EQ(request.key, R"(/a\"b)");
}

TEST(Log, RefusesOtherLines) {
  Request request;
  for (const std::string_view line :
       {"hello", "10.0.0.1 - - [d]", R"(1 - - [d] "GET / HTTP/1.1)", R"(1 - - [d] "GET / HTTP/1.1" 200)",
        R"(1 - - [d] "GET / HTTP/1.1" abc 5)", R"(1 - - [d] "GET / HTTP/1.1" 200 five)",
        "\"GET / HTTP/1.1\" 200 5"}) {
    EXPECT_EQ(parse_log_line(line, request).kind, Parsed::malformed) << line;
  }
}

TEST(KeyId, IsTheNumberOrAHash) {
  const auto id_of = [](std::string_view key) { return key_id(Request{key, {}, {}, 0}); };
  EXPECT_EQ(id_of("17"), 17U);
  EXPECT_EQ(id_of("0"), 0U);
  EXPECT_NE(id_of("017"), 17U);
  EXPECT_NE(id_of("017"), id_of("0017"));
  EXPECT_EQ(id_of("user:1"), id_of("user:1"));
  EXPECT_NE(id_of("user:1"), id_of("user:2"));
  EXPECT_EQ(key_id(Request{"x", 5, {}, 0}), 5U);
}

}  // namespace
}  // namespace terrace::traces
