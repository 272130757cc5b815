/// What becomes of values with tags when the tier that holds the tokens is away: no worse than of values
/// without.

#include <gtest/gtest.h>

#include "cascade/faulty_shared.hpp"
#include "cascade/shared_fixture.hpp"
#include "support/child_process.hpp"
#include "support/forwarding_shared_tier.hpp"
#include "support/forwarding_tier.hpp"

namespace terrace {
namespace {

using Kind = FaultyShared::Kind;
using Strings = Cache<std::string>;

/// A change while the tier is away, and whether it is one without tags, which shows what the others must do.
struct Act {
  const char* name;
  void (*act)(Strings&);
  CacheOptions options = {};
};

// The old values have the tag "t"; the watch has made its token known.
const Act acts[] = {
    {"control: set without tags", [](Strings& c) { EXPECT_FALSE(c.set("k", "new")); }},
    {"control: erase", [](Strings& c) { EXPECT_FALSE(c.erase("k")); }},
    {"set with the known tag", [](Strings& c) { EXPECT_FALSE(c.set("k", "new", {.tags = {"t"}})); }},
    {"set with a new tag", [](Strings& c) { EXPECT_FALSE(c.set("k", "new", {.tags = {"new"}})); }},
    {"set with both",
     [](Strings& c) {
       EXPECT_FALSE(c.set("k", "new", {.tags = {"t", "new"}}));
     }},
    {"set of many with tags",
     [](Strings& c) {
       for (const auto& done : c.set_many({{"k", "new"}, {"other", "new"}}, {.tags = {"new"}}))
         EXPECT_FALSE(done);
     }},
    {"write around with tags",
     [](Strings& c) { EXPECT_FALSE(c.set("k", "new", {.tags = {"new"}})); },
     {.write_mode = WriteMode::around}},
    {"hard tag", [](Strings& c) { EXPECT_FALSE(c.invalidate_tag("t")); }},
    {"soft tag", [](Strings& c) { EXPECT_FALSE(c.invalidate_tag("t", {.soft = true})); }},
};

class TagFaultTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { begin(); }
  void begin() {
    scheduler_ = std::make_shared<testing::FakeScheduler>();
    shared_ = std::make_shared<FaultyShared>(scheduler_->clock());
    own_ = std::make_shared<testing::MapTier>(scheduler_->clock());
  }
  [[nodiscard]] Strings make(CacheOptions options = {}, bool own = false) const {
    options.scheduler = scheduler_;
    options.ttl = 1h;
    options.ttl_jitter = 0;
    return own ? Strings(std::move(options), {shared_, own_}) : Strings(std::move(options), {shared_});
  }

