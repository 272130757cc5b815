// What versioned_tier.hpp promises of copies, as tests that run on every tier whose versioned() is not null.
#include <algorithm>
#include <random>
#include <terrace/shared_tier.hpp>
#include <thread>

#include "conformance/versioned_fixture.hpp"

namespace terrace::conformance {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t most = ~std::uint64_t{0};
constexpr std::uint64_t highest = Version::highest_counter;

Version v(std::uint64_t counter, std::uint64_t writer = 7, std::uint64_t order = 0) {
  return {.counter = counter, .writer = writer, .order = order};
}

class VersionedConformance : public VersionedSuite {
 protected:
  VersionedConformance() : VersionedSuite(GetParam().make()) {}
};

TEST_P(VersionedConformance, AnUnknownKeyHasNoVersionAndNoValue) {
  const Reading reading = node_.read_many({"unknown"})[0].value();
  EXPECT_TRUE(reading.copy.version.none());
  EXPECT_EQ(reading.copy.value, Found());
  EXPECT_FALSE(reading.copy.ttl);
  EXPECT_TRUE(node_.version("unknown").none());
}

TEST_P(VersionedConformance, AHigherVersionTakesEffectALowerOneIsToldWhatIsHeld) {
  EXPECT_EQ(node_.write("k", v(5), "five").held, v(5));
  EXPECT_EQ(node_.write("k", v(4), "four").held, v(5)) << "late";
  EXPECT_EQ(node_.read("k").value, Found("five"));
  EXPECT_EQ(node_.write("k", v(4), std::nullopt).held, v(5)) << "a late tombstone";
  EXPECT_EQ(node_.read("k").value, Found("five"));
  EXPECT_EQ(node_.write("k", v(6), "six").held, v(6));
  EXPECT_EQ(node_.read("k").version, v(6));
  EXPECT_EQ(node_.read("k").value, Found("six"));
  EXPECT_EQ(get("k"), Found("six")) << "a get sees the value of the copy";
}

/// Counter, then order, then writer, each of all its values; ascending, every one of them against every
/// other.
TEST_P(VersionedConformance, VersionsCompareByCounterThenOrderThenWriter) {
  const std::vector<Version> ascending = {v(0, 1),
                                          v(0, most),
                                          v(0, 0, 1),
                                          v(1, 0, 0),
                                          v(1, 9, 0),
                                          v(1, 10, 0),
                                          v(1, 0xa, most),
                                          v(2, 0, 9),
                                          v(2, 0, 10),
                                          v(9, 1),
                                          v(10, 1),
                                          v(10, 0xf, 1),
                                          v(10, 0x10, 1),
                                          v(10, 0, 2),
                                          v(highest / 2, 1),
                                          v(highest / 2 + 1, 0, 3),
                                          v(highest - 1, most, most),
                                          v(highest, 0, 0),
                                          v(highest, most),
                                          v(highest, 0, most),
                                          v(highest, most, most)};
  ASSERT_TRUE(std::is_sorted(ascending.begin(), ascending.end()));
  for (std::size_t held = 0; held < ascending.size(); ++held) {
    for (std::size_t next = 0; next < ascending.size(); ++next) {
      const std::string key = std::to_string(held) + " then " + std::to_string(next);
      node_.write(key, ascending[held], "old");
      const Version told = node_.write(key, ascending[next], "new").held;
      ASSERT_EQ(told, ascending[std::max(held, next)]) << key;
      ASSERT_EQ(node_.read(key).version, told) << key << ": it comes back as it went";
      ASSERT_EQ(node_.read(key).value, Found(next > held ? "new" : "old")) << key;
    }
  }
}

TEST_P(VersionedConformance, AnEqualVersionChangesNothingUnlessItDeletes) {
  node_.write("k", v(5), "first", 1h);
  EXPECT_EQ(node_.write("k", v(5), "second").held, v(5));
  EXPECT_EQ(node_.read("k").value, Found("first"));
  EXPECT_TRUE(node_.read("k").ttl) << "nor its time";
  EXPECT_EQ(node_.write("k", v(5), std::nullopt).held, v(5));
  EXPECT_EQ(node_.read("k").value, Found()) << "what expired elsewhere is dead here";
}

TEST_P(VersionedConformance, F28_WhatATombstoneDeletedComesBackOnlyWithAHigherVersion) {
  node_.write("k", v(5), "value");
  EXPECT_EQ(node_.write("k", v(6), std::nullopt).held, v(6));
  const Copy deleted = node_.read("k");
  EXPECT_EQ(deleted.version, v(6));
  EXPECT_EQ(deleted.value, Found());
  EXPECT_FALSE(deleted.ttl);
  EXPECT_EQ(get("k"), Found());
  EXPECT_EQ(node_.write("k", v(5), "value").held, v(6)) << "a repair that came late";
  EXPECT_EQ(node_.write("k", v(6), "value").held, v(6)) << "one of the same version";
  EXPECT_EQ(node_.read("k").value, Found());
  EXPECT_EQ(node_.write("unheard", v(3), std::nullopt).held, v(3)) << "of a key that it never held";
  EXPECT_EQ(node_.write("unheard", v(2), "old").held, v(3));
  EXPECT_EQ(node_.read("unheard").value, Found());
  node_.write("k", v(7), "again");
  EXPECT_EQ(node_.read("k").value, Found("again"));
}

/// The mutant: a deletion that leaves no version.
TEST_P(VersionedConformance, F28_WithoutATombstoneALateRepairRevivesWhatWasDeleted) {
  node_.write("k", v(5), "value");
  plain_.erase("k", node_.in_time()).value();
  node_.write("k", v(5), "value");
  EXPECT_EQ(node_.read("k").value, Found("value")) << "the scenario shows the bug where there is one";
}

TEST_P(VersionedConformance, LiveTellsWhetherThereWasAValue) {
  EXPECT_FALSE(node_.write("k", v(1), "one").live);
  EXPECT_TRUE(node_.write("k", v(2), "two").live);
  EXPECT_TRUE(node_.write("k", v(1), "late").live);
  EXPECT_TRUE(node_.versions_many({"k"}, node_.in_time())[0].value().live);
  EXPECT_TRUE(node_.write("k", v(3), std::nullopt).live);
  EXPECT_FALSE(node_.write("k", v(4), std::nullopt).live);
  EXPECT_FALSE(node_.versions_many({"k"}, node_.in_time())[0].value().live);
  EXPECT_EQ(node_.version("k"), v(4));
  EXPECT_FALSE(node_.write("k", v(5), "short", 30ms).live);
  EXPECT_TRUE(comes(40ms, [&] { return !node_.versions_many({"k"}, node_.in_time())[0].value().live; }));
  EXPECT_FALSE(node_.write("k", v(6), "next").live) << "what has expired is not";
}

TEST_P(VersionedConformance, ACopyTellsWhatRemainsOfItsLife) {
  node_.write("lasting", v(1), "value");
  EXPECT_FALSE(node_.read("lasting").ttl);
  node_.write("hour", v(1), "value", 1h);
  ASSERT_TRUE(node_.read("hour").ttl);
  EXPECT_LE(*node_.read("hour").ttl, 1h);
  EXPECT_GT(*node_.read("hour").ttl, 59min);
  EXPECT_TRUE(comes(1s, [&] { return *node_.read("hour").ttl < 1h; }));
  node_.write("hour", v(2), "value", 2h);
  EXPECT_GT(*node_.read("hour").ttl, 1h) << "the later write's";
  node_.write("hour", v(3), "value");
  EXPECT_FALSE(node_.read("hour").ttl) << "the later write's";
}

TEST_P(VersionedConformance, F28_TheVersionOutlivesAValueThatExpired) {
  node_.write("k", v(5), "value", 30ms);
  EXPECT_TRUE(comes(40ms, [&] { return !node_.read("k").value; }));
  EXPECT_EQ(node_.read("k").version, v(5));
  EXPECT_FALSE(node_.read("k").ttl);
  EXPECT_EQ(get("k"), Found());
  EXPECT_EQ(node_.write("k", v(5), "value").held, v(5));
  EXPECT_EQ(node_.write("k", v(4), "older").held, v(5));
  EXPECT_EQ(node_.read("k").value, Found()) << "neither came back";
}

TEST_P(VersionedConformance, AfterTheRetentionAVersionIsForgotten) {
  node_.write("tombstone", v(5), std::nullopt, {}, 300ms);
  node_.write("expires", v(5), "value", 30ms, 300ms);
  node_.write("lives", v(5), "value", 1h, 300ms);
  node_.write("lasting", v(5), "value", {}, 300ms);
  EXPECT_EQ(node_.version("tombstone"), v(5));
  EXPECT_TRUE(comes(310ms, [&] { return node_.version("tombstone").none(); }));
  EXPECT_TRUE(comes(30ms, [&] { return node_.version("expires").none(); }));
  EXPECT_EQ(node_.write("tombstone", v(1), "older").held, v(1));
  EXPECT_EQ(node_.write("expires", v(1), "older").held, v(1));
  EXPECT_EQ(node_.version("lives"), v(5)) << "counted from the end of the value";
  EXPECT_EQ(node_.version("lasting"), v(5));
}

TEST_P(VersionedConformance, TheRetentionIsCountedFromTheLastWriteAndTheEndOfItsValue) {
  node_.write("tombstone", v(5), std::nullopt, {}, 50ms);
  node_.write("tombstone", v(5), std::nullopt, {}, 1h);
  node_.write("value", v(5), "value", 40ms, 1h);
  node_.write("control", v(5), std::nullopt, {}, 50ms);
  EXPECT_TRUE(comes(60ms, [&] { return node_.version("control").none(); }));
  EXPECT_EQ(node_.version("tombstone"), v(5));
  EXPECT_EQ(node_.version("value"), v(5));
  EXPECT_EQ(node_.read("value").value, Found());
}

TEST_P(VersionedConformance, WhatIsSetOrErasedWithoutAVersionEndsTheCopy) {
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"set", [&] { set("p:k", "plain"); }},
      {"set_many",
       [&] {
         plain_.set_many({{"p:k", "plain", 1h}}, node_.in_time())[0].value();
       }},
      {"erase", [&] { (void)plain_.erase("p:k", node_.in_time()).value(); }},
      {"erase_many", [&] { (void)plain_.erase_many({"p:k"}, node_.in_time())[0].value(); }},
      {"erase_prefix", [&] { (void)plain_.erase_prefix("p:", node_.in_time()).value(); }},
      {"erase_glob",
       [&] {
         (void)ask<Result<std::uint64_t>>([&](auto done) {
           tier_->erase_glob("p:", "[k]", node_.in_time(), std::move(done));
         }).value();
       }},
  };
  for (const auto& [name, change] : changes) {
    for (const bool deleted : {false, true}) {
      SCOPED_TRACE(name);
      node_.write("p:k", v(9), deleted ? std::nullopt : std::optional<BytesView>("copy"));
      node_.write("q:k", v(9), "other");
      change();
      const Copy copy = node_.read("p:k");
      EXPECT_TRUE(copy.version.none());
      EXPECT_EQ(copy.value, Found()) << "what has no version is no copy";
      EXPECT_EQ(node_.write("p:k", v(1), "new").held, v(1));
      EXPECT_EQ(node_.read("p:k").value, Found("new"));
      EXPECT_EQ(node_.read("q:k").value, Found("other"));
      plain_.erase("p:k", node_.in_time()).value();
    }
  }
}

