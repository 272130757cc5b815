#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <terrace/bytes.hpp>
#include <terrace/hash_ring.hpp>

#include "cli/program.hpp"

namespace terrace::cli_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Shown {
  std::vector<std::string> nodes;
  std::vector<double> shares;
  double moved = -1;
};

Shown ring(std::vector<std::string> arguments, const std::string& input = "/dev/null") {
  arguments.insert(arguments.begin(), "ring");
  arguments.emplace_back("--json");
  const Ended ended = terrace(arguments, input);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.err, IsEmpty());
  const boost::json::value value = boost::json::parse(ended.out);
  Shown shown;
  for (const auto& node : value.at("nodes").as_array()) {
    shown.nodes.emplace_back(node.at("node").as_string());
    shown.shares.push_back(node.at("share").to_number<double>());
  }
  shown.moved = value.at("moved").to_number<double>();
  return shown;
}

std::string refusal(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ring");
  const Ended ended = terrace(arguments);
  EXPECT_EQ(ended.code, 2) << ended.out;
  EXPECT_THAT(ended.out, IsEmpty());
  return ended.err;
}

TEST(Ring, SharesAreThoseOfTheRing) {
  const Shown shown = ring({"--nodes", "a, b=2 ,c", "--seed", "18446744073709551615"});
  EXPECT_EQ(shown.nodes, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(shown.shares, HashRing({{"a"}, {"b", 2}, {"c"}}, UINT64_MAX).shares());
  EXPECT_EQ(shown.moved, 0);
}

TEST(Ring, ANodeThatComesAndOneThatLeavesMoveTheirShare) {
  const Shown more = ring({"--nodes", "a,b,c", "--add", "d"});
  EXPECT_EQ(more.nodes, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_NEAR(more.moved, more.shares[3], 1e-12);
  EXPECT_LT(more.moved, 1.0 / 3 + 0.02);
  const Shown less = ring({"--nodes", "a,b,c", "--remove", "b"});
  EXPECT_EQ(less.nodes, (std::vector<std::string>{"a", "c"}));
  EXPECT_NEAR(less.moved, HashRing({{"a"}, {"b"}, {"c"}}).shares()[1], 1e-12);
  const Shown heavier = ring({"--nodes", "a,b,c", "--remove", "b", "--add", "b=2"});
  EXPECT_NEAR(heavier.moved, 0.5 - 1.0 / 3, 0.02) << "only what comes to b";
  EXPECT_EQ(ring({"--nodes", "a", "--remove", "a", "--add", "b"}).moved, 1);
}

TEST(Ring, CountsTheKeysOfAFile) {
  const TempFolder folder;
  const std::vector<HashRing::Node> three{{"a"}, {"b"}, {"c"}}, four{{"a"}, {"b"}, {"c"}, {"d"}};
  std::string text;
  std::vector<double> shares(4);
  double moved = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "key " + std::to_string(i);
    text += key + (i % 7 == 0 ? "\r\n" : "\n") + (i % 11 == 0 ? "\n" : "");
    const std::size_t owner = HashRing(four).owner(key);
    shares[owner] += 0.001;
    if (HashRing(three).owner(key) != owner) moved += 0.001;
  }
  text.pop_back();  // the last line has no end
  const std::string file = folder.file("keys", text);
  for (const Shown& shown : {ring({"--nodes", "a,b,c", "--add", "d", "--keys", file}),
                             ring({"--nodes", "a,b,c", "--add", "d", "--keys", "-"}, file)}) {
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(shown.shares[i], shares[i], 1e-9);
    EXPECT_NEAR(shown.moved, moved, 1e-9);
  }
}

TEST(Ring, TheTableShowsWhatJsonDoes) {
  const Ended ended = terrace({"ring", "--nodes", "a,b", "--add", "c=0.5", "--remove", "b"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("weight"), HasSubstr("before"), HasSubstr("0.5"), HasSubstr("moved: ")));
  EXPECT_THAT(terrace({"ring", "--nodes", "a,b"}).out, Not(HasSubstr("moved")));
  EXPECT_THAT(terrace({"ring", "--help"}).out, HasSubstr("those after the change"));
}

TEST(Ring, RefusesWhatCannotBeARing) {
  const TempFolder folder;
  EXPECT_THAT(refusal({}), HasSubstr("--nodes"));
  EXPECT_THAT(refusal({"--nodes", "a,,b"}), HasSubstr("--nodes has an empty part"));
  EXPECT_THAT(refusal({"--nodes", "a,b,a"}), HasSubstr("--nodes: the node \"a\" is given twice"));
  EXPECT_THAT(refusal({"--nodes", "a", "--add", "a=2"}), HasSubstr("--add: the node \"a\" is given twice"));
  EXPECT_THAT(refusal({"--nodes", "a", "--add", ""}), HasSubstr("--add has an empty part"));
  EXPECT_THAT(refusal({"--nodes", "a,b", "--remove", "c"}),
              HasSubstr("--remove \"c\" is not one of --nodes"));
  EXPECT_THAT(refusal({"--nodes", "a,b", "--remove", "a,b"}), HasSubstr("leave at least one"));
  EXPECT_THAT(refusal({"--nodes", "=2"}), HasSubstr("no name before the ="));
  for (const auto* weight : {"", "x", "0", "-1", "1001", "nan", "inf", "2x"}) {
    EXPECT_THAT(refusal({"--nodes", std::string("a=") + weight}),
                HasSubstr(std::string("\"") + weight + "\" is not a weight: write name=2"));
  }
  EXPECT_THAT(refusal({"--nodes", "a=1000,b=1000,c=1000"}), HasSubstr("divide all of them"));
  EXPECT_THAT(refusal({"--nodes", "a", "--seed", "-1"}), HasSubstr("--seed"));
  EXPECT_THAT(refusal({"--nodes", "a", "--keys", folder.path("none")}), HasSubstr("none"));
  EXPECT_THAT(refusal({"--nodes", "a", "--keys", folder.file("blank", "\n\r\n")}), HasSubstr("has no keys"));
  const std::string long_line = folder.file("long", "a\n" + std::string(max_key_size + 1, 'k'));
  EXPECT_THAT(refusal({"--nodes", "a", "--keys", long_line}), HasSubstr("line 2 is 65537 bytes long"));
}

}  // namespace
}  // namespace terrace::cli_test
