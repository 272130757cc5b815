/// Two versions of a program over one tier: neither can read the entries of the other, and yet each value is
/// loaded about once by each version, and no version reads what the other has changed.

#include "cascade/beside.hpp"

#include <random>
#include <terrace/key_ring.hpp>

#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

/// The value with one field, and with one more.
struct Old {
  std::int64_t number = 0;
};
struct New {
  std::int64_t number = 0;
  std::string note = {};
};

class BesideTest : public SharedTest {
 protected:
  [[nodiscard]] CacheOptions options(CacheOptions more = {}) const {
    more.ttl = 60s;
    more.ttl_jitter = 0;
    more.scheduler = scheduler_;
    return more;
  }
  template <class V>
  [[nodiscard]] Cache<V> process(CacheOptions more = {}) const {
    return Cache<V>(options(std::move(more)), {shared_});
  }

  /// A read whose load is counted.
  template <class V>
  std::int64_t read(Cache<V>& cache, int& loads, const std::string& key = "k") {
    return cache
        .get_or_load(key,
                     [&] {
                       ++loads;
                       return V{origin_};
                     })
        .value()
        .number;
  }

  /// 100 reads of each, over one TTL.
  template <class A, class B>
  void read_in_turns(Cache<A>& a, Cache<B>& b, int& loads_of_a, int& loads_of_b) {
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(read(a, loads_of_a), origin_);
      EXPECT_EQ(read(b, loads_of_b), origin_);
      scheduler_->advance(590ms);
    }
  }

  std::int64_t origin_ = 1;
  int old_loads_ = 0;
  int new_loads_ = 0;
};

TEST_F(BesideTest, EachVersionLoadsOnceForATtl) {
  auto old = process<Old>();
  auto fresh = process<New>();
  read_in_turns(old, fresh, old_loads_, new_loads_);
  EXPECT_LE(old_loads_, 2);
  EXPECT_LE(new_loads_, 2);
  for (int ttl = 0; ttl < 10; ++ttl) read_in_turns(old, fresh, old_loads_, new_loads_);
  EXPECT_LE(old_loads_, 22);
  EXPECT_LE(new_loads_, 22);
}

TEST_F(BesideTest, AllProcessesOfAVersionShareItsEntry) {
  auto old = process<Old>();
  read(old, old_loads_);
  for (int i = 0; i < 10; ++i) {
    auto fresh = process<New>();
    EXPECT_EQ(read(fresh, new_loads_), 1);
  }
  EXPECT_EQ(new_loads_, 1);
}

TEST_F(BesideTest, WithoutMemoryAndWithStrongConsistencyToo) {
  for (const CacheOptions& more :
       {CacheOptions{.memory_level = false}, CacheOptions{.consistency = Consistency::strong}}) {
    shared_->flush_all();
    old_loads_ = new_loads_ = 0;
    auto old = process<Old>(more);
    auto fresh = process<New>(more);
    read_in_turns(old, fresh, old_loads_, new_loads_);
    EXPECT_LE(old_loads_, 2);
    EXPECT_LE(new_loads_, 2);
  }
}

TEST_F(BesideTest, TurningTheSealOnIsLikeAnotherVersion) {
  const auto ring = KeyRing::parse("1 primary AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
  auto open = process<Old>();
  auto sealed = process<Old>({.key_ring = ring});
  read_in_turns(open, sealed, old_loads_, new_loads_);
  EXPECT_LE(old_loads_, 2);
  EXPECT_LE(new_loads_, 2);
}

TEST_F(BesideTest, AChangeByOneVersionReachesTheOther) {
  auto old = process<Old>();
  auto fresh = process<New>();
  const auto both = [&](std::int64_t expected) {
    EXPECT_EQ(read(old, old_loads_), expected);
    EXPECT_EQ(read(fresh, new_loads_), expected);
  };
  both(1);
  origin_ = 2;
  old.erase("k").value();
  both(2);
  origin_ = 3;
  fresh.erase("k").value();
  both(3);
  origin_ = 4;
  old.set("k", {4}).value();
  both(4);
  origin_ = 5;
  fresh.set("k", {5}).value();
  both(5);
  origin_ = 6;
  fresh.invalidate_prefix("k").value();
  both(6);
  origin_ = 7;
  old.clear().value();
  both(7);
}

TEST_F(BesideTest, AnEntryBesideOtherBytesIsNotRead) {
  auto old = process<Old>();
  auto fresh = process<New>();
  read(old, old_loads_);
  read(fresh, new_loads_);  // beside the first entry
  origin_ = 2;
  old.erase("k").value();
  scheduler_->advance(1ms);  // another time of creation
  read(old, old_loads_);
  auto another = process<New>();
  EXPECT_EQ(read(another, new_loads_), 2);
}

TEST_F(BesideTest, AStaleEntryOfOthersIsReplaced) {
  auto old = process<Old>({.grace = 1h});
  read(old, old_loads_);
  scheduler_->advance(61s);
  auto fresh = process<New>({.grace = 1h});
  read(fresh, new_loads_);
  auto another = process<New>({.grace = 1h});
  read(another, new_loads_);
  EXPECT_EQ(new_loads_, 1);
  EXPECT_EQ(another.lookup("k").level, "memory");
  EXPECT_EQ(shared_->stats().write_errors, 0U);
}

/// With strong consistency each read must return the value of the last write, whichever version wrote it.
TEST_F(BesideTest, NoOrderOfChangesAndReadsGivesAnOldValue) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const CacheOptions strong{.consistency = Consistency::strong};
  auto old = process<Old>(strong);
  auto fresh = process<New>(strong);
  auto another = process<New>(strong);
  int loads = 0;
  for (int step = 0; step < 20'000; ++step) {
    switch (random() % 8) {
      case 0:
        ++origin_;
        random() % 2 == 0 ? old.erase("k").value() : fresh.erase("k").value();
        break;
      case 1:
        ++origin_;
        old.set("k", {origin_}).value();
        break;
      case 2:
        ++origin_;
        another.set("k", {origin_}).value();
        break;
      case 3:
        scheduler_->advance(std::chrono::milliseconds(random() % 20'000));
        break;
      case 4:
      case 5:
        ASSERT_EQ(read(old, loads), origin_) << "step " << step;
        break;
      case 6:
        ASSERT_EQ(read(fresh, loads), origin_) << "step " << step;
        break;
      default:
        ASSERT_EQ(read(another, loads), origin_) << "step " << step;
    }
  }
}

TEST(Beside, AnEntryCountsBesideItsBytesAlone) {
  const Bytes here = envelope::identity("these bytes");
  const Bytes other = envelope::identity("those bytes");
  EXPECT_EQ(here.size(), envelope::identity_size);
  EXPECT_EQ(cascade::beside::open(here, cascade::beside::wrap(here, "entry")), "entry");
  EXPECT_FALSE(cascade::beside::open(other, cascade::beside::wrap(here, "entry")));
  EXPECT_FALSE(cascade::beside::open(here, "short"));
  EXPECT_EQ(cascade::beside::infix(StoredKind{1, 0xabc}, true), "~beside:010000000000000abcs:");
}

}  // namespace
}  // namespace terrace
