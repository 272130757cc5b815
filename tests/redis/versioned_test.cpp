// The Redis tier as a node of a replicated tier: what the conformance suite cannot see.
#include <terrace/versioned_tier.hpp>

#include "redis/redis_test.hpp"
#include "redis/versioned_scripts.hpp"
#include "support/watch_log.hpp"

namespace terrace::redis {
namespace {

constexpr Duration retention = 1h;

Version v(std::uint64_t counter) {
  return {.counter = counter, .writer = 0xabc, .order = 5};
}

std::vector<Result<Reading>> read_many(Tier& tier, std::vector<std::string_view> keys, Duration limit = 10s) {
  return await<std::vector<Result<Reading>>>(
      [&](auto done) { tier.versioned()->read_many(std::move(keys), in(limit), std::move(done)); });
}
Result<Reading> read(Tier& tier, std::string_view key) {
  return read_many(tier, {key})[0];
}
std::vector<Result<Written>> write_many(Tier& tier, std::vector<VersionedWrite> writes,
                                        Duration limit = 10s) {
  return await<std::vector<Result<Written>>>([&](auto done) {
    tier.versioned()->write_many(std::move(writes), retention, in(limit), std::move(done));
  });
}
Result<Written> write(Tier& tier, std::string_view key, Version version, std::optional<BytesView> value,
                      std::optional<Duration> ttl = {}) {
  return write_many(tier, {{key, version, value, ttl}})[0];
}
Result<Written> look(Tier& tier, std::string_view key) {
  return await<std::vector<Result<Written>>>(
      [&](auto done) { tier.versioned()->versions_many({key}, in(10s), std::move(done)); })[0];
}
Result<ScanPage> scan(Tier& tier, std::string_view from = {}) {
  return await<Result<ScanPage>>([&](auto done) { tier.versioned()->scan(from, in(10s), std::move(done)); });
}
Result<Membership> membership(Tier& tier) {
  return await<Result<Membership>>(
      [&](auto done) { tier.versioned()->membership(in(10s), std::move(done)); });
}
Result<bool> take_charge(Tier& tier, std::uint64_t token, Duration time = 1min) {
  return await<Result<bool>>(
      [&](auto done) { tier.versioned()->take_charge(token, time, in(10s), std::move(done)); });
}
Result<bool> keep_charge(Tier& tier, std::uint64_t token, Duration time = 1min) {
  return await<Result<bool>>(
      [&](auto done) { tier.versioned()->keep_charge(token, time, in(10s), std::move(done)); });
}
Result<bool> purge(Tier& tier, std::uint64_t token, Duration limit = 10s) {
  return await<Result<bool>>([&](auto done) { tier.versioned()->purge(token, in(limit), std::move(done)); });
}
Result<bool> admit(Tier& tier, std::uint64_t token, Duration time = 1h) {
  return await<Result<bool>>(
      [&](auto done) { tier.versioned()->admit(token, time, in(10s), std::move(done)); });
}

/// Every method, each with what it ended with.
std::vector<std::pair<std::string, Error>> outcomes(Tier& tier) {
  return {{"read_many", read(tier, "k").error()},
          {"versions_many", look(tier, "k").error()},
          {"write_many", write(tier, "k", v(1), "value").error()},
          {"scan", scan(tier).error()},
          {"membership", membership(tier).error()},
          {"take_charge", take_charge(tier, 1).error()},
          {"keep_charge", keep_charge(tier, 1).error()},
          {"purge", purge(tier, 1).error()},
          {"admit", admit(tier, 1).error()}};
}

/// `count` copies, key:0 and so on.
void fill(Tier& tier, int count) {
  std::vector<std::string> keys;
  for (int i = 0; i < count; ++i) keys.push_back("key:" + std::to_string(i));
  std::vector<VersionedWrite> writes;
  for (const auto& key : keys) writes.push_back({key, v(1), "value", {}});
  for (const auto& outcome : write_many(tier, writes)) ASSERT_TRUE(outcome) << text(outcome);
}

std::string near(const std::string& milliseconds, Duration expected) {
  const std::chrono::milliseconds told(std::stoll(milliseconds));
  return told <= expected && told > expected - 1min ? "near" : milliseconds + " ms";
}

TEST(RedisVersioned, KeysOnTheServerAreAsDocumented) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url(), .key_prefix = "p:"});
  ASSERT_TRUE(write(*tier, "k", {.counter = 12, .writer = 0xabc, .order = 34}, "value", 1h));
  EXPECT_EQ(server.cli({"GET", "p:k"}), "value");
  EXPECT_EQ(server.cli({"GET", "~version:{p:k}"}),
            "00000000000000000012"
            "00000000000000000034"
            "0000000000000abc");
  EXPECT_EQ(near(server.cli({"PTTL", "p:k"}), 1h), "near");
  EXPECT_EQ(near(server.cli({"PTTL", "~version:{p:k}"}), 1h + retention), "near");
  ASSERT_TRUE(write(*tier, "k", v(13), "value"));
  EXPECT_EQ(server.cli({"PTTL", "p:k"}), "-1");
  EXPECT_EQ(server.cli({"PTTL", "~version:{p:k}"}), "-1");
  ASSERT_TRUE(write(*tier, "k", v(14), std::nullopt));
  EXPECT_EQ(server.cli({"KEYS", "*"}), "~version:{p:k}");
  EXPECT_EQ(near(server.cli({"PTTL", "~version:{p:k}"}), retention), "near");
  ASSERT_TRUE(erase(*tier, "k"));
  const std::string info = server.cli({"INFO", "server"});
  const std::string run = info.substr(info.find("run_id:") + 7, 40);
  ASSERT_TRUE(take_charge(*tier, 77, 1h).value());
  EXPECT_EQ(server.cli({"GET", "~charge:{p:}"}), run + ":77");
  EXPECT_EQ(near(server.cli({"PTTL", "~charge:{p:}"}), 1h), "near");
  ASSERT_TRUE(admit(*tier, 77, 2h).value());
  EXPECT_EQ(server.cli({"KEYS", "*"}), "~member:{p:}");
  EXPECT_EQ(server.cli({"GET", "~member:{p:}"}), run + ":77");
  EXPECT_EQ(near(server.cli({"PTTL", "~member:{p:}"}), 2h), "near");
}

