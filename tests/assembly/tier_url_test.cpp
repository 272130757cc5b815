#include "assembly/tier_url.hpp"

#include <gtest/gtest.h>

namespace terrace::assembly {
namespace {

using Words = std::vector<std::string>;

Words names(const TierUrl& url) {
  Words all;
  for (const Member& member : url.members) all.push_back(member.name);
  return all;
}

Words targets(const TierUrl& url) {
  Words all;
  for (const Member& member : url.members) all.push_back(member.tier.target);
  return all;
}

TEST(TierUrl, Stores) {
  struct Case {
    std::string url;
    Kind kind;
    std::string target;
    std::string address;
  };
  const std::vector<Case> cases{
      {"redis://H", Kind::redis, "redis://H", "redis://h:6379"},
      {"REDISS://u:p@h:1/2", Kind::redis, "REDISS://u:p@h:1/2", "rediss://h:1/2"},
      {"redis://[::1]", Kind::redis, "redis://[::1]", "redis://[::1]:6379"},
      {"redis://:a,b=*c@h", Kind::redis, "redis://:a,b=*c@h", "redis://h:6379"},
      {"unix://:p@/Run/a.sock?db=3", Kind::redis, "unix://:p@/Run/a.sock?db=3", "unix:///Run/a.sock?db=3"},
      {"redis+unix:///s@t", Kind::redis, "redis+unix:///s@t", "unix:///s@t"},
      {"redis-cluster://u:p@A:7000,b", Kind::cluster, "redis-cluster://u:p@A:7000,b",
       "redis-cluster://a:7000,b"},
      {"Rediss-Cluster://a/", Kind::cluster, "rediss-cluster://a/", "rediss-cluster://a"},
      {"sqlite:a,b@c.db", Kind::sqlite, "a,b@c.db", "sqlite:a,b@c.db"},
      {"sqlite:/x/a%3Fb%25.db", Kind::sqlite, "/x/a?b%.db", "sqlite:/x/a?b%.db"},
      {"sqlite:/x/y.db?scope=fleet", Kind::sqlite, "/x/y.db", "sqlite:/x/y.db"},
      {"sqlite:///x/y.db", Kind::sqlite, "/x/y.db", "sqlite:/x/y.db"},
      {"postgres://u:p@h:5433/d?sslmode=require", Kind::postgres, "postgresql://u:p@h:5433/d?sslmode=require",
       "postgres://h:5433/d"},
      {"postgresql://a:1,b:2/d", Kind::postgres, "postgresql://a:1,b:2/d", "postgres://a:1,b:2/d"},
      {"[redis://h]", Kind::redis, "redis://h", "redis://h:6379"},
  };
  for (const Case& expected : cases) {
    const TierUrl url = parse_tier_url(expected.url);
    EXPECT_EQ(url.kind, expected.kind) << expected.url;
    EXPECT_EQ(url.target, expected.target);
    EXPECT_EQ(url.address, expected.address);
    EXPECT_TRUE(url.members.empty());
  }
}

TEST(TierUrl, ACommaBeginsAUrlOnlyBeforeASchemeABracketOrAName) {
  EXPECT_EQ(targets(parse_tier_url(
                "sharded:redis://a,redis-cluster://b,c:1,rediss://d,sqlite:e,f,g=sqlite:h,i,[unix:///j]")),
            (Words{"redis://a", "redis-cluster://b,c:1", "rediss://d", "e,f", "h,i", "unix:///j"}));
  EXPECT_EQ(targets(parse_tier_url("sharded:postgres://a,b/x,*2=redis://:p,q@c")),
            (Words{"postgresql://a,b/x", "redis://:p,q@c"}));
}

TEST(TierUrl, NamesAreWhatIsAddressedWithoutPasswordAndQuery) {
  const auto one = parse_tier_url("sharded:redis://u:p@a,unix:///b?db=1,postgres://u:p@c/d?sslmode=require");
  EXPECT_EQ(names(one), (Words{"redis://a:6379", "unix:///b?db=1", "postgres://c/d"}));
  const auto changed = parse_tier_url("sharded:redis://v:q@A:6379/0,unix://:p@/b?db=1,postgres://c/d");
  EXPECT_EQ(names(changed), names(one))
      << "another password, or the same server otherwise written, moves nothing";
}

TEST(TierUrl, NamesAndWeightsMayBeGiven) {
  const auto url =
      parse_tier_url("sharded:a=redis://x,b*2=redis://y,*0.5=redis://z,redis://x:6379=redis://new");
  EXPECT_EQ(names(url), (Words{"a", "b", "redis://z:6379", "redis://x:6379"}));
  EXPECT_EQ(url.members[0].weight, 1);
  EXPECT_EQ(url.members[1].weight, 2);
  EXPECT_EQ(url.members[2].weight, 0.5);
  EXPECT_EQ(url.members[3].tier.target, "redis://new");
}

TEST(TierUrl, TheQueryAfterTheLastUrlIsTheListsWhenItKnowsAllKeys) {
  const auto lists = parse_tier_url("sharded:unix:///a?db=1,unix:///b?seed=7");
  EXPECT_EQ(lists.settings.seed, 7U);
  EXPECT_EQ(targets(lists), (Words{"unix:///a?db=1", "unix:///b"}));

  const auto members = parse_tier_url("sharded:unix:///a,unix:///b?db=7");
  EXPECT_EQ(members.settings.seed, 0U);
  EXPECT_EQ(targets(members), (Words{"unix:///a", "unix:///b?db=7"}));

  const auto both = parse_tier_url("sharded:unix:///a,b=[unix:///b?db=7]?seed=3");
  EXPECT_EQ(both.settings.seed, 3U);
  EXPECT_EQ(targets(both), (Words{"unix:///a", "unix:///b?db=7"}));
}

TEST(TierUrl, SettingsOfReplicated) {
  const auto settings =
      parse_tier_url(
          "replicated:redis://a,redis://b?consistency=strong&copies=2&read_quorum=1&write_quorum=2"
          "&may_forget=1&repair_time=30s&max_hints=5&seed=18446744073709551615")
          .settings;
  EXPECT_EQ(settings.consistency, Consistency::strong);
  EXPECT_EQ(settings.copies, 2U);
  EXPECT_EQ(settings.read_quorum, 1U);
  EXPECT_EQ(settings.write_quorum, 2U);
  EXPECT_EQ(settings.may_forget, 1U);
  EXPECT_EQ(settings.repair_time, std::chrono::seconds(30));
  EXPECT_EQ(settings.max_hints, 5U);
  EXPECT_EQ(settings.seed, UINT64_MAX);
  const auto defaults = parse_tier_url("replicated:redis://a").settings;
  EXPECT_EQ(defaults.consistency, Consistency::eventual);
  EXPECT_EQ(defaults.repair_time, ReplicatedOptions().repair_time);
  for (const auto& [text, time] : {std::pair("7d", 604800), {"168h", 604800}, {"2m", 120}, {"1s", 1}}) {
    EXPECT_EQ(parse_tier_url("replicated:redis://a?repair_time=" + std::string(text)).settings.repair_time,
              std::chrono::seconds(time));
  }
}

TEST(TierUrl, ListsInListsStandInBrackets) {
  const auto url = parse_tier_url(
      "sharded:[replicated:redis://a,redis://b?copies=2],right*2=[replicated:redis://c,[redis://"
      "[::1]]]?seed=1");
  ASSERT_EQ(url.members.size(), 2U);
  EXPECT_EQ(url.settings.seed, 1U);
  EXPECT_EQ(names(url), (Words{"replicated:redis://a:6379,redis://b:6379", "right"}));
  EXPECT_EQ(url.members[0].tier.settings.copies, 2U);
  EXPECT_EQ(url.members[1].weight, 2);
  EXPECT_EQ(targets(url.members[1].tier), (Words{"redis://c", "redis://[::1]"}));
}

}  // namespace
}  // namespace terrace::assembly
