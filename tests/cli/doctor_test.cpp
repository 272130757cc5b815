/// `terrace doctor`.

#include "cli/operated.hpp"
#include "support/http_server.hpp"

namespace terrace::cli_test {
namespace {

using namespace terrace::cli;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class Doctor : public Operated {};

TEST_F(Doctor, ProbesTheTiersOfAConfiguration) {
  const Ended before = terrace(at_config({"doctor"}));
  EXPECT_EQ(before.code, exit_ok) << before.out << before.err;
  EXPECT_THAT(before.out, HasSubstr("far.db does not exist yet"));
  ASSERT_EQ(terrace(at_config({"set", "users", "k", "1"})).code, exit_ok);
  const std::string keys = redis_.cli({"DBSIZE"});
  const Ended ended = terrace(at_config({"doctor"}));
  EXPECT_EQ(ended.code, exit_ok) << ended.out << ended.err;
  for (const char* tier : {"near", "far"})
    EXPECT_THAT(ended.out, ContainsRegex(std::string("ok +tier ") + tier + ": write .*, read .*, erase "));
  EXPECT_THAT(before.out, ContainsRegex("near: .*, lease .*, fill .*, tag .*, watch "));
  EXPECT_THAT(ended.out, ContainsRegex("warning +.*terrace.toml:[0-9]+: tiers.near.url: .*has no maxmemory"));
  EXPECT_THAT(ended.out, ContainsRegex("ok +clock of redis.*: agrees"));
  EXPECT_THAT(ended.out, ContainsRegex("open files: "));
  EXPECT_THAT(ended.out, HasSubstr("Verdict: ok, with "));
  EXPECT_EQ(redis_.cli({"DBSIZE"}), keys) << "nothing of it stays";
}

/// Everything that the probe of a key needs, and nothing that a load needs.
TEST_F(Doctor, CORE7_NamesAServerThatTakesNoLeases) {
  redis_.cli({"ACL", "SETUSER", "keys", "on", ">pw", "~*", "+@all", "-@scripting"});
  redis_.cli({"ACL", "SETUSER", "inner", "on", ">pw", "~*", "+@all", "-pttl"});
  redis_.cli({"ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all", "-client|tracking"});
  const auto doctor = [&](const std::string& user) {
    const std::string text = "[tiers.near]\nurl = \"redis://" + user +
                             ":pw@127.0.0.1:" + std::to_string(redis_.port()) +
                             "\"\n[caches.u]\nttl = \"1h\"\ntiers = [\"near\"]\n";
    const std::string file = folder_.file(user + ".toml", text);
    const Ended ended = terrace({"doctor", "--config", file, "--timeout", "3s"});
    EXPECT_EQ(ended.code, exit_failed) << user;
    return ended.out;
  };
  for (const char* user : {"keys", "inner"}) {
    const std::string said = doctor(user);
    EXPECT_THAT(said, ContainsRegex("failure +tier near: it does not (take|renew|fill|make|prolong)"))
        << user;
    EXPECT_THAT(said, HasSubstr("Settings for a Redis server"));
  }
  EXPECT_THAT(doctor("deaf"), ContainsRegex("failure +tier near: no watch comes up"));
}

TEST_F(Doctor, NamesATierThatIsAwayWithTheRemedy) {
  redis_.stop();
  const Ended ended = terrace(at_config({"doctor", "--timeout", "500ms", "--json"}));
  EXPECT_EQ(ended.code, exit_failed);
  const auto said = boost::json::parse(ended.out);
  EXPECT_THAT(std::string(said.at("verdict").as_string()), HasSubstr("not ok: "));
  bool found = false;
  for (const auto& check : said.at("checks").as_array()) {
    if (check.at("what") != "tier near") continue;
    found = true;
    EXPECT_EQ(check.at("state"), "failure");
    EXPECT_THAT(std::string(check.at("remedy").as_string()), HasSubstr("check that it runs"));
  }
  EXPECT_TRUE(found) << ended.out;
}

TEST_F(Doctor, NamesMistakesOfTheFile) {
  const Ended ended = terrace({"doctor", "--config", folder_.file("w.toml", "[caches.a]\nttl = 600\n")});
  EXPECT_EQ(ended.code, exit_failed);
  EXPECT_THAT(ended.out, HasSubstr("w.toml:2: caches.a.ttl: 600 has no unit"));
  EXPECT_THAT(ended.out, HasSubstr("Verdict: not ok: 1 failure"));
}

/// No program could open its caches.
TEST_F(Doctor, DoesNotCallAStackSoundThatIsRefused) {
  const std::string file = folder_.file(
      "stack.toml", "[tiers.r]\nurl = \"" + redis_.url() +
                        "\"\n[tiers.d]\nurl = \"sqlite:" + folder_.path("d.db") +
                        "\"\n[caches.u]\nttl = \"1h\"\ntiers = [\"d\", \"r\"]\nconsistency = \"strong\"\n");
  const Ended ended = terrace({"doctor", "--config", file});
  EXPECT_EQ(ended.code, exit_failed);
  EXPECT_THAT(ended.out, HasSubstr("stack.toml:8: caches.u.consistency: \"d\" (scope machine) lies above"));
  EXPECT_THAT(ended.out, HasSubstr("Verdict: not ok: 1 failure"));
  EXPECT_EQ(terrace({"config", "check", file}).code, exit_usage);
}

TEST_F(Doctor, ExaminesAServer) {
  Ended sound;
  // What it watches is connected a moment after it listens.
  testing::eventually([&] { return (sound = terrace(at_server({"doctor"}))).code == exit_ok; });
  EXPECT_EQ(sound.code, exit_ok) << sound.out;
  EXPECT_THAT(sound.out, ContainsRegex("ok +server: .* answers in .*, terrace [0-9]"));
  EXPECT_THAT(sound.out, ContainsRegex("ok +token: accepted"));
  EXPECT_THAT(sound.out, ContainsRegex("ok +cache users: healthy"));
  EXPECT_THAT(sound.out, HasSubstr("Verdict: ok\n"));
  const Ended without = terrace({"doctor", "--server", server()});
  EXPECT_EQ(without.code, exit_ok);
  EXPECT_THAT(without.out, ContainsRegex("warning +token: none was given"));
  const std::string wrong = folder_.file("wrong", "wrong-token-0123456789");
  const Ended refused = terrace({"doctor", "--server", server(), "--token-file", wrong});
  EXPECT_EQ(refused.code, exit_failed);
  EXPECT_THAT(refused.out, ContainsRegex("failure +token: the server rejects it"));
  EXPECT_THAT(refused.out, Not(HasSubstr("0123456789")));
  stop_server();
  const Ended away = terrace({"doctor", "--server", server()});
  EXPECT_EQ(away.code, exit_failed);
  EXPECT_THAT(away.out, HasSubstr("check that `terrace serve` runs there"));
}

/// A URL where none belongs: the mistake is told, and its password is not.
TEST(DoctorArguments, NoMessageRepeatsAPassword) {
  const std::vector<std::string> urls{
      "redis://app:q7Zk9Vw3Jx@127.0.0.1:1",
      "redis://app:q7Zk@9Vw3/Jx?#@127.0.0.1:1",
      "redis://app:q7Zk 9Vw3,Jx%40@127.0.0.1:1",
      "redis://:q7Zk://9Vw3@Jx@127.0.0.1:1",
      "replicated:redis://app:q7Zk9Vw3Jx@h,redis://app:9Vw3Jx@i?consistency=strong",
  };
  for (const std::string& url : urls) {
    const std::vector<std::vector<std::string>> commands{{"doctor", "--url", url},
                                                         {"doctor", "--url=" + url},
                                                         {"doctor", url},
                                                         {"doctor", "--config", url},
                                                         {"doctor", "--config", url, "--json"},
                                                         {"doctor", "--server", url},
                                                         {"config", "check", url},
                                                         {"config", "check", url, "--json"},
                                                         {"stats", "--config", url},
                                                         {"doctor", "--timeout", url},
                                                         {"serve", "--config", url},
                                                         {"replay", url},
                                                         {"replay", "trace", "--tier", url + "@"},
                                                         {"doctor", "--token-file", url},
                                                         {url}};
    for (const auto& command : commands) {
      const Ended ended = terrace(command);
      EXPECT_NE(ended.code, exit_ok) << ended.out;
      for (const char* part : {"q7Zk", "9Vw3", "Jx"})
        EXPECT_THAT(ended.out + ended.err, Not(HasSubstr(part))) << command[0] << " " << command.back();
    }
  }
  EXPECT_THAT(terrace({"doctor", "--url", urls[0]}).err, HasSubstr("redis://***@127.0.0.1:1"));
}

TEST(DoctorReasons, HealthBreakersAndAlertsComeWithARemedy) {
  const testing::HttpServer server([](std::size_t) { return 200U; }, {}, R"({"live": true, "version": "9",
    "caches": [{"name": "a", "issues": [{"kind": "gate_shut", "what": "the gate is shut"}]},
               {"name": "b", "levels": [{"name": "redis", "breaker_open": true}]},
               {"name": "c", "watching": false, "write_back": {"dead_letters": 3}}],
    "alerts": [{"rule": "cold", "cache": "a", "severity": "warning", "message": "m", "since": "s"}]})");
  const Ended ended = terrace({"doctor", "--server", server.url()});
  EXPECT_EQ(ended.code, exit_failed);
  EXPECT_THAT(ended.out, HasSubstr("failure  health: the gate is shut\n         remedy: the shared tier"));
  EXPECT_THAT(
      ended.out,
      HasSubstr("failure  cache b, level redis: circuit open\n         remedy: check that the server runs"));
  EXPECT_THAT(ended.out, HasSubstr("warning  cache c: is not notified"));
  EXPECT_THAT(ended.out, HasSubstr("warning  cache c: 3 writes failed for good"));
  EXPECT_THAT(ended.out, HasSubstr("warning  alert cold: fires for a since s: m"));
  EXPECT_THAT(ended.out, HasSubstr("Verdict: not ok: 2 failures, 3 warnings"));
}

}  // namespace
}  // namespace terrace::cli_test
