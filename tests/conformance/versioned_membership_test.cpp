// What versioned_tier.hpp promises of scans, marks and maintenance, on every tier whose versioned() is not
// null.
#include <map>

#include "conformance/versioned_fixture.hpp"

namespace terrace::conformance {
namespace {

using namespace std::chrono_literals;

Version v(std::uint64_t counter) {
  return {.counter = counter, .writer = 7};
}

class VersionedMembership : public VersionedSuite {
 protected:
  VersionedMembership() : VersionedSuite(GetParam().make()) {}
  explicit VersionedMembership(VersionedFixture fixture) : VersionedSuite(std::move(fixture)) {}

  [[nodiscard]] std::map<std::string, Version> scan() const {
    std::map<std::string, Version> found;
    std::string from;
    do {
      const ScanPage page = node_.scan(from, node_.in_time()).value();
      for (const auto& [key, version] : page.keys) found[key] = version;
      EXPECT_TRUE(page.next.empty() || page.next != from) << "it goes on";
      from = page.next;
    } while (!from.empty() && !HasFailure());
    return found;
  }
};

TEST_P(VersionedMembership, AScanFindsEveryKeyThatHasAVersion) {
  EXPECT_TRUE(scan().empty());
  constexpr std::uint64_t count = 5000;
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < count; ++i) {
    keys.push_back(i % 10 == 0 ? std::string("\0}{*", 4) + std::to_string(i) : std::to_string(i));
  }
  std::vector<VersionedWrite> writes;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto value = i % 3 == 0 ? std::nullopt : std::optional<BytesView>("value");
    writes.push_back({keys[i], v(i + 1), value, {}});
  }
  for (const auto& outcome : node_.write_many(writes)) ASSERT_TRUE(outcome);
  set("plain", "no copy");
  std::map<std::string, Version> expected;
  for (std::uint64_t i = 0; i < count; ++i) expected[keys[i]] = v(i + 1);
  const auto found = scan();
  EXPECT_EQ(found.size(), expected.size());
  EXPECT_TRUE(found == expected);
}

TEST_P(VersionedMembership, WithoutAnAdmissionThereIsNoMark) {
  EXPECT_EQ(node_.membership().left, 0s);
  EXPECT_FALSE(node_.membership().remembers);
  EXPECT_FALSE(node_.read_many({"k"})[0]->membership.remembers);
  EXPECT_EQ(node_.membership().admission, 0U);
}

TEST_P(VersionedMembership, OneTokenHasTheCharge) {
  EXPECT_FALSE(node_.keep_charge(1)) << "nobody has it";
  EXPECT_TRUE(node_.take_charge(1));
  EXPECT_TRUE(node_.take_charge(1)) << "again, as after an answer that was lost";
  EXPECT_TRUE(node_.keep_charge(1));
  EXPECT_FALSE(node_.take_charge(2));
  EXPECT_FALSE(node_.keep_charge(2));
  EXPECT_FALSE(node_.take_charge(11)) << "a token that another one begins";
  EXPECT_TRUE(node_.keep_charge(1)) << "nothing of that touched it";
  EXPECT_TRUE(node_.admit(1));
  EXPECT_FALSE(node_.keep_charge(1)) << "it ended";
  EXPECT_TRUE(node_.take_charge(~std::uint64_t{0}));
}

TEST_P(VersionedMembership, AChargeLapsesUnlessItIsProlonged) {
  ASSERT_TRUE(node_.take_charge(1, 30ms));
  EXPECT_TRUE(comes(40ms, [&] { return node_.take_charge(2, 1ns); })) << "1 ns is rounded up";
  EXPECT_TRUE(comes(10ms, [&] { return node_.take_charge(3, 1h); }));
  EXPECT_TRUE(node_.keep_charge(3, 30ms));
  EXPECT_TRUE(comes(40ms, [&] { return node_.take_charge(4, 5s); })) << "the time of the last call counts";
  EXPECT_FALSE(node_.keep_charge(3));
  EXPECT_TRUE(node_.keep_charge(4, 300ms));
  EXPECT_TRUE(node_.keep_charge(4));
  node_.write("clock", v(1), std::nullopt, {}, 350ms);
  EXPECT_TRUE(comes(360ms, [&] { return node_.version("clock").none(); }));
  EXPECT_TRUE(node_.keep_charge(4));
}

