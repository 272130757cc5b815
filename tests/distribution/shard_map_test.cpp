#include "distribution/shard_map.hpp"

#include <gtest/gtest.h>

#include <terrace/testing.hpp>

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

const TimePoint start{1000s};

std::vector<Shard> shards(std::initializer_list<const char*> names) {
  std::vector<Shard> list;
  for (const auto* name : names) list.push_back({name, std::make_shared<testing::NullTier>()});
  return list;
}

/// Keys say where they are: by their first byte, if there is such a shard.
std::size_t by_first_byte(std::string_view key, const std::vector<Shard>& list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].name == key.substr(0, 1)) return i;
  }
  return key.starts_with('?') ? 99 : 0;
}

TEST(ShardMap, AKeyHasOneOwnerWhileNothingChanges) {
  const ShardMap map(shards({"a", "b"}), by_first_byte, 0);
  const Route route = map.route("b1", start);
  EXPECT_EQ(route.leader, 1U);
  EXPECT_FALSE(route.other || route.read_other || map.changing());
  EXPECT_EQ(map.route("?", start).leader, Route::nowhere);
}

TEST(ShardMap, AKeyThatMovesGoesThroughThePhases) {
  const ShardMap before(shards({"a", "b"}), by_first_byte, 0);
  const ShardMap map = before.changed(shards({"b", "c"}), {.settle = 5s, .grace = 60s}, start);
  ASSERT_EQ(map.members().size(), 3U);
  EXPECT_EQ(map.members()[2].name, "a") << "what leaves comes last";
  const auto phase = [&](Duration since, std::string_view key = "a1") {
    const Route route = map.route(key, start + since);
    return map.members()[route.leader].name +
           (route.read_other ? " then "
            : route.other    ? " not "
                             : "") +
           (route.other ? map.members()[*route.other].name : "");
  };
  EXPECT_EQ(phase(0s), "a then b");
  EXPECT_EQ(phase(5s - 1ns), "a then b");
  EXPECT_EQ(phase(5s), "b then a");
  EXPECT_EQ(phase(65s - 1ns), "b then a");
  EXPECT_EQ(phase(65s), "b not a");
  EXPECT_EQ(phase(70s - 1ns), "b not a");
  EXPECT_EQ(phase(70s), "b");
  EXPECT_EQ(map.ends(), start + 70s);
  EXPECT_EQ(phase(0s, "c1"), "a then c") << "a had what belonged to nobody";
  for (const Duration since : {0s, 5s, 65s, 70s}) EXPECT_EQ(phase(since, "b1"), "b") << "it stays";
  const ShardMap after = map.settled();
  EXPECT_FALSE(after.changing());
  EXPECT_EQ(after.members().size(), 2U);
  EXPECT_EQ(after.route("a1", start).leader, 0U);
}

TEST(ShardMap, WithoutAFunctionTheRingDecides) {
  const ShardMap before(shards({"a", "b", "c"}), {}, 7);
  const ShardMap map = before.changed(shards({"a", "b", "c", "d"}), {}, start);
  const HashRing ring({{"a"}, {"b"}, {"c"}, {"d"}}, 7);
  const HashRing old({{"a"}, {"b"}, {"c"}}, 7);
  for (int i = 0; i < 2000; ++i) {
    const std::string key = std::to_string(i);
    const Route route = map.route(key, start + 10s);
    ASSERT_EQ(route.leader, ring.owner(key));
    ASSERT_EQ(route.other.has_value(), ring.owner(key) == 3);
    if (route.other) {
      ASSERT_EQ(*route.other, old.owner(key));
    }
  }
  EXPECT_EQ(map.share(3), ring.shares()[3]);
  const ShardMap less = before.changed(shards({"a", "b"}), {}, start);
  EXPECT_EQ(less.share(2), 0) << "of what leaves";
  EXPECT_EQ(ShardMap(shards({"a"}), by_first_byte, 0).share(0), std::nullopt);
}

template <class Act>
std::string refusal(Act act) {
  try {
    act();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no refusal";
}

TEST(ShardMap, RefusesListsAndTimesThatCannotBe) {
  const auto list = [](std::vector<Shard> of, ShardFunction function = {}) {
    return refusal([&] { ShardMap(of, function, 0); });
  };
  EXPECT_EQ(list({}), "ShardedOptions::shards is empty; give at least one shard");
  auto odd = shards({"a", "b"});
  odd[1].name = "";
  EXPECT_EQ(list(odd), "ShardedOptions::shards: a shard has an empty name; name it");
  odd[1].name = "a";
  for (const auto& function : {ShardFunction(), ShardFunction(by_first_byte)}) {
    EXPECT_EQ(list(odd, function),
              "ShardedOptions::shards: two shards are named \"a\"; give each its own name");
  }
  odd[1] = {"b", nullptr};
  EXPECT_EQ(list(odd), "ShardedOptions::shards: the tier of shard \"b\" is null");
  odd = shards({"a"});
  odd[0].weight = 0;
  EXPECT_NE(list(odd).find("the weight of node \"a\""), std::string::npos);

  const ShardMap map(shards({"a"}), {}, 0);
  const auto change = [&](ShardChange how) {
    return refusal([&] { (void)map.changed(shards({"b"}), how, start); });
  };
  EXPECT_EQ(change({.settle = -1s}), "ShardChange::settle is negative; give 0 or more");
  EXPECT_NE(change({.settle = 5s, .grace = 4s}).find("ShardChange::grace is less than settle"),
            std::string::npos);
  EXPECT_EQ(change({.settle = 0s, .grace = 0s}), "no refusal");
}

}  // namespace
}  // namespace terrace::distribution
