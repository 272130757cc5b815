// What leases and versions do when the server fails or forgets; named after the rows of the list of faults.
#include "redis/scripts.hpp"
#include "redis/server_error.hpp"
#include "redis/shared_test.hpp"

namespace terrace::redis {
namespace {

using Kind = LeaseReply::Kind;

TEST(RedisLeaseFaults, AServerThatForgotTheScriptsGetsThemAgain) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  for (int round = 0; round < 3; ++round) {
    const std::string key = std::to_string(round);
    server.cli({"SCRIPT", "FLUSH"});
    ASSERT_EQ(acquire(*tier, key, 'a')->kind, Kind::granted);
    server.cli({"SCRIPT", "FLUSH"});
    EXPECT_TRUE(fill(*tier, key, 'a', "v").value());
    EXPECT_EQ(get(*tier, key).value(), "v");
  }
}

TEST(RedisLeaseFaults, TheTiersOwnKeysAreRefused) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  for (const auto* key : {"~lease:", "~lease:{k}", "~version:{k}"}) {
    const auto refused = set(*tier, key, "v");
    EXPECT_FAILS(refused, Errc::invalid_key);
    EXPECT_NE(text(refused).find("~lease:"), std::string::npos) << text(refused);
    EXPECT_FAILS(get(*tier, key), Errc::invalid_key);
    EXPECT_FAILS(erase(*tier, key), Errc::invalid_key);
    EXPECT_FAILS(get_many(*tier, {"k", key})[1], Errc::invalid_key);
    EXPECT_FAILS(acquire(*tier, key, 'a'), Errc::invalid_key);
  }
  EXPECT_TRUE(set(*tier, "~lease", "v"));
  const auto split = make_redis_tier({.url = server.url(), .key_prefix = "~lea"});
  EXPECT_FAILS(set(*split, "se:x", "v"), Errc::invalid_key);
  EXPECT_TRUE(set(*split, "x", "v"));
  EXPECT_THROW(make_redis_tier({.url = server.url(), .key_prefix = "~version:"}), ConfigError);
}

TEST(RedisLeaseFaults, KeysOnTheServerAreAsDocumented) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url(), .key_prefix = "p:"});
  ASSERT_EQ(acquire(*tier, "k", 'a', 100s)->kind, Kind::granted);
  EXPECT_EQ(server.cli({"KEYS", "*"}), "~lease:{p:k}");
  EXPECT_EQ(server.cli({"GET", "~lease:{p:k}"}), std::string(16, 'a'));
  EXPECT_GT(std::stoi(server.cli({"PTTL", "~lease:{p:k}"})), 50'000);
  ASSERT_TRUE(set_many(*tier, {{"k", "v", 100s, 42}})[0]);
  EXPECT_EQ(server.cli({"GET", "~version:{p:k}"}), "00000000000000000042");
  EXPECT_GT(std::stoi(server.cli({"PTTL", "~version:{p:k}"})), 50'000);
  EXPECT_EQ(server.cli({"EXISTS", "~lease:{p:k}"}), "0");
  ASSERT_TRUE(erase(*tier, "k").value());
  EXPECT_EQ(server.cli({"DBSIZE"}), "0") << "nothing is left behind";
  ASSERT_TRUE(set_many(*tier, {{"k", "v", {}, 42}})[0]);
  ASSERT_TRUE(set(*tier, "k", "v"));
  EXPECT_EQ(server.cli({"KEYS", "*"}), "p:k");
}

TEST(RedisLeaseFaults, F03_KilledInMidPipelineEachOperationEndsOnce) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_TRUE(get(*tier, "k"));
  constexpr int count = 6'000;
  std::vector<std::atomic<int>> ends(count);
  std::atomic<int> done{0}, wrong{0};
  const auto end = [&](int i, bool fine, const Error& error) {
    ++ends[static_cast<std::size_t>(i)];
    ++done;
    if (!fine && error != Errc::io_error && error != Errc::unavailable) ++wrong;
  };
  for (int i = 0; i < count; ++i) {
    if (i == count / 2) server.kill9();
    const std::string key = std::to_string(i / 2);
    if (i % 2 == 0) {
      tier->shared()->acquire(key, token('a'), 10s, {}, in(20s),
                              [&, i](const auto& outcome) { end(i, outcome.has_value(), outcome.error()); });
    } else {
      tier->shared()->fill(key, token('a'), "v", {}, in(20s),
                           [&, i](const auto& outcome) { end(i, outcome.has_value(), outcome.error()); });
    }
  }
  ASSERT_TRUE(eventually([&] { return done == count; })) << done;
  EXPECT_EQ(wrong, 0);
  tier->close();
  for (const auto& times : ends) ASSERT_EQ(times, 1);
}