TEST_P(VersionedConformance, AValueWithoutAVersionIsNoCopy) {
  set("k", "foreign");
  EXPECT_TRUE(node_.read("k").version.none());
  EXPECT_EQ(node_.read("k").value, Found());
  EXPECT_FALSE(node_.versions_many({"k"}, node_.in_time())[0].value().live);
  EXPECT_FALSE(node_.write("k", v(1), std::nullopt).live);
  EXPECT_EQ(get("k"), Found()) << "a tombstone deletes it too";
}

/// A counter that nobody gave out; TierWrite::version is a way to plant one.
TEST_P(VersionedConformance, ACounterAboveTheHighestIsNoVersionAndIsWrittenOver) {
  const Version above = v(highest + 1);
  EXPECT_EQ(node_.write_many({{"k", above, "value", {}}}, retention, node_.in_time())[0].error(),
            Errc::invalid_argument);
  for (const std::uint64_t planted : {highest + 1, most}) {
    // A tier that refuses such a version leaves no way to plant one here; on servers tests/chaos does it.
    const auto told = plain_.set_many({{"k", "planted", {}, planted}}, node_.in_time())[0];
    if (!told) {
      EXPECT_EQ(told.error(), Errc::invalid_argument);
      continue;
    }
    EXPECT_EQ(node_.read_many({"k"})[0].error(), Errc::corrupt) << planted;
    EXPECT_EQ(node_.versions_many({"k"}, node_.in_time())[0].error(), Errc::corrupt) << planted;
    EXPECT_EQ(node_.write("k", v(5), "honest").held, v(5)) << planted;
    EXPECT_EQ(node_.read("k").value, Found("honest"));
    plain_.erase("k", node_.in_time()).value();
  }
}

