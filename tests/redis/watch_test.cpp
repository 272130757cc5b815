// What a watch tells while all is well, against a real server.
#include "redis/shared_test.hpp"

namespace terrace::redis {
namespace {

class RedisWatch : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server = new RedisServer; }
  static void TearDownTestSuite() {
    delete server;
    server = nullptr;
  }
  void SetUp() override { server->cli({"FLUSHALL"}); }

  static std::shared_ptr<Tier> make(std::string prefix = "p:") {
    return make_redis_tier({.url = server->url(), .key_prefix = std::move(prefix)});
  }

  static RedisServer* server;
  std::shared_ptr<WatchLog> log = std::make_shared<WatchLog>();
};
RedisServer* RedisWatch::server = nullptr;

TEST_F(RedisWatch, TellsWhatOthersChange) {
  const auto tier = make();
  const auto watch = start_watch(*tier, log);
  server->cli({"SET", "p:foreign", "v"});
  EXPECT_TRUE(log->comes("changed foreign"));
  server->cli({"SET", "p:short", "v", "PX", "20"});
  EXPECT_TRUE(log->comes("changed short", 2)) << "and what expires";
  server->cli({"DEL", "p:foreign"});
  EXPECT_TRUE(log->comes("changed foreign", 2));
  server->cli({"SET", "other", "v"});
  ASSERT_TRUE(set(*make(), "from another tier", "v"));
  EXPECT_TRUE(log->comes("changed from another tier"));
  EXPECT_FALSE(log->told("changed other"));
  const auto status = redis_status(*tier);
  EXPECT_TRUE(status->watching);
  EXPECT_EQ(status->watch_connects, 1U);
  EXPECT_EQ(status->last_watch_error, "");
}

TEST_F(RedisWatch, TellsLeasesThatBeginAndEnd) {
  const auto tier = make();
  const auto watch = start_watch(*tier, log, {"a:"});
  ASSERT_EQ(acquire(*tier, "a:k}", 'x')->kind, LeaseReply::Kind::granted);
  EXPECT_TRUE(log->comes("lease_changed a:k}"));
  ASSERT_TRUE(release(*tier, "a:k}", 'x'));
  EXPECT_TRUE(log->comes("lease_changed a:k}", 2));
  ASSERT_EQ(acquire(*tier, "a:short", 'x', 20ms)->kind, LeaseReply::Kind::granted);
  EXPECT_TRUE(log->comes("lease_changed a:short", 2)) << "it lapsed";
  EXPECT_FALSE(log->told("changed a:k}"));
  ASSERT_EQ(acquire(*tier, "a:k}", 'x')->kind, LeaseReply::Kind::granted);
  ASSERT_TRUE(fill(*tier, "a:k}", 'x', "v").value());
  EXPECT_TRUE(log->comes("changed a:k}"));
  ASSERT_EQ(acquire(*tier, "b", 'x')->kind, LeaseReply::Kind::granted);
  ASSERT_TRUE(set_many(*tier, {{"a:versioned", "v", {}, 7}})[0]);
  EXPECT_TRUE(log->comes("changed a:versioned"));
  EXPECT_EQ(log->story().find("~"), std::string::npos) << log->story();
  EXPECT_FALSE(log->told("lease_changed b"));
}

TEST_F(RedisWatch, WithoutAPrefixLeasesAreStillToldApart) {
  const auto tier = make("");
  const auto watch = start_watch(*tier, log, {""});
  ASSERT_EQ(acquire(*tier, "k", 'x')->kind, LeaseReply::Kind::granted);
  EXPECT_TRUE(log->comes("lease_changed k"));
  ASSERT_TRUE(set(*tier, "~", "v"));
  EXPECT_TRUE(log->comes("changed ~"));
  EXPECT_EQ(log->story(), "watching; lease_changed k; changed ~; ");
}

