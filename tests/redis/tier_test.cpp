// What the Redis tier does while all is well, against a real server.
#include <future>

#include "redis/redis_test.hpp"

namespace terrace::redis {
namespace {

class RedisTier : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server = new RedisServer({.unix_socket = true}); }
  static void TearDownTestSuite() {
    delete server;
    server = nullptr;
  }
  void SetUp() override { server->cli({"FLUSHALL"}); }

  static std::shared_ptr<Tier> make(std::string prefix = "p:") {
    return make_redis_tier({.url = server->url(), .key_prefix = std::move(prefix)});
  }

  static RedisServer* server;
};
RedisServer* RedisTier::server = nullptr;

std::uint64_t calls(RedisServer& server, const std::string& command) {
  const std::string stats = server.cli({"INFO", "commandstats"});
  const auto at = stats.find("cmdstat_" + command + ":calls=");
  return at == std::string::npos ? 0 : std::stoull(stats.substr(stats.find('=', at) + 1));
}

TEST_F(RedisTier, StoresReadsAndErases) {
  const auto tier = make();
  EXPECT_EQ(tier->name(), "redis");
  EXPECT_EQ(get(*tier, "k").value(), std::nullopt);
  EXPECT_TRUE(set(*tier, "k", "v"));
  EXPECT_EQ(get(*tier, "k").value(), "v");
  EXPECT_EQ(server->cli({"GET", "p:k"}), "v");
  EXPECT_TRUE(erase(*tier, "k").value());
  EXPECT_FALSE(erase(*tier, "k").value());
  const auto stats = tier->stats();
  EXPECT_EQ(stats.hits, 1U);
  EXPECT_EQ(stats.misses, 1U);
  EXPECT_EQ(stats.writes, 1U);
  EXPECT_EQ(stats.erases, 1U);
  EXPECT_EQ(stats.errors + stats.write_errors, 0U);
}

TEST_F(RedisTier, A34_KeysAndValuesAreBytes) {
  const auto tier = make();
  using namespace std::string_literals;
  for (const auto& key :
       {"\0"s, "a\r\nb"s, "$5\r\nhello\r\n"s, "\xff\xfe"s, " "s, std::string(max_key_size, 'k')}) {
    const std::string value = "\r\n\0:"s + key;
    EXPECT_TRUE(set(*tier, key, value));
    EXPECT_EQ(get(*tier, key).value(), value);
  }
  EXPECT_TRUE(set(*tier, "empty", ""));
  EXPECT_EQ(get(*tier, "empty").value(), "");
}

TEST_F(RedisTier, RefusesWhatCannotBe) {
  const auto tier = make_redis_tier({.url = server->url(), .max_value_bytes = 10});
  EXPECT_FAILS(get(*tier, ""), Errc::invalid_key);
  EXPECT_FAILS(get(*tier, std::string(max_key_size + 1, 'k')), Errc::invalid_key);
  EXPECT_FAILS(set(*tier, "k", "v", 0s), Errc::invalid_argument);
  EXPECT_FAILS(set(*tier, "k", "v", -1s), Errc::invalid_argument);
  EXPECT_TRUE(set(*tier, "k", "0123456789"));
  EXPECT_FAILS(set(*tier, "k", "0123456789a"), Errc::value_too_large);
  EXPECT_EQ(get(*tier, "k").value(), "0123456789");
  EXPECT_FAILS(get(*tier, "k", -1s), Errc::timed_out);
  EXPECT_FAILS(set(*tier, "k", "v", {}, 0s), Errc::timed_out);
}

TEST_F(RedisTier, LargeValuesTravelWhole) {
  const auto tier = make();
  std::string value(5'000'000, '\0');
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 31 + i / 4096);
  ASSERT_TRUE(set(*tier, "big", value));
  EXPECT_TRUE(get(*tier, "big").value() == value);
}

TEST_F(RedisTier, F33_AForeignValueOverTheLimitIsSkippedAndTheConnectionLives) {
  const auto tier = make_redis_tier({.url = server->url(), .max_value_bytes = 1000});
  server->cli({"SETRANGE", "huge", "8000000", "x"});
  ASSERT_TRUE(set(*tier, "small", "s"));
  const auto answers = get_many(*tier, {"small", "huge", "none", "small"});
  EXPECT_EQ(answers[0].value(), "s");
  EXPECT_FAILS(answers[1], Errc::value_too_large);
  EXPECT_NE(text(answers[1]).find("8000001"), std::string::npos) << text(answers[1]);
  EXPECT_EQ(answers[2].value(), std::nullopt);
  EXPECT_EQ(answers[3].value(), "s");
  EXPECT_EQ(redis_status(*tier)->connects, 1U);
}

