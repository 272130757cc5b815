#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <random>
#include <sstream>
#include <terrace/hash_ring.hpp>
#include <terrace/result.hpp>

namespace terrace {
namespace {

using Node = HashRing::Node;

std::vector<Node> equal_nodes(std::size_t count, const std::string& prefix = "node") {
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back({prefix + std::to_string(i)});
  return nodes;
}

std::vector<std::string> some_keys(std::size_t count, const std::string& prefix = "user:") {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(prefix + std::to_string(i));
  return keys;
}

const std::string& owner_name(const HashRing& ring, std::string_view key) {
  return ring.nodes()[ring.owner(key)].name;
}

double worst(const std::vector<double>& shares) {
  double off = 0;
  for (const double share : shares) off = std::max(off, std::abs(share * double(shares.size()) - 1));
  return off;
}

TEST(HashRing, EqualNodesAreWithinFivePercentOfTheirShareAtEveryNumberOfThem) {
  for (const std::string prefix : {"node", "redis://10.0.0.", "cache-eu-west-1-"}) {
    for (std::size_t count = 3; count <= 100; ++count) {
      const std::vector<double> shares = HashRing(equal_nodes(count, prefix)).shares();
      EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
      EXPECT_LT(worst(shares), 0.05) << count << " nodes named " << prefix;
    }
  }
}

TEST(HashRing, KeysAreSpreadAsTheSharesSay) {
  for (const std::size_t count : {3U, 10U, 100U}) {
    const HashRing ring(equal_nodes(count), 7);
    const std::size_t keys = 4000 * 100;
    std::vector<double> found(count);
    for (const auto& key : some_keys(keys)) found[ring.owner(key)] += 1.0 / double(keys);
    const std::vector<double> shares = ring.shares();
    for (std::size_t i = 0; i < count; ++i) {
      const double noise = std::sqrt(shares[i] / double(keys));  // one standard deviation of the sample
      EXPECT_NEAR(found[i], shares[i], 5 * noise);
    }
  }
}

TEST(HashRing, ANewNodeMovesOnlyItsShareAndOnlyToItself) {
  const auto keys = some_keys(100'000);
  for (const std::size_t count : {1U, 2U, 3U, 7U, 20U, 99U}) {
    const HashRing before(equal_nodes(count));
    const HashRing grown(equal_nodes(count + 1));
    std::size_t moved = 0;
    for (const auto& key : keys) {
      if (owner_name(before, key) == owner_name(grown, key)) continue;
      ++moved;
      ASSERT_EQ(grown.owner(key), count) << "a key went to an old node";
    }
    EXPECT_GT(moved, 0U);
    EXPECT_LT(double(moved) / double(keys.size()), 1 / double(count) + 0.02) << count;
  }
}

TEST(HashRing, ANodeThatLeavesMovesOnlyItsKeys) {
  const HashRing before(equal_nodes(8));
  auto nodes = equal_nodes(8);
  nodes.erase(nodes.begin() + 3);
  const HashRing after(nodes);
  for (const auto& key : some_keys(20'000)) {
    if (owner_name(before, key) == "node3") {
      ASSERT_EQ(owner_name(after, key), before.nodes()[before.owners(key, 2)[1]].name)
          << "the next one has it";
    } else {
      ASSERT_EQ(owner_name(before, key), owner_name(after, key));
    }
  }
}

TEST(HashRing, MovedIsTheShareThatChangesItsNode) {
  const HashRing three(equal_nodes(3), 9), four(equal_nodes(4), 9);
  EXPECT_NEAR(three.moved(four), four.shares()[3], 1e-15);
  EXPECT_NEAR(four.moved(three), four.shares()[3], 1e-15) << "there and back";
  EXPECT_EQ(three.moved(three), 0);
  EXPECT_NEAR(three.moved(HashRing(equal_nodes(3, "other"), 9)), 1, 1e-15);
  auto swapped = equal_nodes(4);
  swapped.erase(swapped.begin());  // node0 leaves, node3 comes: what passes from one to the other counts once
  const double moved = three.moved(HashRing(swapped, 9));
  EXPECT_LT(moved, three.shares()[0] + four.shares()[3]);
  std::size_t found = 0;
  const HashRing after(swapped, 9);
  for (const auto& key : some_keys(100'000))
    found += owner_name(three, key) != owner_name(after, key) ? 1 : 0;
  EXPECT_NEAR(moved, double(found) / 100'000, 0.01);
  EXPECT_THROW((void)three.moved(HashRing(equal_nodes(4), 8)), ConfigError);
}

TEST(HashRing, WeightsAreKeptAndAChangeOfOneMovesKeysOnlyToOrFromItsNode) {
  const std::vector<Node> nodes = {{"a", 1}, {"b", 2}, {"c", 0.5}, {"d", 10}};
  const HashRing ring(nodes);
  const std::vector<double> shares = ring.shares();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    EXPECT_NEAR(shares[i] / (nodes[i].weight / 13.5), 1, 0.06) << nodes[i].name;
  }
  auto heavier = nodes;
  heavier[1].weight = 3;
  const HashRing changed(heavier);
  for (const auto& key : some_keys(20'000)) {
    if (ring.owner(key) != changed.owner(key)) {
      ASSERT_EQ(changed.owner(key), 1U);
    }
  }
  EXPECT_NEAR(changed.shares()[1] / (3 / 14.5), 1, 0.06);
}

TEST(HashRing, TheOrderOfTheNodesDoesNotMatterButTheSeedDoes) {
  std::mt19937 random(1);
  auto nodes = equal_nodes(9);
  const HashRing ring(nodes, 5);
  std::shuffle(nodes.begin(), nodes.end(), random);
  const HashRing shuffled(nodes, 5), seeded(nodes, 6);
  std::size_t same = 0;
  for (const auto& key : some_keys(9000)) {
    ASSERT_EQ(owner_name(ring, key), owner_name(shuffled, key));
    same += owner_name(ring, key) == owner_name(seeded, key) ? 1 : 0;
  }
  EXPECT_NEAR(double(same), 1000, 200) << "another seed is another ring";
}

TEST(HashRing, OwnersAreDifferentNodesTheOwnerFirst) {
  const HashRing ring(equal_nodes(5));
  for (const auto& key : some_keys(1000)) {
    auto owners = ring.owners(key, 3);
    ASSERT_EQ(owners.size(), 3U);
    EXPECT_EQ(owners[0], ring.owner(key));
    const auto all = ring.owners(key, 99);
    EXPECT_TRUE(std::equal(owners.begin(), owners.end(), all.begin()));
    ASSERT_EQ(all.size(), 5U);
    EXPECT_EQ(std::accumulate(all.begin(), all.end(), std::size_t{0}), 10U) << "each once";
  }
  EXPECT_TRUE(ring.owners("k", 0).empty());
}

TEST(HashRing, OneNodeOwnsEverythingHoweverLight) {
  const HashRing ring({{"only", 1e-9}});
  EXPECT_EQ(ring.shares(), std::vector<double>{1});
  for (const auto& key : some_keys(100)) EXPECT_EQ(ring.owner(key), 0U);
  EXPECT_EQ(ring.owner(""), 0U);
}

TEST(HashRing, RefusesWhatIsNoRingAndNamesIt) {
  const auto refusal = [](std::vector<Node> nodes) -> std::string {
    try {
      HashRing ring(std::move(nodes));
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "no refusal";
  };
  EXPECT_EQ(refusal({}), "hash ring: there are no nodes; give at least one");
  EXPECT_EQ(refusal({{"a"}, {""}}), "hash ring: a node has an empty name; give each node a name");
  EXPECT_EQ(refusal({{"a"}, {"b"}, {"a", 2}}),
            "hash ring: two nodes are named \"a\"; give each node its own name");
  for (const double weight : {0.0, -1.0, 1000.1, std::nan(""), double(INFINITY)}) {
    EXPECT_NE(refusal({{"a", weight}}).find("the weight of node \"a\" is "), std::string::npos) << weight;
  }
  EXPECT_EQ(
      refusal({{"a", 1000}, {"b", 1000}, {"c", 49}}),
      "hash ring: the weights add up to 2049, but at most 2048 is possible; divide all of them by the same "
      "number");
}

/// Written by golden/ring.py, which knows only what the header says.
TEST(HashRing, TheGoldenFileHolds) {
  std::ifstream file(TERRACE_GOLDEN_RING);
  std::vector<Node> nodes;
  std::uint64_t seed = 0;
  std::optional<HashRing> ring;
  std::size_t checked = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "ring") {
      words >> seed;
      nodes.clear();
      ring.reset();
    } else if (what == "node") {
      Node node;
      words >> node.weight >> std::ws;
      std::getline(words, node.name);
      nodes.push_back(node);
    } else if (what == "key") {
      if (!ring) ring.emplace(nodes, seed);
      std::string hex, key;
      words >> hex;
      for (std::size_t i = 0; i < hex.size(); i += 2) {
        key.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
      }
      std::vector<std::size_t> owners;
      for (std::size_t owner = 0; words >> owner;) owners.push_back(owner);
      ASSERT_EQ(ring->owners(key, 3), owners) << line;
      ++checked;
    }
  }
  EXPECT_EQ(checked, 4U * 46U);
}

}  // namespace
}  // namespace terrace