TEST(RedisLeaseFaults, F05_ALateReplyOfAScriptReachesNobodyElse) {
  RedisServer server;
  TcpProxy proxy(server.port());
  const auto tier = make_redis_tier({.url = url_of(proxy), .failures_to_open = 1000});
  ASSERT_TRUE(set(*tier, "b", "b-value"));
  ASSERT_TRUE(acquire(*tier, "a", 'a'));
  proxy.delay(40ms);
  for (int round = 0; round < 3; ++round) {
    EXPECT_FAILS(acquire(*tier, "b", 'a', 10s, {}, 20ms), Errc::timed_out);
    EXPECT_EQ(acquire(*tier, "a", 'b')->kind, Kind::held);
    EXPECT_FAILS(set(*tier, "c", "c", {}, 20ms), Errc::timed_out);
    EXPECT_EQ(get(*tier, "b").value(), "b-value");
    EXPECT_FAILS(erase(*tier, "c", 20ms), Errc::timed_out);
    EXPECT_FALSE(fill(*tier, "b", 'a', "w").value());
  }
  EXPECT_EQ(redis_status(*tier)->connects, 1U);
}

/// Erasing by something that writes would fail here: the mutant of F16.
TEST(RedisLeaseFaults, F16_AFullServerGrantsNothingAndStillErases) {
  RedisServer server({.arguments = {"--maxmemory", "8mb", "--maxmemory-policy", "noeviction"}});
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_EQ(acquire(*tier, "leased", 'a', 100s)->kind, Kind::granted);
  ASSERT_TRUE(set_many(*tier, {{"versioned", "v", {}, 7}})[0]);
  Result<void> outcome;
  for (const std::size_t size : {100'000, 1'000, 1}) {
    outcome = {};
    for (int i = 0; i < 10'000 && outcome; ++i)
      outcome = set(*tier, "k" + std::to_string(size) + ":" + std::to_string(i), std::string(size, 'v'));
  }
  // Full for certain: what its buffers give back at times is room for a small value.
  server.cli({"CONFIG", "SET", "maxmemory", "6mb"});
  const auto full = [](const auto& refused) {
    EXPECT_FAILS(refused, Errc::unavailable);
    EXPECT_NE(text(refused).find("full"), std::string::npos) << text(refused);
  };
  full(outcome);
  full(set_many(*tier, {{"one", "v", {}}})[0]);
  full(set_many(*tier, {{"versioned", "w", {}, 8}})[0]);
  full(acquire(*tier, "other", 'b'));
  full(fill(*tier, "leased", 'a', std::string(100'000, 'v')));
  EXPECT_EQ(acquire(*tier, "leased", 'b', 100s)->kind, Kind::held) << "asking needs no memory";
  EXPECT_EQ(acquire(*tier, "k1000:0", 'b')->kind, Kind::value);
  EXPECT_EQ(server.cli({"SET", "tombstone", "v"}).substr(0, 3), "OOM")
      << "invalidating by a write would fail";
  EXPECT_FALSE(erase(*tier, "leased").value());
  EXPECT_FALSE(fill(*tier, "leased", 'a', "v").value()) << "the erase voided the lease";
  EXPECT_TRUE(erase_many(*tier, {"versioned", "k1000:1"})[1].value());
  EXPECT_GT(erase_prefix(*tier, "k").value(), 10U);
  EXPECT_TRUE(set(*tier, "k", "v"));
}

TEST(RedisLeaseFaults, F17_AnEvictedLeaseRejects) {
  RedisServer server({.arguments = {"--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"}});
  const auto tier = make_redis_tier({.url = server.url()});
  ASSERT_EQ(acquire(*tier, "k", 'a', 1h)->kind, Kind::granted);
  EXPECT_TRUE(eventually([&, i = 0]() mutable {
    for (int n = 0; n < 50; ++n) (void)set(*tier, "filler" + std::to_string(i++), std::string(10'000, 'v'));
    return server.cli({"EXISTS", "~lease:{k}"}) == "0";
  }));
  EXPECT_FALSE(fill(*tier, "k", 'a', "late").value());
  EXPECT_EQ(get(*tier, "k").value(), std::nullopt);
}

TEST(RedisLeaseFaults, ErrorsWithinScriptsAndTransactionsHaveTheirOwnKind) {
  const auto kind = [](std::string_view reply) { return server_error(reply, "server"); };
  EXPECT_EQ(kind("OOM command not allowed when used memory > 'maxmemory'. script: 7fc5, on @user_script:5."),
            Errc::unavailable);
  EXPECT_EQ(
      kind("ERR Error running script (call to f_7fc5): @user_script:3: WRONGTYPE Operation against a key"),
      Errc::corrupt);
  const Error wrapped = kind(
      "ERR Error running script (call to f_7fc5): @user_script:2: @user_script: 2: -OOM command not allowed");
  EXPECT_NE(wrapped.context.find("full"), std::string::npos) << wrapped.context;
  EXPECT_EQ(kind("EXECABORT Transaction discarded because of: NOPERM this user has no permissions"),
            Errc::denied);
  const Error loading = kind("LOADING Redis is loading the dataset in memory");
  EXPECT_EQ(loading, Errc::unavailable);
  EXPECT_NE(loading.context.find("starting"), std::string::npos) << loading.context;
}

/// What a key of the tier's own may hold that the tier has not put there.
struct Planted {
  std::vector<std::string> command;  ///< the key comes second
};

std::vector<std::string> of_key(const Planted& planted, const std::string& key) {
  std::vector<std::string> words = planted.command;
  words.insert(words.begin() + 1, key);
  return words;
}

/// Before, a lease without an end, or with one in 292 million years, kept everybody from loading.
TEST(RedisLeaseFaults, A07_A32_AForeignLeaseIsFree) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  const std::vector<Planted> foreign{
      {{"SET", "x"}},
      {{"SET", "x", "PX", "9223372036854"}},
      {{"SET", "x", "PX", "30000"}},
      {{"SET", ""}},
      {{"RPUSH", "x"}},
      {{"SADD", "x"}},
      {{"HSET", "f", "x"}},
      {{"ZADD", "1", "x"}},
      {{"XADD", "*", "f", "x"}},
      {{"SETBIT", "7", "1"}},
      {{"SET", std::string(16, 'o')}},
  };
  for (const auto& planted : foreign) {
    SCOPED_TRACE(planted.command[0] + " " + planted.command[1]);
    server.cli({"FLUSHALL"});
    server.cli(of_key(planted, "~lease:{k}"));
    EXPECT_FALSE(fill(*tier, "k", 'z', "v").value()) << "nobody has it";
    const auto released = release(*tier, "k", 'z');
    EXPECT_TRUE(released) << text(released);
    const auto got = acquire(*tier, "k", 'a', 3s);
    ASSERT_TRUE(got) << text(got);
    EXPECT_EQ(got->kind, Kind::granted);
    EXPECT_LE(std::stoi(server.cli({"PTTL", "~lease:{k}"})), 3000);
    EXPECT_EQ(acquire(*tier, "k", 'b', 3s)->kind, Kind::held);
    EXPECT_TRUE(fill(*tier, "k", 'a', "v").value());
    EXPECT_EQ(acquire(*tier, "k", 'b', 3s)->kind, Kind::value);
  }
}

TEST(RedisLeaseFaults, A07_A32_ALeaseOfAnotherTypeThatEndsSoonIsFreeToo) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  server.cli({"RPUSH", "~lease:{k}", "x"});
  server.cli({"PEXPIRE", "~lease:{k}", "3000"});
  EXPECT_EQ(acquire(*tier, "k", 'a', 3s)->kind, Kind::granted);
}

/// Before, what was put there kept all later versions out until the value's end.
TEST(RedisLeaseFaults, A11_AForeignVersionKeepsNoWriteOut) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  const std::vector<Planted> foreign{
      {{"SET", "99999999999999999999"}},
      {{"SET", "18446744073709551615"}},
      {{"SET", "04611686018427387905"}},
      {{"SET", "~"}},
      {{"SET", "00000000000000000001x"}},
      {{"SET", "0000000000000000000z"}},
      {{"SET", "9"}},
      {{"SET", ""}},
      {{"SET", std::string(56, '9')}},
      {{"RPUSH", "x"}},
      {{"HSET", "f", "x"}},
  };
  for (const auto& planted : foreign) {
    SCOPED_TRACE(planted.command[0] + " " + planted.command[1]);
    server.cli({"FLUSHALL"});
    ASSERT_TRUE(set_many(*tier, {{"k", "old", {}, 5}})[0]);
    server.cli({"DEL", "~version:{k}"});
    server.cli(of_key(planted, "~version:{k}"));
    const auto stored = set_many(*tier, {{"k", "new", {}, 6}})[0];
    EXPECT_TRUE(stored) << text(stored);
    EXPECT_EQ(get(*tier, "k").value(), "new");
    EXPECT_EQ(server.cli({"GET", "~version:{k}"}), "00000000000000000006");
    ASSERT_TRUE(set_many(*tier, {{"k", "late", {}, 5}})[0]);
    EXPECT_EQ(get(*tier, "k").value(), "new") << "its own still guard";
  }
}

TEST(RedisLeaseFaults, A11_TheHighestVersionIsOne) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  EXPECT_TRUE(set_many(*tier, {{"k", "v", {}, highest_version}})[0]);
  EXPECT_TRUE(set_many(*tier, {{"k", "late", {}, highest_version - 1}})[0]);
  EXPECT_EQ(get(*tier, "k").value(), "v");
  EXPECT_FAILS(set_many(*tier, {{"k", "w", {}, highest_version + 1}})[0], Errc::invalid_argument);
}

TEST(RedisLeaseFaults, A07_WhatAServerNamesAsALifeIsBounded) {
  EXPECT_EQ(told_life("0"), Duration::zero());
  EXPECT_EQ(told_life("1500"), Duration(1500ms));
  for (const auto* much : {"5555555555554555", "9223372036854775807", "18446744073709551615",
                           "99999999999999999999999999", "3153600000001"}) {
    EXPECT_EQ(told_life(much), longest_life) << much;
  }
  EXPECT_EQ(told_life("3153600000000"), longest_life);
  for (const auto* none : {"-1", "-2", "-9223372036854775808", "", "x", "1x", " 1", "+1", "1.5"}) {
    EXPECT_EQ(told_life(none), std::nullopt) << none;
  }
  EXPECT_GT(longest_life + longest_life, longest_life);
}

TEST(RedisLeaseFaults, A07_AReplyToALeaseIsBounded) {
  const auto decoded = [](std::string_view value) {
    Result<LeaseReply> outcome = Error(Errc::io_error, "none");
    decode(Node{NodeType::number, 1, 0, value}, "server", outcome);
    return outcome;
  };
  const auto held = [](std::string_view left) {
    Result<LeaseReply> outcome = Error(Errc::io_error, "none");
    decode(Node{NodeType::array, 1, 0, ""}, "server", outcome);
    decode(Node{NodeType::number, 1, 1, left}, "server", outcome);
    return outcome;
  };
  EXPECT_EQ(decoded("-1")->kind, Kind::granted);
  EXPECT_FAILS(decoded("7"), Errc::corrupt);
  EXPECT_FAILS(decoded("junk"), Errc::corrupt);
  EXPECT_EQ(held("7")->held_for, Duration(7ms));
  EXPECT_EQ(held("9223372036854775807")->held_for, longest_life);
  EXPECT_FAILS(held("-2"), Errc::corrupt);
  EXPECT_FAILS(held("junk"), Errc::corrupt);
}

/// Something else lies where a value should be: whoever loads it puts the value there, as Tier::set does.
TEST(RedisLeaseFaults, AForeignTypeIsReplacedByALoad) {
  RedisServer server;
  const auto tier = make_redis_tier({.url = server.url()});
  server.cli({"LPUSH", "list", "x"});
  EXPECT_FAILS(get(*tier, "list"), Errc::corrupt);
  EXPECT_EQ(acquire(*tier, "list", 'a')->kind, Kind::granted);
  EXPECT_TRUE(fill(*tier, "list", 'a', "v").value());
  EXPECT_EQ(get(*tier, "list").value(), "v");
  server.cli({"SADD", "set", "x"});
  EXPECT_EQ(await<Result<Bytes>>([&](auto done) {
              tier->shared()->get_or_put("set", "v", {}, in(5s), std::move(done));
            }).value(),
            "v");
  server.cli({"SADD", "other", "x"});
  EXPECT_FALSE(await<Result<bool>>([&](auto done) {
                 tier->shared()->replace("other", "old", "v", {}, in(5s), std::move(done));
               }).value());
}

}  // namespace
}  // namespace terrace::redis