TEST_F(RedisTier, LifetimesAreInMillisecondsRoundedUp) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "k", "v", 100'000'500us));
  const long left = std::stol(server->cli({"PTTL", "p:k"}));
  EXPECT_GT(left, 90'000);
  EXPECT_LE(left, 100'001);
  ASSERT_TRUE(set(*tier, "short", "v", 1ns));
  EXPECT_TRUE(eventually([&] { return !get(*tier, "short").value(); }));
  ASSERT_TRUE(set(*tier, "k", "v"));
  EXPECT_EQ(server->cli({"PTTL", "p:k"}), "-1");
  EXPECT_TRUE(set(*tier, "long", "v", Duration::max()));
}

TEST_F(RedisTier, AForeignTypeIsCorruptNotAMiss) {
  const auto tier = make();
  server->cli({"LPUSH", "p:list", "x"});
  EXPECT_FAILS(get(*tier, "list"), Errc::corrupt);
  EXPECT_FAILS(get_many(*tier, {"list"})[0], Errc::corrupt);
  EXPECT_EQ(tier->stats().errors, 2U);
  EXPECT_TRUE(set(*tier, "list", "v"));
  EXPECT_EQ(get(*tier, "list").value(), "v");
}

TEST_F(RedisTier, ManyKeysHaveEachTheirOutcomeInOrder) {
  const auto tier = make();
  const auto wrote =
      set_many(*tier, {{"a", "1", {}}, {"", "2", {}}, {"b", "3", 10s}, {"c", "4", 0s}, {"a", "5", {}}});
  EXPECT_TRUE(wrote[0] && wrote[2] && wrote[4]);
  EXPECT_FAILS(wrote[1], Errc::invalid_key);
  EXPECT_FAILS(wrote[3], Errc::invalid_argument);
  const auto found = get_many(*tier, {"b", "none", "", "a", "a"});
  EXPECT_EQ(found[0].value(), "3");
  EXPECT_EQ(found[1].value(), std::nullopt);
  EXPECT_FAILS(found[2], Errc::invalid_key);
  EXPECT_EQ(found[3].value(), "5");
  EXPECT_EQ(found[4].value(), "5");
  const auto gone = erase_many(*tier, {"a", "a", "none", "b"});
  EXPECT_TRUE(gone[0].value());
  EXPECT_FALSE(gone[1].value());
  EXPECT_FALSE(gone[2].value());
  EXPECT_TRUE(gone[3].value());
  EXPECT_TRUE(get_many(*tier, {}).empty());
}

TEST_F(RedisTier, AThousandKeysAreOneRoundTrip) {
  TcpProxy proxy(server->port());
  const auto tier = make_redis_tier({.url = url_of(proxy)});
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back("key" + std::to_string(i));
  std::vector<std::string_view> keys(names.begin(), names.end());
  std::vector<TierWrite> writes;
  for (const auto& name : names) writes.push_back({name, name, {}});
  for (const auto& outcome : set_many(*tier, writes)) EXPECT_TRUE(outcome);
  server->cli({"CONFIG", "RESETSTAT"});
  // Every command must reach the server before the first reply reaches the client.
  proxy.hold_replies(true);
  auto answer = std::async(std::launch::async, [&] { return get_many(*tier, keys); });
  EXPECT_TRUE(eventually([&] { return calls(*server, "get") == keys.size(); }, 10s));
  proxy.hold_replies(false);
  const auto found = answer.get();
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(found[i].value(), names[i]);
}

TEST_F(RedisTier, BulksLargerThanAChunkAreComplete) {
  const auto tier = make();
  std::vector<std::string> names;
  for (int i = 0; i < 3500; ++i) names.push_back(std::to_string(i));
  std::vector<TierWrite> writes;
  for (const auto& name : names) writes.push_back({name, name, {}});
  for (const auto& outcome : set_many(*tier, writes)) EXPECT_TRUE(outcome);
  const std::vector<std::string_view> keys(names.begin(), names.end());
  const auto found = get_many(*tier, keys);
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(found[i].value(), names[i]);
  for (const auto& outcome : erase_many(*tier, keys)) EXPECT_TRUE(outcome.value());
  EXPECT_EQ(server->cli({"DBSIZE"}), "0");
}

TEST_F(RedisTier, PrefixesAreTakenLiterally) {
  const auto tier = make("app[1]*:");
  const std::vector<std::string> prefixes{"a*", "a?", "[ab]", "a\\", "a\r\n", std::string("a\0", 2), "^-"};
  for (const auto& prefix : prefixes) ASSERT_TRUE(set(*tier, prefix + "x", "v"));
  ASSERT_TRUE(set(*tier, "ab", "v"));
  server->cli({"SET", "app1:a*x", "foreign"});
  for (const auto& prefix : prefixes) {
    EXPECT_EQ(erase_prefix(*tier, prefix).value(), 1U) << printable_key(prefix);
    EXPECT_EQ(get(*tier, prefix + "x").value(), std::nullopt) << printable_key(prefix);
  }
  EXPECT_EQ(get(*tier, "ab").value(), "v");
  EXPECT_EQ(erase_prefix(*tier, "").value(), 1U);
  EXPECT_EQ(server->cli({"KEYS", "*"}), "app1:a*x");
}

TEST_F(RedisTier, ASweepDoesNotHoldUpOthers) {
  const auto tier = make();
  server->cli({"EVAL", "for i=1,50000 do redis.call('SET', 'p:many' .. i, 'v') end", "0"});
  std::promise<Result<std::uint64_t>> swept;
  auto future = swept.get_future();
  tier->erase_prefix("many", in(20s),
                     [&](Result<std::uint64_t> outcome) { swept.set_value(std::move(outcome)); });
  int answered = 0;
  for (; future.wait_for(0s) != std::future_status::ready; ++answered) ASSERT_TRUE(get(*tier, "other"));
  EXPECT_GE(answered, 10) << "gets answered during the sweep";
  EXPECT_EQ(future.get().value(), 50000U);
  EXPECT_EQ(server->cli({"DBSIZE"}), "0");
}

TEST_F(RedisTier, TheUnixSocketAndTheDatabaseNumberWork) {
  const auto tier = make_redis_tier({.url = server->unix_url() + "?db=3"});
  EXPECT_TRUE(set(*tier, "k", std::string(300'000, 'x')));
  EXPECT_EQ(get(*tier, "k").value()->size(), 300'000U);
  EXPECT_EQ(server->cli({"-n", "3", "STRLEN", "k"}), "300000");
  const auto other = make_redis_tier({.url = server->url() + "/3"});
  EXPECT_EQ(get(*other, "k").value()->size(), 300'000U);
  const auto none = make_redis_tier({.url = server->url() + "/99"});
  const auto refused = get(*none, "k");
  EXPECT_FAILS(refused, Errc::unavailable);
  EXPECT_NE(text(refused).find("database 99"), std::string::npos) << text(refused);
}

TEST_F(RedisTier, TheConnectionHasAName) {
  const auto tier = make();
  ASSERT_TRUE(get(*tier, "k"));
  EXPECT_NE(server->cli({"CLIENT", "LIST"}).find("name=terrace"), std::string::npos);
}

TEST_F(RedisTier, F48_CloseEndsWhatIsPending) {
  const auto tier = make();
  ASSERT_TRUE(get(*tier, "k"));
  server->freeze();
  std::atomic<int> ended{0}, shut{0};
  for (int i = 0; i < 100; ++i) {
    tier->get("k", in(1min), [&](Result<Found> outcome) {
      ++ended;
      if (!outcome && outcome.error() == Errc::shutdown) ++shut;
    });
  }
  tier->close();
  EXPECT_EQ(ended, 100);
  EXPECT_EQ(shut, 100);
  server->thaw();
  EXPECT_FAILS(get(*tier, "k"), Errc::shutdown);
  EXPECT_FAILS(get_many(*tier, {"k"})[0], Errc::shutdown);
  EXPECT_FAILS(erase_prefix(*tier, "k"), Errc::shutdown);
  tier->close();
}

TEST_F(RedisTier, MayBeLetGoInsideAHandler) {
  auto tier = make();
  std::promise<void> gone;
  tier->get("k", in(5s), [&](const Result<Found>&) {
    tier.reset();
    gone.set_value();
  });
  EXPECT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
}

TEST_F(RedisTier, ManyThreadsGetTheirOwnAnswers) {
  const auto tier = make();
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string key = std::to_string(t) + "/" + std::to_string(i % 50);
        const std::string value =
            key + "=" + std::to_string(i) + std::string(static_cast<std::size_t>(i) * 7 % 900, 'v');
        if (!set(*tier, key, value) || get(*tier, key).value() != value) ++wrong;
        if (i % 10 == 0 && !erase(*tier, key).value()) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(redis_status(*tier)->connects, 1U);
}

}  // namespace
}  // namespace terrace::redis
