/// One journal at a time writes back into a namespace that processes share. On real time: journals have
/// threads of their own.

#include <gmock/gmock.h>

#include <terrace/runtime.hpp>

#include "cascade/shared_fixture.hpp"
#include "support/child_process.hpp"

namespace terrace {
namespace {

using Strings = Cache<std::string>;

class JournalOwnerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Strings> process(const std::string& journal, std::shared_ptr<Tier> tier = {}) const {
    CacheOptions options{.ttl_jitter = 0, .write_mode = WriteMode::back, .scheduler = runtime_};
    options.write_back.path = folder_.file(journal);
    options.write_back.sync = JournalSync::os_cache;
    if (!tier) tier = shared_;
    return std::make_unique<Strings>(std::move(options), std::vector<std::shared_ptr<Tier>>{std::move(tier)});
  }
  /// A process that writes through, as others may.
  std::string read(const std::string& key) const {
    Strings reader({.ttl_jitter = 0, .scheduler = runtime_}, {shared_});
    return reader.get(key).value_or("(none)");
  }
  /// An opening takes 16 ms of numbers, so that a later journal's are higher when the clock has passed them.
  static void let_numbers_pass(int openings) {
    const auto due =
        system_clock().wall_now() + openings * std::chrono::milliseconds(16) + std::chrono::milliseconds(1);
    EXPECT_TRUE(testing::eventually([&] { return system_clock().wall_now() > due; }));
  }
  Found owner() const {
    Result<Found> found = Found{};
    shared_->get("default~writer", no_deadline, [&](Result<Found> f) { found = std::move(f); });
    return found.value();
  }

  static constexpr Duration life = std::chrono::seconds(30);
  testing::TempDir folder_;
  std::shared_ptr<Runtime> runtime_ = std::make_shared<Runtime>();
  std::shared_ptr<testing::SharedMapTier> shared_ = std::make_shared<testing::SharedMapTier>();
};

TEST_F(JournalOwnerTest, ASecondJournalIsRefusedAndNothingIsAcknowledgedAndThrownAwayInBothOrders) {
  for (const bool older_first : {true, false}) {
    SCOPED_TRACE(older_first);
    const std::string older = older_first ? "older 1" : "older 2";
    const std::string newer = older_first ? "newer 1" : "newer 2";
    process(older)->close();
    let_numbers_pass(1);
    process(newer)->close();
    auto first = process(older_first ? older : newer);
    auto second = process(older_first ? newer : older);
    ASSERT_TRUE(first->set("k", "first"));
    const auto refused = second->set("k", "second");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), Errc::overloaded);
    EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("let one process write back"));
    EXPECT_FALSE(second->erase("k"));
    EXPECT_EQ(second->stats().write_failures, 2U);
    EXPECT_EQ(second->stats().write_back->pending, 0U);
    ASSERT_TRUE(first->flush());
    EXPECT_EQ(read("k"), "first");
    first->close();
    EXPECT_FALSE(second->set("k", "second"))
        << "until it is opened again: then its numbers are above the other's";
    second->close();
    let_numbers_pass(2);
    auto next = process(older_first ? newer : older);
    ASSERT_TRUE(next->set("k", "second"));
    ASSERT_TRUE(next->flush());
    EXPECT_EQ(read("k"), "second");
    next->close();
    shared_->erase("default:k", no_deadline, [](const Result<bool>&) {});
  }
}

/// A program that crashes and begins again ten times in a row, and then gives its place to another.
TEST_F(JournalOwnerTest, AJournalThatWasOpenedManyTimesIsNotAheadOfALaterOne) {
  for (int opening = 0; opening < 10; ++opening) {
    auto crashing = process("one");
    ASSERT_TRUE(crashing->set("k", "one"));
    ASSERT_TRUE(crashing->flush());
    crashing->close();
  }
  let_numbers_pass(10);
  auto later = process("two");
  ASSERT_TRUE(later->set("k", "two"));
  ASSERT_TRUE(later->flush());
  EXPECT_EQ(read("k"), "two");
}

TEST_F(JournalOwnerTest, TheSameJournalGoesOnAtOnceAfterACrash) {
  auto before = process("one");
  ASSERT_TRUE(before->set("k", "one"));
  ASSERT_TRUE(before->flush());
  const Found name = owner();
  ASSERT_TRUE(name);
  before->close();
  EXPECT_FALSE(owner()) << "an orderly end lets go of the namespace";
  shared_->set("default~writer", *name, life, no_deadline, [](const Result<void>&) {});  // kill -9 leaves it
  auto other = process("two");
  EXPECT_FALSE(other->set("k", "two"));
  auto after = process("one");
  ASSERT_TRUE(after->set("k", "one, later"));
  ASSERT_TRUE(after->flush());
  EXPECT_EQ(read("k"), "one, later");
}

TEST_F(JournalOwnerTest, WhoLosesTheNamespaceFlushesNothingAndDropsNothing) {
  auto cache = process("one");
  ASSERT_TRUE(cache->set("k", "one"));
  ASSERT_TRUE(cache->flush());
  shared_->set("default~writer", "journal 1", life, no_deadline, [](const Result<void>&) {});
  cache->close();
  EXPECT_EQ(owner(), Found("journal 1")) << "what is another's stays";
}

TEST_F(JournalOwnerTest, WhatNoJournalPutThereKeepsNobodyOut) {
  using Life = std::optional<Duration>;
  const std::vector<std::pair<std::string, Life>> planted = {
      {"x", Life(life)},          {"journal ", Life(life)}, {"journal 99999999999999999999999", Life(life)},
      {"journal -1", Life(life)}, {"journal 1", Life()},    {"journal 1", Life(std::chrono::hours(1))}};
  for (const auto& [text, ttl] : planted) {
    SCOPED_TRACE(text);
    shared_->set("default~writer", text, ttl, no_deadline, [](const Result<void>&) {});
    auto cache = process("one");
    ASSERT_TRUE(cache->set("k", text));
    ASSERT_TRUE(cache->flush());
    EXPECT_EQ(read("k"), text);
    shared_->set("default~writer", text, ttl, no_deadline, [](const Result<void>&) {});
    ASSERT_TRUE(cache->set("k", "beside a running owner"));
    cache->close();
  }
}

}  // namespace
}  // namespace terrace