TEST(RedisVersioned, MarkAndChargeAreKeptFromUsersAndWatches) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  for (const auto* key : {"~member:{}", "~charge:{}", "~member:", "~charge:x"}) {
    EXPECT_FAILS(set(*tier, key, "v"), Errc::invalid_key);
    EXPECT_FAILS(erase(*tier, key), Errc::invalid_key);
    EXPECT_FAILS(write(*tier, key, v(1), "v"), Errc::invalid_key);
    EXPECT_FAILS(read(*tier, key), Errc::invalid_key);
  }
  EXPECT_THROW(make_redis_tier({.url = server.url(), .key_prefix = "~member:"}), ConfigError);
  EXPECT_THROW(make_redis_tier({.url = server.url(), .key_prefix = "~charge:"}), ConfigError);
  const auto log = std::make_shared<testing::WatchLog>();
  const auto watch = tier->shared()->watch({""}, log);
  ASSERT_TRUE(log->comes("watching"));
  ASSERT_TRUE(take_charge(*tier, 1).value() && admit(*tier, 1).value());
  ASSERT_TRUE(write(*tier, "k", v(1), "value"));
  EXPECT_TRUE(log->comes("changed k"));
  EXPECT_EQ(log->story(), "watching; changed k; ");
}

TEST(RedisVersioned, AServerThatForgotTheScriptsGetsThemAgainInMidBulk) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  std::vector<std::string> keys;
  for (int i = 0; i < 2500; ++i) keys.push_back(std::to_string(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::atomic<bool> stop{false};
  std::jthread forgetting([&] {
    while (!stop) server.cli({"SCRIPT", "FLUSH"});
  });
  for (std::uint64_t round = 1; round <= 20; ++round) {
    std::vector<VersionedWrite> writes;
    for (const auto& key : keys) writes.push_back({key, v(round), key, {}});
    const auto wrote = write_many(*tier, writes);
    const auto read = read_many(*tier, views);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      ASSERT_TRUE(wrote[i]) << text(wrote[i]);
      ASSERT_EQ(wrote[i]->held, v(round));
      ASSERT_TRUE(read[i]) << text(read[i]);
      ASSERT_EQ(read[i]->copy.value, Found(keys[i]));
    }
  }
  stop = true;
}