/// TierWrite::version, of a process that does not replicate, is ordered with the rest as a counter.
TEST_P(VersionedConformance, TheVersionsOfPlainWritesCompareWithThoseOfCopies) {
  const auto put = [&](BytesView value, std::uint64_t version) {
    plain_.set_many({{"k", value, {}, version}}, node_.in_time())[0].value();
  };
  put("plain 5", 5);
  EXPECT_EQ(node_.read("k").version, v(5, 0));
  EXPECT_EQ(node_.read("k").value, Found("plain 5"));
  EXPECT_EQ(node_.write("k", v(5, 0), "same").held, v(5, 0));
  EXPECT_EQ(node_.read("k").value, Found("plain 5"));
  EXPECT_EQ(node_.write("k", v(4), "late").held, v(5, 0));
  EXPECT_EQ(node_.write("k", v(5), "copy").held, v(5));
  put("plain 5", 5);
  EXPECT_EQ(get("k"), Found("copy"));
  put("plain 6", 6);
  EXPECT_EQ(get("k"), Found("plain 6"));
  EXPECT_EQ(node_.write("k", v(6, 0), std::nullopt).held, v(6, 0));
  EXPECT_EQ(get("k"), Found());
}

TEST_P(VersionedConformance, AWriteThatTookEffectVoidsTheLease) {
  if (tier_->shared() == nullptr) return;  // no leases, then
  LeaseToken token;
  token.fill('t');
  const auto acquire = [&] {
    return ask<Result<LeaseReply>>(
        [&](auto done) { tier_->shared()->acquire("k", token, 10s, {}, node_.in_time(), std::move(done)); });
  };
  const auto fill = [&] {
    return ask<Result<bool>>([&](auto done) {
             tier_->shared()->fill("k", token, "loaded before", {}, node_.in_time(), std::move(done));
           })
        .value();
  };
  for (const bool deleted : {true, false}) {
    plain_.erase("k", node_.in_time()).value();
    ASSERT_EQ(acquire()->kind, LeaseReply::Kind::granted);
    node_.write("k", v(5), deleted ? std::nullopt : std::optional<BytesView>("new"));
    EXPECT_FALSE(fill());
    EXPECT_EQ(get("k"), deleted ? Found() : Found("new"));
  }
  node_.write("k", v(6), std::nullopt);
  ASSERT_EQ(acquire()->kind, LeaseReply::Kind::granted);
  node_.write("k", v(5), "late");
  EXPECT_TRUE(fill()) << "one that came too late leaves it";
}

