/// Mistakes: each with its line, its path, what is wrong and the remedy.

#include <gmock/gmock.h>

#include "service/config_fixture.hpp"

namespace terrace {
namespace {

using namespace service_test;
using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  std::string text;
  unsigned line;
  std::string where;
  std::string what;  ///< part of it
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.text;
}

class Mistake : public ::testing::TestWithParam<Case> {};

TEST_P(Mistake, IsFoundAtItsLine) {
  const Config config = checked(GetParam().text);
  const auto mistakes = of_kind(config, ConfigFinding::Kind::mistake);
  ASSERT_EQ(mistakes.size(), 1U) << lines(mistakes);
  EXPECT_EQ(mistakes[0].line, GetParam().line);
  EXPECT_EQ(mistakes[0].where, GetParam().where);
  EXPECT_THAT(mistakes[0].what, HasSubstr(GetParam().what));
  EXPECT_FALSE(config.valid());
}

const std::string redis = "[tiers.r]\nurl = \"redis://127.0.0.1\"\n";

INSTANTIATE_TEST_SUITE_P(
    Values, Mistake,
    ::testing::Values(
        // Syntax.
        Case{"a = \n", 1, "", "syntax, at column"},
        Case{"\n[a]\n[a]\n", 3, "", "cannot redefine existing table 'a'"},
        Case{"\nx = [1,\n", 2, "", "end-of-file"},
        Case{"[caches.a]\nttl = \"1m\"\nttl = \"1m\"\n", 3, "", "redefine"},
        // Unknown keys.
        Case{"[cachs.a]\n", 1, "cachs", "did you mean caches?"},
        Case{"[caches.a]\n\nmax_entrys = 3\n", 3, "caches.a.max_entrys", "did you mean max_entries?"},
        Case{"[caches.a]\ncolour = 3\n", 2, "caches.a.colour",
             "the keys here are memory_level, max_entries, max_bytes"},
        Case{"[caches.a]\nname = \"b\"\n", 2, "caches.a.name", "[caches.NAME]"},
        Case{"[caches.a]\nwriter = \"b\"\n", 2, "caches.a.writer", "only be set in code"},
        Case{"[caches.a.write_back]\npth = \"b\"\n", 2, "caches.a.write_back.pth", "did you mean path?"},
        Case{"[defaults]\ntttl = \"1m\"\n[caches.a]\n[caches.b]\n", 2, "defaults.tttl", "did you mean ttl?"},
        Case{"[[alerts]]\nname = \"x\"\nwhen = \"closed\"\nlasting = \"1m\"\n", 4, "alerts[0].lasting",
             "its name is for"},
        // Types.
        Case{"caches = 3\n", 1, "caches", "is a whole number; write tables: [caches.NAME]"},
        Case{"[caches]\na = 3\n", 2, "caches.a", "write a table for each: [caches.NAME]"},
        Case{"[caches.a]\nttl = 600\n", 2, "caches.a.ttl", "600 has no unit; write a number and"},
        Case{"[caches.a]\nttl = \"10 minutes\"\n", 2, "caches.a.ttl", "\"10 minutes\" is not a duration"},
        Case{"[caches.a]\nttl = \"-1s\"\n", 2, "caches.a.ttl", "is not a duration"},
        Case{"[caches.a]\nttl = \"101d1\"\n", 2, "caches.a.ttl", "is not a duration"},
        Case{"[caches.a]\nttl = \"40000d\"\n", 2, "caches.a.ttl", "is too long"},
        Case{"[caches.a]\nttl = 07:32:00\n", 2, "caches.a.ttl", "is a date or time"},
        Case{"[caches.a]\nmax_entries = \"many\"\n", 2, "caches.a.max_entries",
             "is a string; write a whole number"},
        Case{"[caches.a]\nmax_entries = 1.5\n", 2, "caches.a.max_entries",
             "is a number; write a whole number"},
        Case{"[caches.a]\nmax_entries = -1\n", 2, "caches.a.max_entries", "-1 is not a whole number from 0"},
        Case{"[caches.a]\nmax_bytes = \"64 MB\"\n", 2, "caches.a.max_bytes", "is not a size"},
        Case{"[caches.a]\nmax_bytes = -1\n", 2, "caches.a.max_bytes", "-1 is below 0"},
        Case{"[caches.a]\nttl_jitter = \"0.1\"\n", 2, "caches.a.ttl_jitter", "is a string; write a number"},
        Case{"[caches.a]\nttl_jitter = nan\n", 2, "caches.a.ttl_jitter", "write a number"},
        Case{"[sinks]\nlog = \"yes\"\n", 2, "sinks.log", "is a string; write true or false"},
        Case{"[caches.a]\neviction = \"lruu\"\n", 2, "caches.a.eviction", "did you mean lru?"},
        Case{"[caches.a]\nconsistency = true\n", 2, "caches.a.consistency", "write one of \"weak\""},
        Case{"[caches.a]\ntiers = \"r\"\n", 2, "caches.a.tiers", "write an array of strings"},
        Case{"[caches.a]\ntiers = [\n\n3]\n", 4, "caches.a.tiers[0]", "is a whole number"},
        Case{"alerts = [1]\n", 1, "alerts", "write tables: [[alerts]]"},
        Case{"[tiers.r]\nurl = { file = \"x\" }\n", 2, "tiers.r.url", "is a table; write a string"},
        // Ranges, as CacheOptions and the tiers have them.
        Case{"[runtime]\nworkers = 0\n", 2, "runtime.workers", "give 1 or more"},
        Case{"[runtime]\nworkers = 5_000_000_000\n", 2, "runtime.workers", "from 0 to 4294967295"},
        Case{"[caches.a]\nttl_jitter = 0.6\n", 2, "caches.a.ttl_jitter", "between 0 and 0.5"},
        Case{"[caches.a]\nttl = \"0s\"\n", 2, "caches.a.ttl", "is not above 0"},
        Case{"[caches.a]\ngrace = \"1h\"\n", 2, "caches.a.grace", "grace is set without ttl"},
        Case{"[caches.a]\nmax_entries = 0\n", 2, "caches.a.max_entries", "both 0"},
        Case{"[caches.a]\nmax_staleness = \"1ms\"\n", 2, "caches.a.max_staleness", "between 10 ms and 1 h"},
        Case{"[caches.a]\nload_timeout = \"1s\"\nsoft_load_timeout = \"2s\"\n", 3,
             "caches.a.soft_load_timeout", "below"},
        Case{"\n[caches.\"a b\"]\n", 2, "caches.\"a b\"", "1 to 64 of"},
        Case{"[caches.a]\nmax_value_bytes = 0\n", 2, "caches.a.max_value_bytes", "no value could be stored"},
        Case{"[caches.a]\ntiers = [\"sqlite:x.db\"]\nwrite_mode = \"back\"\n", 1, "caches.a.write_back.path",
             "is empty"},
        Case{"[caches.a]\nwrite_mode = \"back\"\nwrite_back = { path = \"j\" }\n", 2, "caches.a.write_mode",
             "there is no tier to write to"},
        Case{"[caches.a]\nwrite_back = { path = \"j\" }\n", 2, "caches.a.write_back.path",
             "is for write_mode \"back\""},
        Case{"[caches.a]\ntiers = [\"sqlite:x.db\"]\nwrite_mode = \"back\"\n[caches.a.write_back]\npath = "
             "\"j\"\n"
             "max_batch = 0\n",
             6, "caches.a.write_back.max_batch", "at least 1"},
        // Tiers and keys.
        Case{"[tiers.r]\n", 1, "tiers.r.url", "is missing"},
        Case{"[tiers.r]\nurl = \"redi://x\"\n", 2, "tiers.r.url", "the scheme \"redi\" is unknown"},
        Case{"[tiers.r]\nurl = \"sqlite:/no/where/x.db\"\n", 2, "tiers.r.url", "the directory /no/where"},
        Case{"[tiers.r]\nurl = \"redis://a\"\nkey_prefix = \"~lease:\"\n", 2, "tiers.r.url",
             "key_prefix begins with"},
        Case{"[tiers.r]\nurl = "
             "\"replicated:redis://a,redis://b?consistency=strong&read_quorum=1&write_quorum=1\"\n",
             2, "tiers.r.url", "must be more than copies"},
        Case{"[tiers.r]\nurl = \"replicated:redis://a,redis://b?copies=3\"\n", 2, "tiers.r.url",
             "only 2 nodes"},
        Case{"[tiers.r]\nurl = \"postgres://h/db?no_such_thing=1\"\n", 2, "tiers.r.url",
             "url cannot be read"},
        Case{"[tiers.\"r:1\"]\nurl = \"redis://a\"\n", 1, "tiers.\"r:1\"", "is no name for a tier"},
        Case{redis + "[caches.a]\ntiers = [\"s\"]\n", 4, "caches.a.tiers[0]",
             "there is no tier of that name"},
        Case{"[tiers.disk]\nurl = \"sqlite:x.db\"\n[caches.a]\ntiers = [\"disc\"]\n", 4, "caches.a.tiers[0]",
             "did you mean disk?"},
        Case{redis + "[caches.a]\ntiers = [\"r\", \"r\"]\n", 4, "caches.a.tiers[1]", "given twice"},
        Case{"[caches.a]\ntiers = [\"sqlit:x.db\"]\n", 2, "caches.a.tiers[0]", "there is no scheme"},
        Case{"[caches.a]\nkey_ring = \"main\"\n", 2, "caches.a.key_ring", "there is no key ring \"main\""},
        Case{"[keys.main]\nfile = \"/no/such/keys\"\n", 1, "keys.main.file", "cannot be read"},
        Case{"[keys.main]\ntext = \"1 primary x\"\n", 1, "keys.main.text", "terrace keys generate"},
        Case{"[keys.main]\n", 1, "keys.main.file", "needs exactly one of file"},
        // Texts.
        Case{"[tiers.r]\nurl = \"redis://${HOST}\"\n", 2, "tiers.r.url", "variable HOST is not set"},
        Case{"[tiers.r]\nurl = \"redis://${HOST\"\n", 2, "tiers.r.url", "not closed by }"},
        Case{"[tiers.r]\nurl = \"redis://${HO ST}\"\n", 2, "tiers.r.url", "is none of NAME"},
        Case{"[tiers.r]\nurl = \"redis://:${file:/no/such/file}@h\"\n", 2, "tiers.r.url",
             "the secret file \"/no/such/file\" cannot be read"},
        Case{"[tiers.r]\nurl = \"redis://:${file:/tmp}@h\"\n", 2, "tiers.r.url", "is not a regular file"},
        // What watches and serves.
        Case{"[monitor]\ninterval = \"0\"\n", 2, "monitor.interval", "0"},
        Case{"[monitor]\nwindow = \"1s\"\n", 2, "monitor.window", "interval"},
        Case{"[monitor.limits]\nmin_hit_rate = 50\n", 2, "monitor.limits.min_hit_rate", "0"},
        Case{"[[alerts]]\nwhen = \"hit_rate < 0.5\"\n", 1, "alerts[0].name", "name"},
        Case{"[[alerts]]\nname = \"x\"\n", 1, "alerts[0].when", "is missing"},
        Case{"[[alerts]]\nname = \"x\"\nwhen = \"stale > 1\"\n[[alerts]]\nname = \"x\"\nwhen = \"stale > "
             "1\"\n",
             5, "alerts[1].name", "another alert has this name"},
        Case{"[caches.users]\n[[alerts]]\nname = \"x\"\nwhen = \"stale > 1\"\ncache = \"user\"\n", 5,
             "alerts[0].cache", "did you mean users?"},
        Case{"[[alerts]]\nname = \"x\"\nwhen = \"hitrate < 0.5\"\n", 3, "alerts[0].when",
             "did you mean hit_rate?"},
        Case{"[[alerts]]\nname = \"x y\"\nwhen = \"closed\"\n", 2, "alerts[0].name", "1 to 64 of"},
        Case{"[[alerts]]\nname = \"x\"\nwhen = \"closed\"\nrepeat = \"0\"\n", 4, "alerts[0].repeat",
             "is not above 0"},
        Case{"[[sinks.webhooks]]\nurl = \"https://h\"\nattempts = 0\n", 3, "sinks.webhooks[0].attempts",
             "nothing would"},
        Case{"[[sinks.webhooks]]\nurl = \"example.org\"\n", 2, "sinks.webhooks[0].url", "http"},
        Case{"[admin]\nlisten = \"9390\"\n", 2, "admin.listen", "has no host or no port"},
        Case{"[admin]\nlisten = \"127.0.0.1:99999\"\n", 2, "admin.listen", "no port from 0 to 65535"},
        Case{"[admin]\ntoken = \"abc\"\n", 2, "admin.token", "too short"},
        Case{"[admin]\ntoken = \"0123456789 abcdef\"\n", 2, "admin.token", "has blanks"},
        Case{"[admin]\nrequest_timeout = \"1ms\"\n", 2, "admin.request_timeout", "from 100 ms to 1 h"},
        Case{"[caches.a]\ntiers = [\"redis://:x@h\"]\n[caches.b]\ntiers = [\"redis://:y@h\"]\n", 4,
             "caches.b.tiers[0]", "same store as the URL in line 2"},
        Case{"[admin]\nlisten = \"0.0.0.0:9390\"\n", 2, "admin.listen", "allow_plain_on_public_address"},
        Case{"[admin]\ntls_key = \"/etc/passwd\"\n", 1, "admin.tls_certificate", "needs both"}));

TEST(Mistakes, AreAllFoundAtOnce) {
  const Config config = checked(
      "[caches.a]\n"
      "ttl_jitter = 2\n"
      "lease_time = \"1ms\"\n"
      "eager_refresh = 1.5\n"
      "max_concurrent_loads = 0\n"
      "mx_bytes = 1\n"
      "write_mode = \"back\"\n"
      "tiers = [\"sqlite:x.db\"]\n"
      "max_value_bytes = 0\n"
      "[tiers.x]\n"
      "url = \"y\"\n");
  std::vector<unsigned> at;
  for (const ConfigFinding& finding : of_kind(config, ConfigFinding::Kind::mistake))
    at.push_back(finding.line);
  EXPECT_EQ(at, (std::vector<unsigned>{1, 2, 3, 4, 5, 6, 9, 11})) << lines(config.findings());
}

TEST(Mistakes, AreAllInTheError) {
  try {
    static_cast<void>(Config::parse("[caches.a]\nttl_jitter = 2\nmx_bytes = 1\n", source()));
    FAIL() << "no ConfigError";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("terrace.toml:2: mistake: caches.a.ttl_jitter: "));
    EXPECT_THAT(error.what(), HasSubstr("\nterrace.toml:3: mistake: caches.a.mx_bytes: "));
  }
}