TEST(RedisVersioned, AThousandKeysAreOneRoundTrip) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy)});
  fill(*tier, 1000);
  std::vector<std::string> keys;
  for (int i = 0; i < 1000; ++i) keys.push_back("key:" + std::to_string(i));
  ASSERT_TRUE(read(*tier, "key:0")) << "the script is known";
  constexpr auto each_way = 150ms;
  proxy.delay(each_way);
  Duration fastest = Duration::max();  // of some, for the machine may be busy
  for (int attempt = 0; attempt < 5 && fastest >= 2 * 2 * each_way; ++attempt) {
    const TimePoint begin = system_clock().now();
    for (const auto& outcome : read_many(*tier, {keys.begin(), keys.end()})) ASSERT_TRUE(outcome);
    fastest = std::min(fastest, system_clock().now() - begin);
  }
  EXPECT_LT(fastest, 2 * 2 * each_way);
}

TEST(RedisVersioned, AServerThatMayEvictIsNoNode) {
  RedisServer server({.arguments = {"--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"}});
  const auto tier = make_redis_tier({.url = server.url()});
  for (const auto& [method, error] : outcomes(*tier)) {
    EXPECT_EQ(error, Errc::unavailable) << method;
    EXPECT_NE(error.context.find("needs maxmemory-policy noeviction"), std::string::npos) << error.context;
  }
  EXPECT_EQ(server.cli({"DBSIZE"}), "0") << "nothing was done";
  EXPECT_TRUE(set(*tier, "k", "plain")) << "what needs no versions goes on";
  EXPECT_EQ(get(*tier, "k").value(), "plain");
}

TEST(RedisVersioned, OnlyTheEvictionThatCanHappenIsRefused) {
  const std::pair<std::vector<std::string>, bool> cases[] = {
      {{"--maxmemory", "0", "--maxmemory-policy", "allkeys-lru"}, true},
      {{"--maxmemory", "50mb", "--maxmemory-policy", "noeviction"}, true},
      {{"--maxmemory", "50mb", "--maxmemory-policy", "volatile-ttl"}, false}};
  for (const auto& [arguments, fits] : cases) {
    RedisServer server({.arguments = arguments});
    const auto tier = make_redis_tier({.url = server.url()});
    EXPECT_EQ(write(*tier, "k", v(1), "value").has_value(), fits) << arguments[3];
  }
}

TEST(RedisVersioned, APolicyThatChangesWhileTheServerRunsIsNoticed) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(write(*tier, "k", v(1), "value"));
  server.cli({"CONFIG", "SET", "maxmemory", "50mb", "maxmemory-policy", "allkeys-lfu"});
  EXPECT_FAILS(membership(*tier), Errc::unavailable);
  for (const auto& [method, error] : outcomes(*tier)) EXPECT_EQ(error, Errc::unavailable) << method;
  server.cli({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  EXPECT_TRUE(membership(*tier));
  EXPECT_EQ(read(*tier, "k")->copy.value, Found("value"));
  EXPECT_EQ(redis_status(*tier)->connects, 1U);
}

TEST(RedisVersioned, WithoutInfoOnlyThePlainTierWorks) {
  RedisServer server;
  server.cli({"ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-info"});
  const auto tier = make_redis_tier({.url = "redis://app:pw@127.0.0.1:" + std::to_string(server.port())});
  ASSERT_TRUE(set(*tier, "k", "plain"));
  EXPECT_EQ(get(*tier, "k").value(), "plain");
  for (const auto& [method, error] : outcomes(*tier)) {
    EXPECT_EQ(error, Errc::denied) << method;
    EXPECT_NE(error.context.find("+info"), std::string::npos) << error.context;
  }
  EXPECT_EQ(get(*tier, "k").value(), "plain") << "nothing was done";
  EXPECT_EQ(redis_status(*tier)->connects, 1U);
}

TEST(RedisVersioned, AServerThatHidesWhatItIsIsNoNode) {
  RedisServer server({.arguments = {"--rename-command", "INFO", ""}});
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(set(*tier, "k", "plain"));
  for (const auto& [method, error] : outcomes(*tier)) {
    EXPECT_EQ(error, Errc::unavailable) << method;
    EXPECT_NE(error.context.find("does not show run_id"), std::string::npos) << error.context;
  }
  EXPECT_EQ(get(*tier, "k").value(), "plain");
}

TEST(RedisVersioned, APurgeStopsWhereTheChargeIsLost) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy)});
  fill(*tier, 20'000);
  ASSERT_TRUE(take_charge(*tier, 1, 150ms).value());
  proxy.delay(20ms);  // of 40 steps and more, each then takes 40 ms
  EXPECT_FALSE(purge(*tier, 1).value());
  proxy.delay(0ms);
  const int left = std::stoi(server.cli({"DBSIZE"}));
  EXPECT_GT(left, 20'000) << "most of values and versions";
  EXPECT_LT(left, 40'000) << "it had begun";
  ASSERT_TRUE(take_charge(*tier, 2).value());
  EXPECT_TRUE(purge(*tier, 2).value());
  EXPECT_EQ(server.cli({"KEYS", "*"}), "~charge:{}");
}

TEST(RedisVersioned, APurgeEndsAtItsDeadline) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy)});
  fill(*tier, 20'000);
  ASSERT_TRUE(take_charge(*tier, 1).value());
  proxy.delay(20ms);
  EXPECT_FAILS(purge(*tier, 1, 100ms), Errc::timed_out);
}