TEST_P(VersionedMembership, TimesMustBeAboveNothing) {
  for (const Duration time : {Duration(0), Duration(-1s)}) {
    EXPECT_EQ(node_.take_charge(1, time, node_.in_time()).error(), Errc::invalid_argument);
    EXPECT_EQ(node_.keep_charge(1, time, node_.in_time()).error(), Errc::invalid_argument);
    EXPECT_EQ(node_.admit(1, time, node_.in_time()).error(), Errc::invalid_argument);
  }
}

TEST_P(VersionedMembership, OnlyWhoHasTheChargeAdmits) {
  EXPECT_FALSE(node_.admit(1));
  ASSERT_TRUE(node_.take_charge(1));
  EXPECT_FALSE(node_.admit(2));
  EXPECT_FALSE(node_.membership().remembers);
  EXPECT_TRUE(node_.admit(1, 1h));
  const auto stands = [](const Membership& now) {
    EXPECT_TRUE(now.remembers);
    EXPECT_EQ(now.admission, 1U);
    EXPECT_GT(now.left, 59min);
    EXPECT_LE(now.left, 1h);
  };
  stands(node_.membership());
  stands(node_.write("k", v(1), "value").membership);
  stands(node_.versions_many({"k"}, node_.in_time())[0]->membership);
  stands(node_.read_many({"k"})[0]->membership);
  stands(node_.read_many({"unknown"})[0]->membership);
  EXPECT_FALSE(node_.admit(1)) << "the charge has ended";
  const std::uint64_t next = ~std::uint64_t{0};
  ASSERT_TRUE(node_.take_charge(next));
  stands(node_.membership());
  EXPECT_TRUE(node_.admit(next, 2h));
  EXPECT_EQ(node_.membership().admission, 1U) << "it has forgotten nothing since";
  EXPECT_GT(node_.membership().left, 1h);
  ASSERT_TRUE(node_.take_charge(next));
  ASSERT_TRUE(node_.purge(next));
  EXPECT_TRUE(node_.admit(next));
  EXPECT_EQ(node_.membership().admission, next);
}

TEST_P(VersionedMembership, AMarkLapses) {
  ASSERT_TRUE(node_.take_charge(1));
  ASSERT_TRUE(node_.admit(1, 30ms));
  EXPECT_TRUE(comes(40ms, [&] { return !node_.membership().remembers; }));
  EXPECT_EQ(node_.membership().left, 0s);
  EXPECT_EQ(node_.membership().admission, 0U);
}

TEST_P(VersionedMembership, SweepsOfValuesLeaveMarkAndChargeAlone) {
  ASSERT_TRUE(node_.take_charge(1));
  ASSERT_TRUE(node_.admit(1));
  ASSERT_TRUE(node_.take_charge(2));
  node_.write("k", v(1), "value");
  EXPECT_EQ(plain_.erase_prefix("", node_.in_time()).value(), 1U);
  EXPECT_TRUE(node_.version("k").none());
  EXPECT_TRUE(node_.membership().remembers);
  EXPECT_TRUE(node_.keep_charge(2));
}

TEST_P(VersionedMembership, APurgeRemovesCopiesAndMarkUnderTheChargeOnly) {
  ASSERT_TRUE(node_.take_charge(1));
  ASSERT_TRUE(node_.admit(1));
  std::vector<std::string> keys;
  for (int i = 0; i < 2000; ++i) keys.push_back(std::to_string(i) + "}*");
  std::vector<VersionedWrite> writes;
  for (const auto& key : keys) writes.push_back({key, v(1), "value", {}});
  for (const auto& outcome : node_.write_many(writes)) ASSERT_TRUE(outcome);
  node_.write("tombstone", v(1), std::nullopt);
  set("plain", "no copy");
  EXPECT_FALSE(node_.purge(2));
  ASSERT_TRUE(node_.take_charge(2));
  EXPECT_FALSE(node_.purge(1));
  EXPECT_EQ(scan().size(), keys.size() + 1);
  EXPECT_TRUE(node_.membership().remembers);
  EXPECT_TRUE(node_.purge(2));
  EXPECT_TRUE(scan().empty());
  EXPECT_EQ(get(keys[0]), Found());
  EXPECT_EQ(get("plain"), Found("no copy")) << "it is none";
  EXPECT_EQ(node_.membership().left, 0s);
  EXPECT_TRUE(node_.keep_charge(2)) << "till it is admitted";
  EXPECT_TRUE(node_.admit(2));
  EXPECT_TRUE(node_.membership().remembers);
}