TEST_F(RedisWatch, F10_OwnWritesAreToldToo) {
  const auto tier = make();
  const auto watch = start_watch(*tier, log);
  ASSERT_TRUE(set(*tier, "set", "v"));
  ASSERT_TRUE(erase(*tier, "set"));
  ASSERT_TRUE(set_many(*tier, {{"many", "v", {}}})[0]);
  ASSERT_EQ(acquire(*tier, "filled", 'x')->kind, LeaseReply::Kind::granted);
  ASSERT_TRUE(fill(*tier, "filled", 'x', "v").value());
  EXPECT_TRUE(log->comes("changed set", 2));
  EXPECT_TRUE(log->comes("changed many"));
  EXPECT_TRUE(log->comes("changed filled"));
}

/// Whoever counts on one push for each write swallows another's: the mutant of F10.
TEST_F(RedisWatch, F10_TwoWritersInOneTurnGiveOnePush) {
  const auto tier = make();
  const auto watch = start_watch(*tier, log);
  server->cli({"EVAL", "redis.call('SET', 'p:k', 'mine') redis.call('SET', 'p:k', 'foreign')", "0"});
  server->cli({"SET", "p:end", "v"});
  ASSERT_TRUE(log->comes("changed end"));
  std::size_t left = log->count("changed k");
  left -= std::min<std::size_t>(left, 1);  // the mutant: one of them was my own
  EXPECT_EQ(left, 0U) << "nothing would be left that tells of the foreign write";
  EXPECT_EQ(log->count("changed k"), 1U);
}

TEST_F(RedisWatch, F14_AFlushIsTold) {
  const auto tier = make();
  const auto watch = start_watch(*tier, log);
  server->cli({"FLUSHDB"});
  EXPECT_TRUE(log->comes("changed_all"));
  server->cli({"FLUSHALL", "ASYNC"});
  EXPECT_TRUE(log->comes("changed_all", 2));
  ASSERT_TRUE(set(*tier, "k", "v"));
  EXPECT_TRUE(log->comes("changed k")) << "and the watch goes on";
}

TEST_F(RedisWatch, ProofsComeAboutFourTimesASecond) {
  const auto tier = make();
  const auto watch = start_watch(*tier, log);
  ASSERT_TRUE(log->comes("proven", 8));
  TimePoint before{};
  for (const auto& event : log->events()) {
    if (event.what == "watching") before = event.time;
    if (event.what != "proven") continue;
    EXPECT_GE(event.time, before);
    EXPECT_LT(event.told - event.time, 900ms) << "it is proven soon enough for a gate of a second";
    before = event.time;
  }
  const auto events = log->events();
  EXPECT_LT(events.back().told - events.front().told, 8 * 250ms + 1s);
}

TEST_F(RedisWatch, ManyWatchesShareOneConnection) {
  const auto tier = make("");
  std::vector<std::shared_ptr<WatchLog>> logs;
  std::vector<std::shared_ptr<void>> watches;
  const std::vector<std::vector<std::string>> wanted{{"a:"}, {"a:"}, {"b:", "c:"}, {"a:x"}};
  for (const auto& prefixes : wanted) {
    logs.push_back(std::make_shared<WatchLog>());
    watches.push_back(start_watch(*tier, logs.back(), prefixes));
  }
  ASSERT_TRUE(set(*tier, "a:x1", "v"));
  ASSERT_TRUE(set(*tier, "c:1", "v"));
  for (const std::size_t i : {0U, 1U, 3U}) {
    EXPECT_TRUE(logs[i]->comes("changed a:x1"));
    EXPECT_FALSE(logs[i]->told("changed c:1"));
  }
  EXPECT_TRUE(logs[2]->comes("changed c:1"));
  EXPECT_FALSE(logs[2]->told("changed a:x1"));
  EXPECT_EQ(redis_status(*tier)->watch_connects, 1U);
  EXPECT_FALSE(logs[0]->told("lost"));

  const auto all = std::make_shared<WatchLog>();
  const auto watch = start_watch(*tier, all, {""});
  EXPECT_TRUE(logs[0]->comes("watching", 2)) << "a prefix of theirs: all began anew, and were told";
  EXPECT_TRUE(logs[0]->told("lost"));
  ASSERT_TRUE(set(*tier, "z", "v"));
  EXPECT_TRUE(all->comes("changed z"));
}