TEST(RedisVersioned, TiersWithDifferentPrefixesShareAServer) {
  RedisServer server;
  const auto one = make_redis_tier({.url = server.url(), .key_prefix = "app:"});
  const auto odd = make_redis_tier({.url = server.url(), .key_prefix = "a[p*:"});
  ASSERT_TRUE(write(*one, "k", v(1), "one"));
  ASSERT_TRUE(write(*odd, "k", v(2), "odd"));
  ASSERT_TRUE(take_charge(*one, 1).value());
  EXPECT_TRUE(take_charge(*odd, 2).value());
  ASSERT_TRUE(admit(*one, 1).value());
  EXPECT_FALSE(membership(*odd)->remembers);
  using Keys = std::vector<std::pair<std::string, Version>>;
  EXPECT_TRUE(scan(*one)->keys == (Keys{{"k", v(1)}}));
  EXPECT_TRUE(scan(*odd)->keys == (Keys{{"k", v(2)}}));
  EXPECT_TRUE(purge(*odd, 2).value());
  EXPECT_EQ(read(*one, "k")->copy.value, Found("one"));
  EXPECT_TRUE(membership(*one)->remembers);
  EXPECT_EQ(read(*odd, "k")->copy.version, Version{});
}

TEST(RedisVersioned, AValueOverTheLimitIsSkippedAndTheConnectionStays) {
  RedisServer server;
  const auto large = make_redis_tier({.url = server.url()});
  const auto small = make_redis_tier({.url = server.url(), .max_value_bytes = 1000});
  ASSERT_TRUE(write(*large, "large", v(1), std::string(1001, 'x')));
  ASSERT_TRUE(write(*large, "fits", v(1), std::string(1000, 'x')));
  const auto read = read_many(*small, {"fits", "large", "fits"});
  EXPECT_TRUE(read[0]);
  EXPECT_FAILS(read[1], Errc::value_too_large);
  EXPECT_NE(text(read[1]).find("1001 bytes"), std::string::npos) << text(read[1]);
  EXPECT_TRUE(read[2]);
  EXPECT_EQ(look(*small, "large")->held, v(1));
  EXPECT_FAILS(write(*small, "k", v(1), std::string(1001, 'x')), Errc::value_too_large);
  EXPECT_EQ(redis_status(*small)->connects, 1U);
}

