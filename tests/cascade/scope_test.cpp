/// What a private level holds beside one that all processes share (Tier::scope): a stale copy, never a hit.

#include <gmock/gmock.h>

#include "cascade/shared_fixture.hpp"

namespace terrace {
namespace {

using ::testing::HasSubstr;

class ScopeTest : public SharedTest {
 protected:
  /// One process: a cache, and a level of its own. Scope::fleet is the mutant: the private level is taken for
  /// one that everybody shares, as it once was.
  struct Process {
    std::shared_ptr<testing::MapTier> map;
    std::shared_ptr<testing::FaultyTier> own;
    std::shared_ptr<testing::FaultyTier> fleet;  // instead of the watched one, where a test asks for it
    std::unique_ptr<Strings> cache;
    Strings* operator->() const { return cache.get(); }
  };
  enum class Stack { below, above, both };

  Process process(Stack stack, Scope scope = Scope::machine, CacheOptions options = {}) const {
    Process out;
    out.map = std::make_shared<testing::MapTier>(scheduler_->clock(), scope);
    out.own = std::make_shared<testing::FaultyTier>(out.map, scheduler_);
    std::vector<std::shared_ptr<Tier>> tiers;
    if (stack != Stack::below) tiers.push_back(out.own);
    tiers.push_back(shared_);
    if (stack == Stack::both) tiers.push_back(std::make_shared<testing::MapTier>(scheduler_->clock(), scope));
    if (stack == Stack::below) tiers.push_back(out.own);
    options.scheduler = scheduler_;
    options.ttl_jitter = 0;
    out.cache = std::make_unique<Strings>(std::move(options), std::move(tiers));
    return out;
  }

  /// The shared level can be taken away; nobody watches it.
  Process reachable(CacheOptions options = {}) const {
    Process out;
    out.map = std::make_shared<testing::MapTier>(scheduler_->clock(), Scope::machine);
    out.own = std::make_shared<testing::FaultyTier>(out.map, scheduler_);
    out.fleet = std::make_shared<testing::FaultyTier>(fleet_, scheduler_);
    options.scheduler = scheduler_;
    options.ttl_jitter = 0;
    out.cache =
        std::make_unique<Strings>(std::move(options), std::vector<std::shared_ptr<Tier>>{out.fleet, out.own});
    return out;
  }

  bool in_shared(const std::string& key) const {
    Result<Found> found = Found{};
    shared_->get("default:" + key, no_deadline, [&](Result<Found> f) { found = std::move(f); });
    return found.value().has_value();
  }
  void evict(const std::string& key) const {
    shared_->erase("default:" + key, no_deadline, [](const Result<bool>&) {});
  }