// ---- Nodes that forget

class VersionedRestart : public VersionedMembership {
 protected:
  VersionedRestart() : VersionedMembership(GetParam().make_alone()) {}

  void SetUp() override {
    ASSERT_TRUE(node_.take_charge(1));
    ASSERT_TRUE(node_.admit(1));
    node_.write("k", v(1), "saved");
    ASSERT_TRUE(node_.membership().remembers);
  }
};

TEST_P(VersionedRestart, F25_ANodeThatCameBackEmptyHasNoMark) {
  ASSERT_TRUE(node_.take_charge(2));
  fixture_.restart();
  const Reading reading = node_.read_many({"k"})[0].value();
  EXPECT_EQ(reading.membership.left, 0s);
  EXPECT_FALSE(reading.membership.remembers);
  EXPECT_TRUE(reading.copy.version.none());
  EXPECT_FALSE(node_.keep_charge(2));
  EXPECT_FALSE(node_.purge(2));
  EXPECT_FALSE(node_.admit(2)) << "what it did before is forgotten";
  EXPECT_TRUE(node_.take_charge(3));
  EXPECT_TRUE(node_.admit(3));
  EXPECT_TRUE(node_.membership().remembers);
}

TEST_P(VersionedRestart, F25_ANodeThatCameBackWithAnOldSnapshotDoesNotRemember) {
  fixture_.snapshot();
  node_.write("k", v(2), "forgotten");
  fixture_.restart();
  const Reading reading = node_.read_many({"k"})[0].value();
  EXPECT_EQ(reading.copy.version, v(1));
  EXPECT_EQ(reading.copy.value, Found("saved"));
  EXPECT_GT(reading.membership.left, 1min) << "the mark came back";
  EXPECT_EQ(reading.membership.admission, 1U);
  EXPECT_FALSE(reading.membership.remembers) << "but it is another run's";
  EXPECT_FALSE(node_.membership().remembers);
  EXPECT_FALSE(node_.write("k", v(3), "new").membership.remembers);
}

/// A snapshot brings the charge back, but not what its holder did after it.
TEST_P(VersionedRestart, F25_AChargeEndsWithTheRunOfTheServer) {
  ASSERT_TRUE(node_.take_charge(2, 1h));
  fixture_.snapshot();
  node_.write("repaired", v(1), "value");
  fixture_.restart();
  EXPECT_FALSE(node_.keep_charge(2));
  EXPECT_FALSE(node_.purge(2));
  EXPECT_FALSE(node_.admit(2));
  EXPECT_TRUE(node_.take_charge(3)) << "nobody waits for who had it before";
  EXPECT_FALSE(node_.take_charge(2));
  EXPECT_TRUE(node_.admit(3));
  EXPECT_TRUE(node_.membership().remembers);
}

TEST_P(VersionedRestart, AScanDoesNotGoOnAfterARestart) {
  for (int i = 0; i < 2000; ++i) node_.write(std::to_string(i), v(1), std::nullopt);
  fixture_.snapshot();
  const std::string next = node_.scan("", node_.in_time()).value().next;
  ASSERT_FALSE(next.empty());
  EXPECT_TRUE(node_.scan(next, node_.in_time()));
  fixture_.restart();
  EXPECT_EQ(node_.scan(next, node_.in_time()).error(), Errc::unavailable);
  EXPECT_EQ(scan().size(), 2001U);
}

INSTANTIATE_TEST_SUITE_P(Every, VersionedMembership, ::testing::ValuesIn(versioned_subjects()),
                         [](const auto& subject) { return subject.param.name; });
INSTANTIATE_TEST_SUITE_P(Every, VersionedRestart, ::testing::ValuesIn(versioned_subjects()),
                         [](const auto& subject) { return subject.param.name; });

}  // namespace
}  // namespace terrace::conformance