TEST_P(VersionedConformance, EachOfManyHasItsOwnOutcome) {
  const std::string huge(max_key_size + 1, 'k');
  const auto wrote = node_.write_many({{"a", v(1), "one"},
                                       {"", v(1), "no key"},
                                       {"a", v(3), "three"},
                                       {huge, v(1), "no key"},
                                       {"a", v(2), "late"},
                                       {"b", Version{}, "no version"},
                                       {"b", v(1), "no time", 0ns},
                                       {"b", v(1), "b"},
                                       {"c", v(1), std::nullopt}});
  ASSERT_EQ(wrote.size(), 9U);
  EXPECT_EQ(wrote[0]->held, v(1));
  EXPECT_EQ(wrote[1].error(), Errc::invalid_key);
  EXPECT_EQ(wrote[2]->held, v(3));
  EXPECT_EQ(wrote[3].error(), Errc::invalid_key);
  EXPECT_EQ(wrote[4]->held, v(3));
  EXPECT_EQ(wrote[5].error(), Errc::invalid_argument);
  EXPECT_EQ(wrote[6].error(), Errc::invalid_argument);
  EXPECT_EQ(wrote[7]->held, v(1));
  EXPECT_EQ(wrote[8]->held, v(1));
  const auto read = node_.read_many({"b", "", "a", huge, "none", "a", "c"});
  ASSERT_EQ(read.size(), 7U);
  EXPECT_EQ(read[0]->copy.value, Found("b"));
  EXPECT_EQ(read[1].error(), Errc::invalid_key);
  EXPECT_EQ(read[2]->copy.value, Found("three"));
  EXPECT_EQ(read[3].error(), Errc::invalid_key);
  EXPECT_TRUE(read[4]->copy.version.none());
  EXPECT_EQ(read[5]->copy.value, Found("three"));
  EXPECT_EQ(read[6]->copy.version, v(1));
  EXPECT_EQ(read[6]->copy.value, Found());
  const auto versions = node_.versions_many({"a", "", "none"}, node_.in_time());
  EXPECT_EQ(versions[0]->held, v(3));
  EXPECT_EQ(versions[1].error(), Errc::invalid_key);
  EXPECT_TRUE(versions[2]->held.none());
  EXPECT_TRUE(node_.read_many({}).empty());
  EXPECT_TRUE(node_.write_many({}).empty());
  EXPECT_TRUE(node_.versions_many({}, node_.in_time()).empty());
  EXPECT_EQ(node_.write_many({{"d", v(1), "v"}}, 0ns, node_.in_time())[0].error(), Errc::invalid_argument);
}

