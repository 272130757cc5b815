#include <gtest/gtest.h>

#include <terrace/result.hpp>
#include <terrace/warm_sources.hpp>

#include "cli/temp_folder.hpp"

namespace terrace {
namespace {

class WarmSources : public ::testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path file(const std::string& text) const {
    return folder_.file("file", text);
  }

  template <class Call>
  static std::string refusal(Call call) {
    try {
      call();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "nothing was refused";
  }

  std::vector<std::pair<std::string, std::uint64_t>> hot(const std::string& text,
                                                         const AccessLogOptions& options = {}) {
    std::vector<std::pair<std::string, std::uint64_t>> out;
    for (auto& key : hottest_keys(file(text), options)) out.emplace_back(key.key, key.requests);
    return out;
  }

  cli_test::TempFolder folder_;
};

constexpr auto log_of_a_server =
    R"(::1 - - [26/Nov/2026:10:00:00 +0000] "GET /users/2 HTTP/1.1" 200 12 "-" "curl"
::1 - - [26/Nov/2026:10:00:00 +0000] "GET /users/1?full=1 HTTP/1.1" 200 12 "-" "curl"
::1 - - [26/Nov/2026:10:00:01 +0000] "POST /users/2 HTTP/1.1" 201 12 "-" "curl"
::1 - - [26/Nov/2026:10:00:02 +0000] "GET /users/1 HTTP/1.1" 200 12
::1 - - [26/Nov/2026:10:00:02 +0000] "GET /users/3 HTTP/1.1" 404 12
::1 - - [26/Nov/2026:10:00:03 +0000] "GET /about HTTP/1.1" 200 12
)";

TEST_F(WarmSources, AKeyALineEachOnce) {
  EXPECT_EQ(keys_from_file(file("a\nb b\r\n\na\n\xc3\xa9")),
            (std::vector<std::string>{"a", "b b", "\xc3\xa9"}));
  EXPECT_TRUE(keys_from_file(file("")).empty());
}

TEST_F(WarmSources, TheHottestPathsOfAnAccessLog) {
  using Hot = std::vector<std::pair<std::string, std::uint64_t>>;
  EXPECT_EQ(hot(log_of_a_server), (Hot{{"/users/1", 2}, {"/users/2", 1}, {"/about", 1}}));
  EXPECT_EQ(hot(log_of_a_server, {.pattern = R"(/users/(\d+))", .key = "user:{1}", .top = 1}),
            (Hot{{"user:2", 2}}));
}

TEST_F(WarmSources, WhatIsNoListAndNoLogIsRefused) {
  EXPECT_NE(refusal([&] { (void)keys_from_file("/no/such/file"); }).find("/no/such/file cannot be read"),
            std::string::npos);
  EXPECT_NE(
      refusal([&] { (void)keys_from_file(std::string(5000, 'x')); }).find("cannot be read: File name too"),
      std::string::npos);
  EXPECT_NE(refusal([&] { (void)keys_from_file(folder_.path("")); }).find("is a folder"), std::string::npos);
  EXPECT_NE(
      refusal([&] { (void)keys_from_file(file(std::string("a\n\x1f\x8b\0\0", 6))); }).find(":2: has a NUL"),
      std::string::npos);
  EXPECT_NE(refusal([&] { (void)keys_from_file(file(std::string(70'000, 'k'))); }).find("longer than 65536"),
            std::string::npos);
  EXPECT_NE(refusal([&] { (void)hot("a,b,c\n"); }).find("first line is \"a,b,c\""), std::string::npos);
  EXPECT_NE(refusal([&] { (void)hot(""); }).find("the file is empty"), std::string::npos);
  EXPECT_NE(refusal([&] { (void)hot("a", {.pattern = "(a"}); }).find("no regular expression"),
            std::string::npos);
  EXPECT_NE(refusal([&] { (void)hot("a", {.pattern = "a"}); }).find("names group 1; the pattern has 0"),
            std::string::npos);
  EXPECT_NE(
      refusal([&] { (void)hot("a", {.pattern = "(a)", .key = "x{y}"}); }).find("does not begin one of {0}"),
      std::string::npos);
  EXPECT_NE(refusal([&] { (void)hot("a", {.pattern = "(a)", .top = 0}); }).find("top is 0"),
            std::string::npos);
}

TEST_F(WarmSources, APatternThatRunsWildIsNamed) {
  const auto text = std::string(60, 'a') + "\n";
  EXPECT_NE(refusal([&] { (void)hot(text, {.pattern = "(a*a*a*a*a*a*a*a*)*b"}); }).find("takes too long"),
            std::string::npos);
}

}  // namespace
}  // namespace terrace
