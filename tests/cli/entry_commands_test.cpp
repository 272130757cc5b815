/// get, set, erase, invalidate, explain and stats: the real program at a server and straight at the tiers.

#include "cli/operated.hpp"

namespace terrace::cli_test {
namespace {

using namespace terrace::cli;
using ::testing::HasSubstr;
using ::testing::Not;

/// Each command both ways.
class EntryCommands : public Operated, public ::testing::WithParamInterface<bool> {
 protected:
  Ended run(std::vector<std::string> words) {
    return terrace(GetParam() ? at_server(std::move(words)) : at_config(std::move(words)));
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, EntryCommands, ::testing::Values(true, false),
                         [](const auto& way) { return way.param ? "Server" : "Config"; });

TEST_P(EntryCommands, WhatIsSetIsGotExplainedAndErased) {
  const Ended set = run({"set", "users", "42", R"([42, "Ada"])", "--schema", "(i64,str)", "--ttl", "5m"});
  ASSERT_EQ(set.code, exit_ok) << set.err;
  EXPECT_EQ(set.out, "");
  const Ended got = run({"get", "users", "42"});
  EXPECT_EQ(got.code, exit_ok) << got.err;
  EXPECT_EQ(got.out, "[42,\"Ada\"]\n");
  EXPECT_THAT(got.err, HasSubstr("terrace: hit in "));
  const Ended json = run({"get", "users", "42", "--json"});
  EXPECT_EQ(boost::json::parse(json.out).at("value"), (boost::json::array{42, "Ada"}));
  EXPECT_LE(boost::json::parse(json.out).at("remaining_s").to_number<double>(), 300);
  const Ended explained = run({"explain", "users", "42"});
  EXPECT_EQ(explained.code, exit_ok) << explained.err;
  EXPECT_THAT(explained.out, HasSubstr("\nsqlite  hit"));
  EXPECT_THAT(explained.out, Not(HasSubstr("Ada")));
  const Ended erased = run({"erase", "users", "42", "43"});
  EXPECT_EQ(erased.code, exit_ok) << erased.err;
  EXPECT_EQ(erased.out, "42: erased\n43: not found\n");
  const Ended gone = run({"get", "users", "42"});
  EXPECT_EQ(gone.code, exit_failed);
  EXPECT_EQ(gone.out, "");
  EXPECT_THAT(gone.err, HasSubstr("42 is in no level of cache users"));
}

TEST_P(EntryCommands, KeysMayBeAnyBytes) {
  for (const std::string& key :
       {std::string("a b/%&=+?#"), std::string("\xff\x01"), std::string(9000, 'k')}) {
    ASSERT_EQ(run({"set", "users", key, "\"v\""}).code, exit_ok);
    EXPECT_EQ(run({"get", "users", key}).out, "\"v\"\n");
    EXPECT_EQ(run({"explain", "users", key}).code, exit_ok);
  }
  EXPECT_EQ(run({"get", "users", "a b/%&=+?"}).code, exit_failed);
}

TEST_P(EntryCommands, InvalidatesWhatIsMeant) {
  for (const char* key : {"a1", "a2", "b1"})
    ASSERT_EQ(run({"set", "users", key, "1", "--tag", std::string("t:") + key[0]}).code, exit_ok);
  const Ended keys = run({"invalidate", "users", "--key", "a1", "--key", "nothing"});
  EXPECT_EQ(keys.code, exit_ok) << keys.err;
  EXPECT_THAT(keys.out, HasSubstr(" invalidated\n"));
  EXPECT_EQ(run({"get", "users", "a1"}).code, exit_failed);
  EXPECT_EQ(run({"get", "users", "a2"}).code, exit_ok);
  EXPECT_EQ(run({"invalidate", "users", "--tag", "t:a"}).code, exit_ok);
  EXPECT_EQ(run({"get", "users", "a2"}).code, exit_failed);
  EXPECT_EQ(run({"get", "users", "b1"}).code, exit_ok);
  EXPECT_EQ(run({"invalidate", "users", "--prefix", "b"}).code, exit_ok);
  EXPECT_EQ(run({"get", "users", "b1"}).code, exit_failed);
}

TEST_P(EntryCommands, ClearsOnlyWhenAgreed) {
  ASSERT_EQ(run({"set", "users", "k", "1"}).code, exit_ok);
  const Ended unasked = run({"invalidate", "users", "--all"});
  EXPECT_EQ(unasked.code, exit_usage);
  EXPECT_THAT(unasked.err, HasSubstr("add --yes"));
  EXPECT_EQ(run({"get", "users", "k"}).code, exit_ok);
  EXPECT_EQ(run({"invalidate", "users", "--all", "--yes"}).out, "cleared\n");
  EXPECT_EQ(run({"get", "users", "k"}).code, exit_failed);
}

TEST_P(EntryCommands, WrongCallsNameTheRemedy) {
  const Ended cache = run({"get", "usres", "k"});
  EXPECT_EQ(cache.code, exit_usage);
  EXPECT_THAT(cache.err, HasSubstr("did you mean users?"));
  EXPECT_THAT(run({"stats", "usres"}).err, HasSubstr("did you mean users?"));
  const Ended value = run({"set", "users", "k", "text"});
  EXPECT_EQ(value.code, exit_usage);
  EXPECT_THAT(value.err, HasSubstr("write a string in quotes"));
  const Ended typeless = run({"set", "users", "k", "[1]"});
  EXPECT_EQ(typeless.code, exit_usage);
  EXPECT_THAT(typeless.err, HasSubstr("schema"));
  EXPECT_EQ(run({"invalidate", "users"}).code, exit_usage);
  EXPECT_EQ(run({"invalidate", "users", "--key", "a", "--tag", "b"}).code, exit_usage);
  EXPECT_EQ(run({"invalidate", "users", "--key", "a", "--yes"}).code, exit_usage);
  EXPECT_EQ(run({"get", "users", "k", "--timeout", "0"}).code, exit_usage);
}

TEST_P(EntryCommands, StatsShowEveryLevel) {
  ASSERT_EQ(run({"set", "users", "k", "1"}).code, exit_ok);
  Ended all;
  // What a server watches is connected a moment after it listens.
  testing::eventually([&] {
    all = run({"stats"});
    return !GetParam() || all.out.find("users: healthy") != std::string::npos;
  });
  EXPECT_EQ(all.code, exit_ok) << all.err;
  EXPECT_THAT(all.out, HasSubstr("users: healthy"));
  EXPECT_THAT(all.out, HasSubstr("pages: healthy"));
  EXPECT_THAT(all.out, ::testing::ContainsRegex("  sqlite +[-0-9]"));
  const Ended one = run({"stats", "users"});
  EXPECT_THAT(one.out, Not(HasSubstr("pages")));
  const auto json = boost::json::parse(run({"stats", "users", "--json"}).out);
  EXPECT_EQ(json.at("name").as_string(), "users");
  EXPECT_EQ(json.at("levels").as_array().size(), 3U);
}

class TargetFailures : public Operated {};

TEST_F(TargetFailures, AServerThatIsAwayIsNamed) {
  const std::string address = "http://127.0.0.1:" + std::to_string(testing::free_port());
  for (const char* command : {"stats", "top"}) {
    std::vector<std::string> words{command, "--server", address};
    if (std::string_view(command) == "top") words.emplace_back("--once");
    const Ended ended = terrace(words);
    EXPECT_EQ(ended.code, exit_failed);
    EXPECT_THAT(ended.err, HasSubstr("terrace: " + address));
    EXPECT_THAT(ended.err, HasSubstr("check that `terrace serve` runs there"));
  }
}

TEST_F(TargetFailures, TheTokenIsWantedAndChecked) {
  const Ended none = terrace({"get", "users", "k", "--server", server()});
  EXPECT_EQ(none.code, exit_usage);
  EXPECT_THAT(none.err, HasSubstr("--token-file FILE"));
  const std::string wrong = folder_.file("wrong", "wrong-token-0123456789\n");
  const Ended refused = terrace({"get", "users", "k", "--server", server(), "--token-file", wrong});
  EXPECT_EQ(refused.code, exit_usage);
  EXPECT_THAT(refused.err, HasSubstr("the token was rejected by"));
  EXPECT_THAT(refused.err, Not(HasSubstr("0123456789")));
  const std::string bad = folder_.file("bad", "two words\n");
  const Ended unsound = terrace({"get", "users", "k", "--server", server(), "--token-file", bad});
  EXPECT_EQ(unsound.code, exit_usage);
  EXPECT_THAT(unsound.err, Not(HasSubstr("two words")));
  EXPECT_EQ(terrace({"stats", "--server", server(), "--token-file", folder_.path("none")}).code, exit_usage);
}

TEST_F(TargetFailures, AddressesAndConfigurationsThatCannotBeRight) {
  for (const char* address : {"localhost:9390", "ftp://x", "http://", "http://x/?a=b"}) {
    const Ended ended = terrace({"stats", "--server", address});
    EXPECT_EQ(ended.code, exit_usage) << address;
    EXPECT_THAT(ended.err, HasSubstr("--server")) << address;
  }
  EXPECT_EQ(terrace({"stats", "--server", "http://x", "--config", config_}).code, exit_usage);
  const Ended wrong = terrace({"stats", "--config", folder_.file("wrong.toml", "[caches.a]\nttl = 600\n")});
  EXPECT_EQ(wrong.code, exit_usage);
  EXPECT_THAT(wrong.err, HasSubstr("wrong.toml:2: mistake: caches.a.ttl"));
}

}  // namespace
}  // namespace terrace::cli_test
