// URLs that cannot be right: the message names the part at fault and the remedy, and no password.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <terrace/result.hpp>

#include "assembly/tier_url.hpp"
#include "support/seed.hpp"

namespace terrace::assembly {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Bad {
  std::string url;
  std::string says;
};

class BadTierUrl : public ::testing::TestWithParam<Bad> {};

TEST_P(BadTierUrl, IsRefusedByItsPartWithoutThePassword) {
  try {
    parse_tier_url(GetParam().url);
    FAIL() << "accepted: " << GetParam().url;
  } catch (const ConfigError& refused) {
    EXPECT_THAT(refused.what(), ::testing::StartsWith("Tier URL: "));
    EXPECT_THAT(refused.what(), HasSubstr(GetParam().says)) << GetParam().url;
    EXPECT_THAT(refused.what(), Not(HasSubstr("s3cret")));
  }
}

const std::string a = "redis://a,";

INSTANTIATE_TEST_SUITE_P(
    Schemes, BadTierUrl,
    ::testing::Values(Bad{"", "it is empty"}, Bad{"[]", "it is empty"},
                      Bad{"localhost", "there is no scheme; the known ones are redis://, rediss://"},
                      Bad{"localhost:6379", "there is no scheme"},
                      Bad{"http://:s3cret@h", "the scheme \"http\" is unknown; the known ones are redis://"},
                      Bad{"memcached://h", "sqlite:, postgres://, postgresql://, sharded:, replicated:"},
                      Bad{":s3cret@redis://h", "there is no scheme"}, Bad{"s3cret@h:1", "there is no scheme"},
                      Bad{"redis://a,redis://b", "write sharded: or replicated: before them"},
                      Bad{"[redis://a]x", "follows the ]"}, Bad{"[redis://a", "not closed"},
                      Bad{"redis://a]", "] without a ["},
                      Bad{"[[[[[[[[[[redis://a]]]]]]]]]]", "nested more than 8 deep"}));

INSTANTIATE_TEST_SUITE_P(
    Stores, BadTierUrl,
    ::testing::Values(
        Bad{"redis://:s3cret", "not a port"}, Bad{"redis://u:s3cret/x@h", "an @ after a /"},
        Bad{"redis://u:p?s3cret@h", "%3F for ?"}, Bad{"redis://u:p#s3cret@h", "%23 for #"},
        Bad{"redis://u:p@s3cret@h", "more than one @"},
        Bad{"redis://:s3cret@h:70000", "the port is not a number of 1 to 65535"},
        Bad{"postgres://u:1#s3cret", "there is a #"}, Bad{"redis://::1", "IPv6"},
        Bad{"redis://h/x", "the database after the / is not a number"},
        Bad{"redis://:p@h/s3cret", "the database after the / is not a number"},
        Bad{"redis://h?db=1", "the database goes into the path"},
        Bad{"redis://h?allowed_hosts=", "allowed_hosts: entry 1"},
        Bad{"redis://h?allowed_hosts=a,s3cret%2F", "allowed_hosts: entry 2"},
        Bad{"redis://h?allowed_hosts=a&s3cret", "allowed_hosts=HOST"},
        Bad{"redis-cluster://h?allowed_hosts=a&x=s3cret", "allowed_hosts=HOST"},
        Bad{"redis://[s3cret]:1", "no IPv6 address"}, Bad{"redis://u:1/s3cret", "is not a number"},
        Bad{"redis://a,b", "in a list every URL begins with its scheme"},
        Bad{"unix://:@/s3cret@/sock", "more than one @"}, Bad{"unix:///s?base=1", "db=N"},
        Bad{"redis-cluster://", "Redis Cluster URL"}, Bad{"redis-cluster://a,,b", "a seed is empty"},
        Bad{"redis-cluster://a/1", "neither a path nor a query"},
        Bad{"redis-cluster://:s3cret@a?x=1", "neither a path nor a query"},
        Bad{"redis-cluster://a,u:s3cret", "not a port"}, Bad{"postgres://u:s3cret/x@h", "an @ after a /"},
        Bad{"postgres://u:@/s3cret@h", "an @ after a /"}, Bad{"postgres://u:s3cret", "not a port"},
        Bad{"sqlite:", "the path is missing"}, Bad{"sqlite://host/a.db", "no host"}, Bad{"sqlite:a?b", "%3F"},
        Bad{"sqlite:a?scope=process", "scope=fleet"}, Bad{"sqlite:a?mode=rw", "mode=ro"},
        Bad{"sqlite:a?mode=ro&mode=ro", "each once"}, Bad{"sqlite:a?mode=ro&", "mode=ro"},
        Bad{"sqlite:a?scope=fleet&b", "scope=machine or scope=fleet"}, Bad{"sqlite:a%zz", "write % as %25"},
        Bad{"sqlite:a%0", "write % as %25"}, Bad{"sqlite:a%00", "NUL"}));

INSTANTIATE_TEST_SUITE_P(
    Lists, BadTierUrl,
    ::testing::Values(
        Bad{"sharded:", "sharded: the list is empty; write sharded:redis://a,redis://b"},
        Bad{"replicated:", "replicated: the list is empty"}, Bad{"sharded:?seed=1", "member 1: it is empty"},
        Bad{"sharded:a,b", "member 1: there is no scheme"},
        Bad{"sharded:" + a, "member 1: redis:// is one server, but there is a comma"},
        Bad{"sharded:redis://a,,redis://b", "member 1: redis:// is one server"},
        Bad{"sharded:" + a + "b=http://:s3cret@c",
            "member 2: its scheme is unknown; the known ones are redis://"},
        Bad{"sharded:" + a + "b=http://c", "member 2: its scheme is unknown"},
        Bad{"sharded:" + a + "redis://h/x", "member 2: the database"},
        Bad{"sharded:" + a + "replicated:redis://b,redis://c",
            "member 2: a list inside a list needs brackets: [replicated:…]"},
        Bad{"sharded:" + a + "redis://u:s3cret@A:6379", "two members are called \"redis://a:6379\""},
        Bad{"sharded:x=redis://a,x=redis://b", "two members are called \"x\""},
        Bad{"replicated:x=redis://u:s3cret@a,y=redis://a", "\"redis://a:6379\" is given twice"},
        Bad{"sharded:[replicated:redis://a,redis://b],[replicated:redis://b,redis://c]",
            "\"redis://b:6379\" is given twice"},
        Bad{"sharded:x*0=redis://a", "the weight is not a number above 0"},
        Bad{"sharded:x*=redis://a", "the weight is not"}, Bad{"sharded:x*1001=redis://a", "at most 1000"},
        Bad{"sharded:x*-1=redis://a", "the weight is not"},
        Bad{"sharded:x*2*2=redis://a", "the weight is not"},
        Bad{"sharded:x*nan=redis://a", "the weight is not"},
        Bad{"replicated:" + a + "sqlite:x", "member 2: it cannot be a node"},
        Bad{"replicated:redis-cluster://a", "it cannot be a node"},
        Bad{"replicated:[sharded:redis://a]", "it cannot be a node"}));

INSTANTIATE_TEST_SUITE_P(
    Queries, BadTierUrl,
    ::testing::Values(
        Bad{"sharded:redis://a?sed=1", "sharded: a key after ? is unknown; the known ones are seed"},
        Bad{"replicated:redis://a?consistancy=strong",
            "the known ones are consistency, copies, read_quorum, write_quorum, may_forget, repair_time, "
            "max_hints, seed"},
        Bad{"sharded:unix:///a?db=1&seed=2",
            "a key after ? is unknown; the known ones are seed; for a key of the last URL itself, put that "
            "URL in brackets"},
        Bad{"sharded:redis://a?seed=1,redis://b",
            "the query of sharded: or replicated: comes after the last URL"},
        Bad{"sharded:redis://a?", "a key after ? is unknown"},
        Bad{"sharded:redis://a?seed", "seed is not a whole number"},
        Bad{"sharded:redis://a?seed=1&", "a key after ? is unknown"},
        Bad{"sharded:redis://a?seed=1&seed=2", "seed is given twice"},
        Bad{"sharded:redis://a?seed=-1", "seed is not a whole number"},
        Bad{"sharded:redis://a?seed=18446744073709551616", "to 18446744073709551615"},
        Bad{"replicated:redis://a?consistency=Strong", "it is weak, eventual or strong"},
        Bad{"replicated:redis://a?copies=0", "copies is not a whole number from 1"},
        Bad{"replicated:redis://a?copies=two", "copies is not a whole number"},
        Bad{"replicated:redis://a?repair_time=30", "write a number and s, m, h or d, as in 30s"},
        Bad{"replicated:redis://a?repair_time=8d", "from 1s to 7d"},
        Bad{"replicated:redis://a?repair_time=0s", "from 1s to 7d"},
        Bad{"replicated:redis://a?repair_time=-1s", "from 1s to 7d"},
        Bad{"replicated:redis://a?max_hints=0", "max_hints is not a whole number"},
        Bad{"sharded:redis://:p?seed=s3cret@h", "an @ after a ?"},
        Bad{"sharded:redis://:p?s3cret=1", "not a port"}));

/// Passwords that are not encoded, with whatever separates something: no word of them gets into a message, a
/// name or an address.
TEST(TierUrl, ShowsNoPartOfAPasswordHoweverItIsWritten) {
  const unsigned seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  std::mt19937 random(seed);
  const std::string signs = "@/?#,[]=:*%&+1k";
  const std::vector<std::string> schemes{"redis://",
                                         "rediss://",
                                         "redis-cluster://",
                                         "rediss-cluster://",
                                         "postgres://",
                                         "postgresql://",
                                         "unix://",
                                         "redis+unix://",
                                         "mysql://",
                                         "reddis://",
                                         ""};
  const std::vector<std::string> tails{"",  "/0", "/x", "/x?pool=2", "?db=1", "?scope=fleet", "?sslmode=no",
                                       ",", "]",  "?"};
  const std::vector<std::pair<std::string, std::string>> around{
      {"", ""},
      {"sharded:", ""},
      {"sharded:redis://x,", ""},
      {"replicated:redis://x,n=", "?copies=2"},
      {"sharded:", ",redis://y?seed=1"},
      {"sharded:[replicated:", ",redis://y],redis://z"}};
  const auto pick = [&](const auto& from) { return from[random() % from.size()]; };
  const auto noise = [&] {
    std::string text;
    for (auto length = random() % 4; length > 0; --length) text += pick(signs);
    return text;
  };
  const auto expect_silence = [](const TierUrl& tier, const auto& self) -> void {
    EXPECT_THAT(tier.address, Not(HasSubstr("SECRET")));
    EXPECT_THAT(tier.address, Not(HasSubstr("secret")));
    for (const Member& member : tier.members) {
      EXPECT_THAT(member.name, Not(HasSubstr("SECRET")));
      self(member.tier, self);
    }
  };
  unsigned accepted = 0;
  for (int round = 0; round < 100'000 && !::testing::Test::HasFailure(); ++round) {
    const auto& [before, behind] = pick(around);
    const std::string user = random() % 2 == 0 ? "user" : "";
    std::string password = noise() + "SECRET" + noise() + "SECRET" + noise();
    // Where the host is forgotten, user:1 is a server by all appearances, and what follows one of these
    // signs is what should follow it.
    const bool forgotten = random() % 8 == 0;
    if (forgotten)
      std::erase_if(password,
                    [](char c) { return std::string_view("@/?,").find(c) != std::string_view::npos; });
    const std::string url =
        before + pick(schemes) + user + ":" + password + (forgotten ? "" : "@host:1" + pick(tails)) + behind;
    SCOPED_TRACE(url);
    try {
      expect_silence(parse_tier_url(url), expect_silence);
      ++accepted;
    } catch (const ConfigError& refused) {
      EXPECT_THAT(refused.what(), Not(HasSubstr("SECRET")));
    }
  }
  EXPECT_GT(accepted, 1000U);
}

}  // namespace
}  // namespace terrace::assembly