  std::shared_ptr<testing::MapTier> fleet_ = std::make_shared<testing::MapTier>(scheduler_->clock());
};

TEST_F(ScopeTest, WhatAnotherProcessErasedIsNotReadFromAPrivateLevel) {
  for (const Stack stack : {Stack::below, Stack::above, Stack::both}) {
    for (const Consistency consistency : {Consistency::weak, Consistency::eventual, Consistency::strong}) {
      if (consistency == Consistency::strong && stack != Stack::below) continue;  // refused, see below
      for (const bool mutant : {false, true}) {
        if (mutant && consistency == Consistency::weak) continue;
        const Scope scope = mutant ? Scope::fleet : Scope::machine;
        const std::string key = "k";
        shared_->flush_all();
        auto a = process(stack, scope, {.memory_ttl = 1s, .consistency = consistency});
        auto b = process(stack, scope, {.memory_ttl = 1s, .consistency = consistency});
        EXPECT_EQ(*b->get_or_load(key, constant("old")), "old");
        a->erase(key).value();
        const auto seen = b->lookup(key);
        if (mutant) {
          EXPECT_EQ(seen.kind, LookupKind::hit) << "the mutant reads what was erased";
          continue;
        }
        // A weak cache is told nothing: its memory serves for a memory_ttl.
        if (consistency == Consistency::weak) scheduler_->advance(2s);
        EXPECT_EQ(b->lookup(key).kind, LookupKind::miss) << int(stack) << int(consistency);
        EXPECT_EQ(a->lookup(key).kind, LookupKind::miss);
        EXPECT_FALSE(in_shared(key)) << "nothing fills the shared level from a private one";
        EXPECT_FALSE(b->get_many({key, "other"}).at(0));
        EXPECT_EQ(*b->get_or_load(key, constant("new")), "new");
        EXPECT_EQ(*a->get(key), "new");
      }
    }
  }
}

TEST_F(ScopeTest, AnEvictionDoesNotRevertAnotherProcessesSet) {
  for (const bool mutant : {false, true}) {
    auto a = process(Stack::below, mutant ? Scope::fleet : Scope::machine);
    auto b = process(Stack::below, mutant ? Scope::fleet : Scope::machine);
    b->set("k", "old").value();
    a->set("k", "new").value();
    evict("k");
    EXPECT_EQ(b->lookup("k").kind, mutant ? LookupKind::hit : LookupKind::miss);
    if (!mutant) {
      EXPECT_EQ(*b->get_or_load("k", constant("new")), "new");
    }
    b->clear().value();
    a->clear().value();
  }
}

TEST_F(ScopeTest, AClearAPrefixAndATagReachWhatOthersKeepPrivately) {
  const std::vector<std::function<void(Strings&)>> changes = {
      [](Strings& cache) { cache.clear().value(); },
      [](Strings& cache) { cache.invalidate_prefix("k").value(); },
      [](Strings& cache) { cache.invalidate_tag("t").value(); },
      [](Strings& cache) {
        cache.erase_many({"k", "x"});
      }};
  for (const auto& change : changes) {
    auto a = process(Stack::below);
    auto b = process(Stack::below);
    b->get_or_load("k", constant("old"), {.tags = {"t"}});
    change(*a.cache);
    EXPECT_EQ(b->lookup("k").kind, LookupKind::miss);
    EXPECT_EQ(*b->get_or_load("k", constant("new")), "new");
    a->clear().value();
  }
}

TEST_F(ScopeTest, ANegativeAnswerOfAPrivateLevelIsNone) {
  auto a = process(Stack::below, Scope::machine, {.negative_ttl = 1min});
  auto b = process(Stack::below, Scope::machine, {.negative_ttl = 1min});
  EXPECT_FALSE(b->get_or_load("k", [] { return std::optional<std::string>(); }));
  EXPECT_EQ(b->lookup("k").kind, LookupKind::negative);
  a->erase("k").value();
  EXPECT_EQ(b->lookup("k").kind, LookupKind::miss);
  EXPECT_EQ(*b->get_or_load("k", constant("there")), "there");
}

TEST_F(ScopeTest, WithinItsGraceAPrivateCopyStandsInForALoaderThatFails) {
  auto a = process(Stack::below, Scope::machine, {.ttl = 1min, .grace = 1h});
  auto b = process(Stack::below, Scope::machine, {.ttl = 1min, .grace = 1h});
  b->set("k", "old").value();
  evict("k");
  EXPECT_EQ(b->lookup("k").kind, LookupKind::miss)
      << "all could be asked, and the one that counts has nothing";
  const auto held = std::make_shared<Held>();
  const auto answer = start(*b.cache, "k", held);
  ASSERT_NE(held->previous, nullptr) << "it is what the loader may say is unchanged";
  held->fail("origin down");
  EXPECT_EQ(text(answer), "old");
  EXPECT_EQ((*answer)->kind, LookupKind::stale);
  EXPECT_FALSE(in_shared("k"));
}

TEST_F(ScopeTest, WithoutGraceAPrivateCopyStandsInForNothing) {
  auto b = process(Stack::below, Scope::machine, {.ttl = 1min});
  b->set("k", "old").value();
  evict("k");
  EXPECT_FALSE(b->get_or_load("k", failing()));
}

TEST_F(ScopeTest, AfterARestartPrivateCopiesServeAsStaleWhileTheSharedLevelIsAway) {
  const CacheOptions options{.ttl = 1min, .grace = 1h};
  auto before = reachable(options);
  before->set("k", "old").value();
  auto after = reachable(options);
  std::vector<std::shared_ptr<Tier>> tiers{after.fleet, before.own};
  CacheOptions same = options;
  same.scheduler = scheduler_;
  Strings restarted(same, tiers);
  after.fleet->plan({.kind = testing::Fault::Kind::fail});
  EXPECT_EQ(restarted.lookup("k").kind, LookupKind::stale);
  EXPECT_EQ(restarted.lookup("k").value, "old");
  EXPECT_EQ(restarted.stats().levels[2].hits, 0U);
  after.fleet->plan(nullptr);
  scheduler_->advance(1min - 1s);
  EXPECT_EQ(restarted.lookup("k").level, "map");
  // Strong consistency has no use for what may be stale.
  same.consistency = Consistency::strong;
  Strings strong(same, tiers);
  after.fleet->plan({.kind = testing::Fault::Kind::fail});
  EXPECT_EQ(strong.lookup("k").kind, LookupKind::unavailable);
}

TEST_F(ScopeTest, APrivateLevelAboveIsFilledOnceForAValueAndNotAtEachRead) {
  auto b = process(Stack::above, Scope::machine, {.memory_ttl = 1ms, .consistency = Consistency::weak});
  b->set("k", "v").value();
  const auto writes = b.map->stats().writes;
  for (int i = 0; i < 3; ++i) {
    scheduler_->advance(10ms);
    EXPECT_EQ(b->lookup("k").level, "shared");
  }
  EXPECT_EQ(b.map->stats().writes, writes);
  b.map->erase("default:k", no_deadline, [](const Result<bool>&) {});
  scheduler_->advance(10ms);
  EXPECT_EQ(b->lookup("k").level, "shared");
  EXPECT_EQ(b.map->stats().writes, writes + 1) << "what it lacks it gets";
}

TEST_F(ScopeTest, APlainReadTakesNoLeaseForTheSakeOfAPrivateLevel) {
  auto a = process(Stack::below);
  auto b = process(Stack::below);
  const auto held = std::make_shared<Held>();
  const auto loading = start(*a.cache, "k", held);
  EXPECT_EQ(b->lookup("k").kind, LookupKind::miss) << "it does not wait for the other process's load";
  held->answer("v");
  EXPECT_EQ(text(loading), "v");
}

TEST_F(ScopeTest, ExplainSaysWhyAPrivateCopyIsNoHit) {
  auto b = process(Stack::below);
  b->set("k", "v").value();
  const auto levels = b->explain("k").value().levels;
  EXPECT_EQ(levels[2].kind, LookupKind::stale);
  EXPECT_THAT(levels[2].note, HasSubstr("scope machine"));
}

TEST_F(ScopeTest, WithoutALevelOfTheFleetAPrivateOneAnswers) {
  const auto map = std::make_shared<testing::MapTier>(scheduler_->clock(), Scope::machine);
  CacheOptions options{.ttl_jitter = 0, .scheduler = scheduler_};
  Strings before(options, {map});
  before.set("k", "v").value();
  Strings after(options, {map});
  EXPECT_EQ(after.lookup("k").kind, LookupKind::hit);
  options.consistency = Consistency::strong;
  EXPECT_EQ(Strings(options, {map}).lookup("k").kind, LookupKind::hit);
}

std::string refusal(const std::function<void()>& make) {
  try {
    make();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "(none)";
}

TEST_F(ScopeTest, StrongConsistencyRefusesAPrivateLevelAboveASharedOne) {
  EXPECT_THAT(refusal([&] { process(Stack::above, Scope::machine, {.consistency = Consistency::strong}); }),
              HasSubstr("lies above a level that all processes share"));
  EXPECT_THAT(refusal([&] { process(Stack::above, Scope::process, {.consistency = Consistency::strong}); }),
              HasSubstr("scope process"));
  EXPECT_EQ(refusal([&] { process(Stack::above, Scope::machine); }), "(none)");
  EXPECT_EQ(refusal([&] { process(Stack::below, Scope::machine, {.consistency = Consistency::strong}); }),
            "(none)");
}

TEST_F(ScopeTest, OnlyWeakConsistencyTakesATierThatMayLag) {
  struct Lagging final : testing::MapTier {
    using MapTier::MapTier;
    [[nodiscard]] bool may_lag() const noexcept override { return true; }
  };
  for (const Consistency consistency : {Consistency::weak, Consistency::eventual, Consistency::strong}) {
    const CacheOptions options{.consistency = consistency, .scheduler = scheduler_};
    const auto why = refusal([&] { Strings(options, {std::make_shared<Lagging>(scheduler_->clock())}); });
    EXPECT_THAT(why, HasSubstr(consistency == Consistency::weak ? "(none)" : "replica_reads"));
  }
}

TEST_F(ScopeTest, WriteBackIntoAPrivateLevelBesideASharedOneIsRefused) {
  const CacheOptions options{.write_mode = WriteMode::back, .write_back = {.path = "/tmp/never-made"}};
  EXPECT_THAT(refusal([&] { process(Stack::below, Scope::machine, options); }), HasSubstr("give a writer"));
}

}  // namespace
}  // namespace terrace