TEST_F(RedisWatch, AConnectionThatNobodyWatchesIsClosedAndMadeAgain) {
  const auto tier = make();
  const auto tracked = [&] { return server->cli({"CLIENT", "LIST"}).find("flags=tB") != std::string::npos; };
  auto watch = start_watch(*tier, log);
  EXPECT_TRUE(tracked());
  watch.reset();
  EXPECT_TRUE(eventually([&] { return !tracked(); }));
  EXPECT_FALSE(redis_status(*tier)->watching);
  const auto again = std::make_shared<WatchLog>();
  const auto second = start_watch(*tier, again);
  ASSERT_TRUE(set(*tier, "k", "v"));
  EXPECT_TRUE(again->comes("changed k"));
  EXPECT_FALSE(log->told("changed k"));
}

TEST_F(RedisWatch, PrefixesThatBeginWithOneAnotherAreRefused) {
  const auto tier = make();
  EXPECT_THROW((void)tier->shared()->watch({"a", "ab"}, log), ConfigError);
  EXPECT_THROW((void)tier->shared()->watch({"a", "a"}, log), ConfigError);
  EXPECT_THROW((void)tier->shared()->watch({}, log), ConfigError);
}

TEST_F(RedisWatch, NoCallComesAfterTheWatchIsGone) {
  struct Checker : WatchLog {
    std::atomic<bool> gone{false}, late{false};
    void changed(const std::vector<std::string>&) override {
      if (gone) late = true;
      std::this_thread::yield();
      if (gone) late = true;
    }
  };
  const auto tier = make();
  std::atomic<bool> stop{false};
  std::jthread writer([&] {
    for (int i = 0; !stop; ++i) (void)set(*tier, std::to_string(i % 100), "v");
  });
  for (int i = 0; i < 100; ++i) {
    const auto checker = std::make_shared<Checker>();
    auto watch = start_watch(*tier, checker);
    watch.reset();
    checker->gone = true;
    EXPECT_FALSE(checker->late);
    ASSERT_TRUE(set(*tier, "k", "v"));
    EXPECT_FALSE(checker->late);
  }
  stop = true;
}

TEST_F(RedisWatch, MayBeEndedAndTheTierClosedInsideACall) {
  struct Ender : WatchLog {
    std::function<void()> act;
    void changed(const std::vector<std::string>& keys) override {
      if (act) std::exchange(act, nullptr)();
      WatchLog::changed(keys);
    }
  };
  const auto tier = make();
  const auto ender = std::make_shared<Ender>();
  auto watch = tier->shared()->watch({""}, ender);
  ender->act = [&] { watch.reset(); };
  ASSERT_TRUE(ender->comes("watching"));
  const auto other = start_watch(*tier, log);
  server->cli({"SET", "p:k", "v"});
  EXPECT_TRUE(ender->comes("changed k"));
  server->cli({"SET", "p:l", "v"});
  EXPECT_TRUE(log->comes("changed l"));
  EXPECT_FALSE(ender->told("changed l"));

  const auto closer = std::make_shared<Ender>();
  closer->act = [&] { tier->close(); };
  const auto third = tier->shared()->watch({""}, closer);
  ASSERT_TRUE(closer->comes("watching"));
  server->cli({"SET", "p:m", "v"});
  EXPECT_TRUE(closer->comes("lost")) << "a closed tier watches nothing";
  EXPECT_TRUE(log->comes("lost"));
  EXPECT_EQ(closer->story(), "watching; changed m; lost; ");
  const auto late = std::make_shared<WatchLog>();
  const auto fourth = tier->shared()->watch({""}, late);
  EXPECT_TRUE(late->comes("lost"));
}

TEST_F(RedisWatch, AWatchMayOutliveItsTier) {
  auto tier = make();
  auto watch = start_watch(*tier, log);
  tier.reset();
  EXPECT_TRUE(log->comes("lost"));
  watch.reset();
}

}  // namespace
}  // namespace terrace::redis