TEST_P(VersionedConformance, KeysAndValuesAreAnyBytes) {
  const std::string values[] = {"", std::string("\0\r\n", 3), std::string(3'000'000, 'x')};
  for (const std::string& key : {std::string("\0\r\n{}", 5), std::string("*?[x]\\"), std::string("\xff}{"),
                                 std::string("}"), std::string(max_key_size, 'k')}) {
    SCOPED_TRACE(printable_key(key));
    std::uint64_t counter = 0;
    for (const std::string& value : values) {
      node_.write(key, v(++counter), value);
      EXPECT_TRUE(node_.read(key).value == Found(value));
    }
    EXPECT_EQ(node_.version(key), v(counter));
  }
}

TEST_P(VersionedConformance, LongTimesAreTimes) {
  node_.write("k", v(1), "value", Duration::max(), Duration::max());
  EXPECT_EQ(node_.read("k").value, Found("value"));
  node_.write("k", v(2), std::nullopt, {}, Duration::max());
  EXPECT_EQ(node_.version("k"), v(2));
}

TEST_P(VersionedConformance, ADeadlineThatHasPassedIsTimedOutAndAClosedTierIsShutDown) {
  const auto each = [&](TimePoint deadline, Errc expected) {
    const std::error_code code = make_error_code(expected);
    EXPECT_EQ(node_.read_many({"k"}, deadline)[0].error().code, code);
    EXPECT_EQ(node_.versions_many({"k"}, deadline)[0].error().code, code);
    EXPECT_EQ(node_.write_many({{"k", v(1), "v"}}, retention, deadline)[0].error().code, code);
    EXPECT_EQ(node_.scan("", deadline).error().code, code);
    EXPECT_EQ(node_.membership(deadline).error().code, code);
    EXPECT_EQ(node_.take_charge(1, 1s, deadline).error().code, code);
    EXPECT_EQ(node_.keep_charge(1, 1s, deadline).error().code, code);
    EXPECT_EQ(node_.purge(1, deadline).error().code, code);
    EXPECT_EQ(node_.admit(1, 1s, deadline).error().code, code);
  };
  each(node_.past(), Errc::timed_out);
  EXPECT_TRUE(node_.version("k").none()) << "nothing was written";
  tier_->close();
  each(node_.in_time(), Errc::shutdown);
}

TEST_P(VersionedConformance, AnyOrderOfWritesEndsTheSame) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  struct Held {
    Version version;
    Found value;
  };
  std::map<std::string, Held> model;
  for (int i = 0; i < 2000; ++i) {
    const std::string key = "k" + std::to_string(random() % 5);
    const Version version = v(random() % 8, random() % 2 + 1, random() % 3);
    const std::string text = std::to_string(i);
    const bool deletes = random() % 3 == 0;
    Held& held = model[key];
    const bool lived = held.value.has_value();
    if (version > held.version || (deletes && version == held.version)) {
      held = {version, deletes ? Found() : Found(text)};
    }
    const Written told = node_.write(key, version, deletes ? std::nullopt : std::optional<BytesView>(text));
    ASSERT_EQ(told.held, held.version) << i;
    ASSERT_EQ(told.live, lived) << i;
    ASSERT_EQ(node_.read(key).value, held.value) << i;
    if (random() % 50 == 0) {
      plain_.erase(key, node_.in_time()).value();
      model.erase(key);
    }
  }
}

TEST_P(VersionedConformance, OfManyWritersTheHighestVersionStays) {
  std::vector<std::jthread> writers;
  for (std::uint64_t writer = 1; writer <= 4; ++writer) {
    writers.emplace_back([this, writer] {
      for (std::uint64_t i = 1; i <= 200; ++i) {
        const std::string value = std::to_string(i) + " of " + std::to_string(writer);
        const Version version = v(i, writer);
        if (node_.write("k", version, value).held < version) ADD_FAILURE() << value;
        const Copy now = node_.read("k");
        const std::string expected =
            std::to_string(now.version.counter) + " of " + std::to_string(now.version.writer);
        if (now.version < version || now.value != Found(expected)) ADD_FAILURE() << value;
      }
    });
  }
  writers.clear();
  EXPECT_EQ(node_.read("k").version, v(200, 4));
}

INSTANTIATE_TEST_SUITE_P(Every, VersionedConformance, ::testing::ValuesIn(versioned_subjects()),
                         [](const auto& subject) { return subject.param.name; });

}  // namespace
}  // namespace terrace::conformance