TEST(Mistakes, OfDefaultsAreToldOnce) {
  const std::string found = findings_of("[defaults]\nttl_jitter = 2\n[caches.a]\n[caches.b]\n");
  EXPECT_THAT(found, HasSubstr("terrace.toml:2: mistake: defaults.ttl_jitter"));
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 1) << found;
}

/// What the cache itself would refuse is found before, with its line.
TEST(Mistakes, AStackThatCannotKeepWhatTheOptionsPromise) {
  const std::string tiers = redis + "[tiers.d]\nurl = \"sqlite:x.db\"\n[caches.a]\nttl = \"1h\"\n";
  const std::string strong = "consistency = \"strong\"\n";
  const std::string back = "write_mode = \"back\"\nwrite_back = {path = \"j\"}\n";
  const auto mistakes = [&](const std::string& rest) {
    return lines(of_kind(checked(tiers + rest), ConfigFinding::Kind::mistake));
  };
  EXPECT_EQ(
      mistakes("tiers = [\"d\", \"r\"]\n" + strong),
      "terrace.toml:8: mistake: caches.a.consistency: \"d\" (scope machine) lies above a level that all "
      "processes share, and consistency is strong: changes of other processes there do not reach it; "
      "put it below, leave it out, or use \"eventual\"\n");
  EXPECT_EQ(mistakes("tiers = [\"r\", \"d\"]\n" + back),
            "terrace.toml:8: mistake: caches.a.write_mode: write_mode is \"back\", and writes go to the "
            "lowest level, \"d\", whose scope is machine: other processes would not find them there; make a "
            "level that all share the lowest\n");
  EXPECT_THAT(mistakes("tiers = [\"sqlite:y.db\", \"r\"]\n" + strong), HasSubstr("terrace.toml:8: mistake"));
  const std::vector<std::string> sound{
      "tiers = [\"r\", \"d\"]\n" + strong, "tiers = [\"d\", \"r\"]\n",
      "tiers = [\"d\"]\n" + strong,        "tiers = [\"d\"]\n" + back,
      "tiers = [\"d\", \"r\"]\n" + back,   "tiers = [\"sqlite:y.db?scope=fleet\", \"r\"]\n" + strong,
  };
  for (const std::string& rest : sound) EXPECT_EQ(mistakes(rest), "") << rest;
}

