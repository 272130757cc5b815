#include <gtest/gtest.h>

#include <string>
#include <terrace/glob.hpp>

namespace terrace {
namespace {

TEST(Glob, MatchesWholeKeys) {
  EXPECT_TRUE(glob_matches("user:*", "user:"));
  EXPECT_TRUE(glob_matches("user:*", "user:42"));
  EXPECT_FALSE(glob_matches("user:*", "a user:42"));
  EXPECT_FALSE(glob_matches("user", "user:42"));
  EXPECT_TRUE(glob_matches("*:4?", "user:42"));
  EXPECT_TRUE(glob_matches("*a*b*c", "xaxbxbc"));
  EXPECT_FALSE(glob_matches("*a*b*c", "xaxcxb"));
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_FALSE(glob_matches("?", ""));
}

TEST(Glob, Classes) {
  EXPECT_TRUE(glob_matches("[abc]x", "bx"));
  EXPECT_TRUE(glob_matches("[a-c]x", "bx"));
  EXPECT_FALSE(glob_matches("[^a-c]x", "bx"));
  EXPECT_TRUE(glob_matches("[\\]]", "]"));
  EXPECT_TRUE(glob_matches(R"(\*)", "*"));
  EXPECT_FALSE(glob_matches(R"(\*)", "x"));
  EXPECT_TRUE(glob_matches("[\xc3-\xff]", "\xe4"));
}

TEST(Glob, ManyStarsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "a*";
  EXPECT_FALSE(glob_matches(pattern + "b", std::string(3000, 'a')));
}

TEST(Glob, WhatNobodyMeansIsRefused) {
  for (const char* pattern : {"", "[abc", "[]", "[^]", "[a\\]", "abc\\"}) {
    EXPECT_EQ(check_glob(pattern).error(), Errc::invalid_argument) << pattern;
  }
  for (const char* pattern : {"*", "[abc]", "[\\]]", "a\\*", "user:[0-9]*"})
    EXPECT_TRUE(check_glob(pattern)) << pattern;
}

}  // namespace
}  // namespace terrace