  std::shared_ptr<testing::FakeScheduler> scheduler_;
  std::shared_ptr<FaultyShared> shared_;
  std::shared_ptr<testing::MapTier> own_;
};

TEST_P(TagFaultTest, F01_NobodyReadsTheOldValueAfterAChangeThatFailed) {
  for (const Act& act : acts) {
    for (const Consistency consistency : {Consistency::eventual, Consistency::weak, Consistency::strong}) {
      for (const bool own : {false, true}) {
        for (const bool silent : {false, true}) {
          SCOPED_TRACE(std::string(act.name) + ", consistency " +
                       std::to_string(static_cast<int>(consistency)) + (own ? ", a tier below" : "") +
                       (silent ? ", the watch silent" : ""));
          begin();
          CacheOptions options = act.options;
          options.consistency = consistency;
          Strings a = make(options, own);
          Strings b = make({.consistency = consistency});
          Strings writer = make({.consistency = consistency}, own);
          writer.set("k", "old", {.tags = {"t"}}).value();
          ASSERT_EQ(*a.get("k"), "old");
          ASSERT_EQ(*b.get("k"), "old");
          shared_->plan(GetParam());
          if (silent) {
            shared_->below.hold_events();
            scheduler_->advance(5s);
          }
          act.act(a);
          EXPECT_NE(a.get("k"), "old") << "at once";
          EXPECT_NE(a.get_or_load("k", [] { return std::string("loaded"); }).value(), "old");
          EXPECT_GT(a.stats().unrecovered, 0U);
          shared_->plan(Kind::none);
          shared_->below.deliver();
          scheduler_->advance(10s);
          EXPECT_EQ(a.stats().unrecovered, 0U);
          EXPECT_NE(a.get("k"), "old") << "the process that changed it";
          if (consistency != Consistency::weak) {
            EXPECT_NE(b.get("k"), "old") << "another process";
          }
          EXPECT_NE(make({.consistency = consistency}, own).get("k"), "old") << "a new process";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TagFaultTest, ::testing::Values(Kind::fail, Kind::hang, Kind::lose_reply),
                         [](const auto& tested) {
                           return tested.param == Kind::fail   ? "Fails"
                                  : tested.param == Kind::hang ? "Hangs"
                                                               : "LosesReplies";
                         });

/// A server that is full takes no new token, but erases.
TEST_F(TagFaultTest, F16_WhereOnlyTokensCannotBeMadeTheOldValueIsGoneAtOnce) {
  Strings a = make();
  Strings b = make();
  a.set("k", "old").value();
  EXPECT_EQ(*b.get("k"), "old");
  shared_->plan(Kind::fail, "get_or_put");
  const auto set = a.set("k", "new", {.tags = {"t"}});
  EXPECT_EQ(set.error(), Errc::unavailable);
  EXPECT_NE(set.error().context.find("tags"), std::string::npos) << set.error().context;
  EXPECT_FALSE(a.get("k"));
  EXPECT_FALSE(b.get("k"));
  EXPECT_EQ(a.stats().unrecovered, 0U);
  EXPECT_EQ(a.stats().write_failures, 1U);
}

TEST_F(TagFaultTest, ATaggedWriteWhoseCallerHasLeftStillErasesTheOldValue) {
  Strings a = make();
  a.set("k", "old").value();
  shared_->plan(Kind::hang, "get_or_put");
  EXPECT_EQ(a.set("k", "new", {.timeout = 10ms, .tags = {"t"}}).error(), Errc::timed_out);
  shared_->plan(Kind::none);
  scheduler_->advance(1s);
  EXPECT_FALSE(a.get("k"));
  EXPECT_FALSE(make().get("k"));
}

/// What is refused as wrong changes nothing, as without tags.
TEST_F(TagFaultTest, ARefusedTaggedWriteLeavesTheOldValue) {
  Strings a = make({.max_value_bytes = 100});
  a.set("k", "old").value();
  shared_->plan(Kind::fail, "get_or_put");
  EXPECT_EQ(a.set("k", "new", {.ttl = 0s, .tags = {"t"}}).error(), Errc::invalid_argument);
  EXPECT_EQ(a.set("k", std::string(1000, 'x'), {.tags = {"t"}}).error(), Errc::value_too_large);
  EXPECT_EQ(a.set("", "new", {.tags = {"t"}}).error(), Errc::invalid_key);
  EXPECT_EQ(*a.get("k"), "old");
}

TEST_F(TagFaultTest, AroundWritesNeedNoTokens) {
  Strings a = make({.write_mode = WriteMode::around});
  make().set("k", "old").value();
  shared_->plan(Kind::fail, "get_or_put");
  EXPECT_TRUE(a.set("k", "new", {.tags = {"t"}}));
  EXPECT_FALSE(a.get("k"));
}

/// Behind a journal the tiers are what the value comes from: a write that was not acknowledged takes nothing
/// away that was.
TEST(TagFaultBackTest, ARefusedTaggedWriteBackLeavesWhatWasAcknowledged) {
  const testing::TempDir folder;
  const auto runtime = std::make_shared<Runtime>();
  const auto shared = std::make_shared<FaultyShared>(runtime->clock());
  CacheOptions options{.ttl_jitter = 0, .write_mode = WriteMode::back, .scheduler = runtime};
  options.write_back.path = folder.file("journal");
  options.write_back.sync = JournalSync::os_cache;
  Strings cache(std::move(options), {shared});
  Strings other({.ttl_jitter = 0, .scheduler = runtime}, {shared});
  cache.set("k", "acknowledged").value();
  cache.flush().value();
  shared->plan(Kind::fail);
  EXPECT_FALSE(cache.set("k", "refused", {.tags = {"t"}}));
  EXPECT_TRUE(cache.set("control", "new")) << "without tags";
  shared->plan(Kind::none);
  cache.flush().value();
  EXPECT_EQ(*cache.get("k"), "acknowledged");
  EXPECT_EQ(*other.get("k"), "acknowledged");
  EXPECT_EQ(*other.get("control"), "new");
}

/// A shared tier whose watch speaks up while the answer of a token is on its way, as often as the test says.
class TalkativeTier final : public testing::ForwardingTier, public testing::ForwardingSharedTier {
 public:
  using Report = void (*)(Watcher&, std::string_view key);

  explicit TalkativeTier(const std::shared_ptr<testing::SharedMapTier>& below)
      : ForwardingTier(below), ForwardingSharedTier(*below) {}

  void say(Report report, int times) {
    report_ = report;
    times_ = times;
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "talkative"; }
  [[nodiscard]] SharedTier* shared() noexcept override { return this; }
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override {
    watcher_ = watcher;
    return ForwardingSharedTier::watch(std::move(prefixes), std::move(watcher));
  }
  void get(std::string_view key, TimePoint limit, Handler<Result<Found>> done) override {
    ForwardingTier::get(key, limit, [this, key, done = std::move(done)](Result<Found> found) mutable {
      if (key.find("~tag:") != std::string_view::npos && times_-- > 0) report_(*watcher_, key);
      done(std::move(found));
    });
  }

 private:
  std::shared_ptr<Watcher> watcher_;
  Report report_ = nullptr;
  int times_ = 0;
};

/// The report that a token was made, or that the watch has begun, comes late: what has the token stays a hit.
TEST(TagReportTest, AReportThatIsOlderThanTheTokensAnswerCostsNoHit) {
  const TalkativeTier::Report reports[] = {
      [](Watcher& watcher, std::string_view key) { watcher.changed({std::string(key)}); },
      [](Watcher& watcher, std::string_view) { watcher.watching(system_clock().now()); },
      [](Watcher& watcher, std::string_view) { watcher.changed_all(); },
  };
  for (const auto report : reports) {
    for (const bool memory : {false, true}) {
      SCOPED_TRACE(::testing::Message() << "report " << &report - reports << ", memory " << memory);
      const auto map = std::make_shared<testing::SharedMapTier>();
      const auto tier = std::make_shared<TalkativeTier>(map);
      Strings({.name = "users", .ttl_jitter = 0}, {map}).set("k", "value", {.tags = {"t", "u"}}).value();
      Strings cache({.name = "users", .memory_level = memory, .ttl_jitter = 0}, {tier});
      tier->say(report, 2);
      EXPECT_EQ(cache.get("k"), "value");
      EXPECT_EQ(cache.get_many({"k"}), std::vector<std::optional<std::string>>{"value"});
      tier->say(report, 1'000'000);
      cache.get("k");  // a miss or a hit, but it ends
    }
  }
}

}  // namespace
}  // namespace terrace