TEST(Mistakes, AJournalOfTwoCachesIsOne) {
  const std::string found = findings_of(
      "[defaults]\ntiers = [\"sqlite:x.db\"]\nwrite_mode = \"back\"\n"
      "[caches.a.write_back]\npath = \"./j\"\n[caches.b.write_back]\npath = \"k/../j\"\n");
  EXPECT_THAT(found,
              HasSubstr("terrace.toml:7: mistake: caches.b.write_back.path: is also the journal of cache a"));
}

TEST(Mistakes, ShowNoSecret) {
  const std::string secret = "q7Zk9Vw3Jx";
  const Variables variables{{"S", secret}};
  const std::vector<std::string> texts{
      "[admin]\ntoken = " + secret + "\n",
      "[admin]\ntoken = '" + secret + "\n",
      "[admin]\ntoken = \"" + secret + "\" " + secret + "\n",
      "[admin]\ntoken = t" + secret + "\n",
      "[admin]\ntoken = \"\\" + secret + "\"\n",
      "[admin]\ntoken = [\"" + secret + "\"]\n",
      "[admin]\ntokn = \"" + secret + "\"\n",
      "[admin]\nlisten = \"127.0.0.1:1\"\ntoken = \"${S\"\n",
      "[tiers.r]\nurl = \"redis://:${S}\"\n",
      "[tiers.r]\nurl = \"redis://:${S}@h:port\"\n",
      "[tiers.r]\nurl = \"redis://:${S}@h,redis://:${S}@i\"\n",
      "[tiers.r]\nurl = \"${S}\"\n",
      "[tiers.r]\nurl = \"redis://:" + secret + "@@h\"\n",
      "[tiers.r]\nurl = \"postgres://u:${S}@h:port/x?what=1\"\n",
      "[caches.a]\ntiers = [\"${S}\"]\n",
      "[caches.a]\nttl = \"${S}\"\nmax_bytes = \"${S}\"\nmax_entries = \"${S}\"\nttl_jitter = "
      "\"${S}\"\neviction = \"${S}\"\n",
      "[keys.a]\ntext = \"1 primary ${S}\"\n",
      "[keys.a]\ntext = \"" + secret + "\"\n",
      "[[sinks.webhooks]]\nurl = \"${S}\"\n",
      "[[alerts]]\nname = \"${S} x\"\nwhen = \"${S} > 1\"\ncache = \"${S}\"\n",
      "[admin]\nlisten = \"${S}\"\ntls_key = \"/${S}\"\n",
      "[caches.a]\nkey_ring = \"${S}\"\n",
      "[admin]\nlisten = \"redis://app:" + secret + "@h\"\n",
      "[admin]\nlisten = \"app:a/" + secret + "@h:port\"\n",
      "[[sinks.webhooks]]\nurl = \"https://h/${S}\"\ntimeout = \"0\"\nattempts = "
      "0\n[sinks.webhooks.headers]\nA = \"${S}\"\n",
  };
  for (const std::string& text : texts) {
    const std::string found = findings_of(text, variables);
    EXPECT_NE(found, "") << text;
    for (std::size_t i = 0; i + 4 <= secret.size(); ++i)
      EXPECT_THAT(found, Not(HasSubstr(secret.substr(i, 4)))) << text;
  }
}

TEST(Mistakes, EndWhereNoConfigurationIs) {
  EXPECT_THAT(findings_of(std::string(2 << 20, '#')), HasSubstr("larger than 1 MiB"));
  std::string deep = "\n[a";
  for (int i = 0; i < 300'000; ++i) deep += ".a";
  EXPECT_THAT(findings_of(deep + "]"), HasSubstr("terrace.toml:2: mistake: syntax: keys are nested"));
  EXPECT_THAT(findings_of("x = " + std::string(100'000, '[')), HasSubstr("syntax"));
  EXPECT_THAT(lines(Config::check("/no/such/file").findings()),
              HasSubstr("mistake: cannot be read: No such file"));
  EXPECT_THAT(lines(Config::check("/tmp").findings()), HasSubstr("mistake: cannot be read: Is a directory"));
}

}  // namespace
}  // namespace terrace