/// A deletion must go through: the mutant, a script that begins with the version, would be refused.
TEST(RedisVersioned, F16_AFullServerTakesTombstonesAndKeepsWhatItHas) {
  RedisServer server({.arguments = {"--maxmemory", "8mb", "--maxmemory-policy", "noeviction"}});
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(write(*tier, "k", v(1), "one"));
  ASSERT_TRUE(write(*tier, "deleted", v(1), "one"));
  Result<void> outcome;
  for (const std::size_t size : {100'000, 1'000, 1}) {
    outcome = {};
    for (int i = 0; i < 10'000 && outcome; ++i)
      outcome = set(*tier, "k" + std::to_string(size) + ":" + std::to_string(i), std::string(size, 'v'));
  }
  ASSERT_FALSE(outcome);
  server.cli({"CONFIG", "SET", "maxmemory", "6mb"});
  EXPECT_FAILS(write(*tier, "k", v(2), "two"), Errc::unavailable);
  EXPECT_EQ(read(*tier, "k")->copy.value, Found("one"));
  EXPECT_EQ(read(*tier, "k")->copy.version, v(1));
  const auto deleted = write(*tier, "deleted", v(2), std::nullopt);
  EXPECT_TRUE(deleted) << text(deleted);
  EXPECT_EQ(look(*tier, "deleted")->held, v(2));
  EXPECT_EQ(get(*tier, "deleted").value(), Found());
}

TEST(RedisVersioned, WhatIsNoVersionIsAnErrorOfItsKeyOnly) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(write(*tier, "good", v(1), "value"));
  const std::string order = "0000000000000000000100000000000000ff";
  for (const std::string& text :
       {std::string(), std::string("7"), std::string("x"), std::string("0000000000000000001x"),
        std::string("99999999999999999999"), "18446744073709551615" + order, "04611686018427387905" + order,
        "00000000000000000007" + order + "0", "0000000000000000000x" + order,
        std::string("000000000000000000079999999999999999999900000000000000ff"),
        std::string("0000000000000000000700000000000000000001000000000000000g")}) {
    server.cli({"SET", "~version:{bad}", text});
    server.cli({"SET", "bad", "planted"});
    const auto read = read_many(*tier, {"good", "bad", "good"});
    EXPECT_TRUE(read[0] && read[2]);
    EXPECT_FAILS(read[1], Errc::corrupt);
    EXPECT_EQ(scan(*tier)->keys.size(), 1U) << "it does not hide the others";
    EXPECT_EQ(write(*tier, "bad", v(3), "value")->held, v(3)) << text << ": it is written over";
    EXPECT_EQ(look(*tier, "bad")->held, v(3)) << text;
  }
}

TEST(RedisVersioned, AVersionOfAnotherTypeDoesNotHideTheOtherKeys) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(write(*tier, "good", v(1), "value"));
  server.cli({"RPUSH", "~version:{bad}", "x"});
  const auto page = scan(*tier);
  ASSERT_TRUE(page) << text(page);
  EXPECT_EQ(page->keys.size(), 1U);
}

TEST(RedisVersioned, F03_KilledInMidPipelineEachOperationEndsOnce) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  fill(*tier, 10);
  constexpr int count = 400;
  std::vector<std::atomic<int>> ends(count);
  std::atomic<int> done{0}, wrong{0};
  std::vector<std::string> keys;
  for (int i = 0; i < 50; ++i) keys.push_back("key:" + std::to_string(i));
  const auto end = [&](int i, const auto& told) {
    if (told.size() != keys.size()) ++wrong;
    for (const auto& one : told) {
      if (!one && one.error() != Errc::io_error && one.error() != Errc::unavailable) ++wrong;
    }
    ++ends[static_cast<std::size_t>(i)];
    ++done;
  };
  for (int i = 0; i < count; ++i) {
    if (i == count / 2) server.kill9();
    if (i % 2 == 0) {
      tier->versioned()->read_many({keys.begin(), keys.end()}, in(20s),
                                   [&, i](const auto& told) { end(i, told); });
    } else {
      std::vector<VersionedWrite> writes;
      for (const auto& key : keys) writes.push_back({key, v(static_cast<std::uint64_t>(i)), "value", {}});
      tier->versioned()->write_many(writes, retention, in(20s), [&, i](const auto& told) { end(i, told); });
    }
  }
  ASSERT_TRUE(eventually([&] { return done == count; })) << done;
  EXPECT_EQ(wrong, 0);
  tier->close();
  for (const auto& times : ends) ASSERT_EQ(times, 1);
}

TEST(RedisVersioned, TheTextOfAVersionOrdersAsTheVersion) {
  const Version parts[] = {{0, 1, 0},   {0, 0, 1},   {1, 0, 0},
                           {9, 15, 16}, {10, 16, 9}, {Version::highest_counter, ~0ULL, ~0ULL}};
  for (const Version& a : parts) {
    EXPECT_EQ(parse_version(version_text(a)), a);
    for (const Version& b : parts) EXPECT_EQ(version_text(a) < version_text(b), a < b);
  }
  EXPECT_EQ(parse_version("00000000000000000042"), (Version{.counter = 42}));
  EXPECT_FALSE(parse_version(version_text(v(1)) + "0"));
  for (const std::uint64_t counter : {Version::highest_counter + 1, std::uint64_t{UINT64_MAX}}) {
    EXPECT_FALSE(parse_version(version_text({.counter = counter})));
    EXPECT_FALSE(parse_version(std::to_string(counter)));
  }
  EXPECT_FALSE(parse_version(version_text(v(1)).substr(1)));
}

}  // namespace
}  // namespace terrace::redis
