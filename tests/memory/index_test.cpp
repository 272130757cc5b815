#include <terrace/detail/memory/equal.hpp>
#include <terrace/detail/memory/ghost.hpp>
#include <terrace/detail/memory/index.hpp>
#include <unordered_map>

#include "memory/support.hpp"

namespace terrace::memory {
namespace {

/// Random insertions and erasures against a map; `hash_of` may be as bad as it likes.
template <class F>
void compare_with_map(F&& hash_of, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Index index(random() % 2 == 0 ? 0 : 3000);
  std::vector<bool> present(3000, false);
  std::size_t size = 0;
  const auto find = [&](NodeId wanted) {
    return index.find(hash_of(wanted), [&](NodeId id) { return id == wanted; });
  };
  for (int step = 0; step < 30'000; ++step) {
    const auto id = static_cast<NodeId>(random() % present.size());
    ASSERT_EQ(find(id), present[id] ? id : nil);
    if (!present[id]) {
      index.reserve_one(hash_of);
      index.insert(hash_of(id), id);
    } else if (random() % 50 == 0) {
      index.erase_without_hash(id);
    } else {
      index.erase(hash_of(id), id);
    }
    present[id] = !present[id];
    size += present[id] ? 1 : std::size_t(-1);
    ASSERT_EQ(index.size(), size);
    if (random() % 20'000 == 0) {
      index.clear();
      present.assign(present.size(), false);
      size = 0;
    }
  }
  for (NodeId id = 0; id < present.size(); ++id) ASSERT_EQ(find(id), present[id] ? id : nil);
}

TEST(Index, FindsWhatIsThereAndNothingElse) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  compare_with_map([](NodeId id) { return KeyHash{}(id); }, test_seed());
}

TEST(Index, EvenWhenManyHashesCollide) {
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  compare_with_map([](NodeId id) { return KeyHash{}(id % 7); }, test_seed());
  compare_with_map([](NodeId id) { return std::uint64_t{id % 3} << 62; }, test_seed() + 1);
}

TEST(Index, ReplacesInPlace) {
  Index index(10);
  const auto hash_of = [](NodeId) { return std::uint64_t{42}; };
  for (NodeId id = 0; id < 9; ++id) {
    index.reserve_one(hash_of);
    index.insert(42, id);
  }
  index.replace(42, 4, 100);
  EXPECT_EQ(index.find(42, [](NodeId id) { return id == 4; }), nil);
  EXPECT_EQ(index.find(42, [](NodeId id) { return id == 100; }), 100U);
  EXPECT_EQ(index.size(), 9U);
}

TEST(EqualBytes, AgreesWithTheStandardLibrary) {
  for (std::size_t size = 0; size <= 40; ++size) {
    const std::string text(size, 'a');
    EXPECT_TRUE(equal_bytes(text, std::string(text)));
    EXPECT_FALSE(equal_bytes(text, text + 'a'));
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = text;
      other[at] = '\0';
      EXPECT_FALSE(equal_bytes(text, other)) << size << " at " << at;
    }
  }
}

TEST(Ghost, RemembersTheLastOnesAndEachOnce) {
  Ghost ghost;
  EXPECT_FALSE(ghost.take(1)) << "without room it remembers nothing";
  ghost.reserve(10);
  for (std::uint64_t key = 1; key <= 30; ++key) ghost.add(key);
  for (std::uint64_t key = 1; key <= 20; ++key) EXPECT_FALSE(ghost.take(key)) << key;
  for (std::uint64_t key = 21; key <= 30; ++key) EXPECT_TRUE(ghost.take(key)) << key;
  for (std::uint64_t key = 21; key <= 30; ++key) EXPECT_FALSE(ghost.take(key)) << key;
  ghost.add(40);
  ghost.clear();
  EXPECT_FALSE(ghost.take(40));
}

TEST(Ghost, AtSizeItRemembersNearlyAllAndForgetsInTime) {
  constexpr std::uint64_t capacity = 100'000;
  Ghost ghost;
  ghost.reserve(capacity);
  const KeyHash hash;
  for (std::uint64_t key = 0; key < 10 * capacity; ++key) ghost.add(hash(key));
  std::uint64_t remembered = 0;
  std::uint64_t outdated = 0;
  for (std::uint64_t key = 9 * capacity; key < 10 * capacity; ++key)
    remembered += ghost.take(hash(key)).has_value();
  for (std::uint64_t key = 0; key < capacity; ++key) outdated += ghost.take(hash(key)).has_value();
  EXPECT_GT(remembered, capacity * 93 / 100);
  EXPECT_LT(outdated, capacity / 1000);
}

}  // namespace
}  // namespace terrace::memory
