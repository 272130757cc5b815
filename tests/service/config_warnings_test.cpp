/// Warnings: what works and is probably not meant. Each appears where it should, and not beside it.

#include <gmock/gmock.h>
#include <sys/vfs.h>

#include <filesystem>

#include "service/config_fixture.hpp"
#include "support/child_process.hpp"

namespace terrace {
namespace {

using namespace service_test;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string ring = "[keys.k]\ntext = \"1 primary AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"\n";

struct Case {
  std::string name;
  std::string text;  ///< has the warning
  std::string mended;
  unsigned line;
  std::string where;
  std::string what;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

class Warning : public ::testing::TestWithParam<Case> {};

bool tells(const Config& config, const Case& one) {
  for (const ConfigFinding& finding : of_kind(config, ConfigFinding::Kind::warning)) {
    if (finding.line == one.line && finding.where == one.where &&
        finding.what.find(one.what) != std::string::npos)
      return true;
  }
  return false;
}

TEST_P(Warning, IsGivenUntilItIsMended) {
  const Config bad = checked(GetParam().text);
  EXPECT_TRUE(tells(bad, GetParam())) << lines(bad.findings());
  EXPECT_TRUE(bad.valid()) << lines(bad.findings());
  const Config good = checked(GetParam().mended);
  EXPECT_THAT(lines(good.findings()), Not(HasSubstr(GetParam().what)));
  EXPECT_TRUE(good.valid()) << lines(good.findings());
}

const std::string redis = "[tiers.r]\nurl = \"redis://127.0.0.1\"\n";
const std::string cache = redis + "[caches.a]\ntiers = [\"r\"]\n";  // line 5 follows
const std::string alert = "[[alerts]]\nname = \"x\"\nwhen = \"error_rate > 0.5\"\n";
const std::string long_token = "token = \"0123456789abcdef0123456789abcdef\"\n";

INSTANTIATE_TEST_SUITE_P(
    SetUps, Warning,
    ::testing::Values(
        Case{"no jitter", "[caches.a]\nttl = \"1m\"\nttl_jitter = 0\n", "[caches.a]\nttl = \"1m\"\n", 3,
             "caches.a.ttl_jitter", "expire together"},
        Case{"memory longer", "[caches.a]\nttl = \"1m\"\nmemory_ttl = \"2m\"\n",
             "[caches.a]\nttl = \"2m\"\nmemory_ttl = \"1m\"\n", 3, "caches.a.memory_ttl", "is above ttl"},
        Case{"memory longer than the default", "[defaults]\nttl = \"1m\"\n[caches.a]\nmemory_ttl = \"2m\"\n",
             "[defaults]\nttl = \"1m\"\n[caches.a]\nttl = \"1h\"\nmemory_ttl = \"2m\"\n", 4,
             "caches.a.memory_ttl", "is above ttl"},
        Case{"absence longer", "[caches.a]\nttl = \"1m\"\nnegative_ttl = \"2m\"\n",
             "[caches.a]\nttl = \"2m\"\nnegative_ttl = \"1m\"\n", 3, "caches.a.negative_ttl", "is above ttl"},
        Case{"for ever in Redis", cache, cache + "ttl = \"1h\"\n", 3, "caches.a.ttl",
             "until the server evicts"},
        Case{"A23 Redis not sealed", cache, cache + "key_ring = \"k\"\n" + ring, 3, "caches.a.key_ring",
             "anyone who can write to redis://"},
        Case{"A23 a file not sealed", "[caches.a]\ntiers = [\"sqlite:x.db\"]\n",
             "[caches.a]\ntiers = [\"sqlite:x.db\"]\nkey_ring = \"k\"\n" + ring, 1, "caches.a.key_ring",
             "anyone who can write to sqlite:x.db can forge values"},
        Case{"A23 a database not sealed", "[caches.a]\ntiers = [\"postgres:///x\"]\n",
             "[caches.a]\ntiers = [\"postgres:///x\"]\nkey_ring = \"k\"\n" + ring, 1, "caches.a.key_ring",
             "can forge values"},
        Case{"A23 postgres without a check of the certificate",
             "[tiers.r]\nurl = \"postgres://db.example/x?sslmode=require\"\n",
             "[tiers.r]\nurl = \"postgres://db.example/x?sslmode=verify-full\"\n", 2, "tiers.r.url",
             "its certificate is not checked"},
        Case{"a file beside Redis", redis + "[caches.a]\ntiers = [\"r\", \"sqlite:x.db\"]\n",
             redis + "[caches.a]\ntiers = [\"r\", \"sqlite:x.db?scope=fleet\"]\n", 4, "caches.a.tiers",
             "without grace no stale copy is served"},
        Case{"a file beside Redis, with grace",
             redis + "[caches.a]\ntiers = [\"r\", \"sqlite:x.db\"]\nttl = \"1m\"\ngrace = \"1h\"\n",
             "[caches.a]\ntiers = [\"sqlite:x.db\"]\nttl = \"1m\"\ngrace = \"1h\"\n", 4, "caches.a.tiers",
             "never a hit"},
        Case{"a file beside Redis, strong",
             redis + "[caches.a]\ntiers = [\"r\", \"sqlite:x.db\"]\nconsistency = \"strong\"\n",
             redis + "[caches.a]\ntiers = [\"r\"]\nconsistency = \"strong\"\n", 4, "caches.a.tiers",
             "it is never read"},
        Case{"a file of sharded ones beside PostgreSQL",
             "[caches.a]\ntiers = [\"sharded:sqlite:x.db,sqlite:y.db?scope=fleet\", \"postgres:///a\"]\n",
             "[caches.a]\ntiers = [\"sqlite:y.db?scope=fleet\", \"postgres:///a\"]\n", 2, "caches.a.tiers",
             "a file of this machine"},
        Case{"not encrypted", "[tiers.r]\nurl = \"redis://:x@cache.example\"\n",
             "[tiers.r]\nurl = \"rediss://:x@cache.example\"\n", 2, "tiers.r.url", "unencrypted"},
        Case{"cluster not encrypted", "[tiers.r]\nurl = \"redis-cluster://:x@a.example,b.example\"\n",
             "[tiers.r]\nurl = \"rediss-cluster://:x@a.example,b.example\"\n", 2, "tiers.r.url",
             "b.example:6379 is another machine, and values are sent there unencrypted"},
        Case{"no password", "[tiers.r]\nurl = \"rediss://cache.example\"\n",
             "[tiers.r]\nurl = \"rediss://:x@cache.example\"\n", 2, "tiers.r.url", "no password"},
        Case{"no password for a node",
             "[tiers.r]\nurl = \"sharded:rediss://:x@a.example,rediss://b.example\"\n",
             "[tiers.r]\nurl = \"sharded:rediss://:x@a.example,rediss://:x@b.example\"\n", 2, "tiers.r.url",
             "b.example:6379 is another machine, and the URL has no password"},
        Case{"postgres", "[tiers.r]\nurl = \"postgres://db.example/x\"\n",
             "[tiers.r]\nurl = \"postgres://db.example/x?sslmode=verify-full\"\n", 2, "tiers.r.url",
             "does not require TLS"},
        Case{"staleness alone", "[caches.a]\nmax_staleness = \"2s\"\n", cache + "max_staleness = \"2s\"\n", 2,
             "caches.a.max_staleness", "has no effect"},
        Case{"staleness of strong", cache + "consistency = \"strong\"\nmax_staleness = \"2s\"\n",
             cache + "consistency = \"eventual\"\nmax_staleness = \"2s\"\n", 6, "caches.a.max_staleness",
             "has no effect"},
        Case{"lease alone", "[caches.a]\nlease_time = \"2s\"\n", cache + "lease_time = \"2s\"\n", 2,
             "caches.a.lease_time", "has no effect"},
        Case{"strong alone", "[caches.a]\nconsistency = \"strong\"\n", cache + "consistency = \"strong\"\n",
             2, "caches.a.consistency", "without any tier"},
        Case{"unused tier", redis + "[caches.a]\n", cache, 1, "tiers.r", "no cache uses"},
        Case{"no caches", "", "[caches.a]\n", 0, "", "there are no caches"},
        Case{"alerts to nobody", alert + "[sinks]\nlog = false\n", alert + "[sinks]\n", 4, "sinks",
             "sent nowhere"},
        Case{"plain webhook", "[[sinks.webhooks]]\nurl = \"http://hooks.example/x\"\n",
             "[[sinks.webhooks]]\nurl = \"http://127.0.0.1:80/x\"\n", 2, "sinks.webhooks[0].url",
             "use https://"},
        Case{"no token", "[admin]\n", "[admin]\n" + long_token, 1, "admin.token", "are rejected"},
        Case{"plain admin",
             "[admin]\nlisten = \"[::]:0\"\nallow_plain_on_public_address = true\n" + long_token,
             "[admin]\nlisten = \"[::1]:0\"\nallow_plain_on_public_address = true\n" + long_token, 3,
             "admin.allow_plain_on_public_address", "unencrypted"}));

TEST(Warnings, OfAJournalInMemory) {
  struct statfs status {};
  ASSERT_EQ(::statfs("/dev/shm", &status), 0);
  ASSERT_EQ(status.f_type, 0x01021994) << "/dev/shm is no tmpfs here";
  const std::string text =
      "[caches.a]\ntiers = [\"sqlite:x.db\"]\nwrite_mode = \"back\"\nttl = "
      "\"1m\"\n[caches.a.write_back]\npath = \"";
  EXPECT_THAT(findings_of(text + "/dev/shm/journal\"\n"),
              HasSubstr("terrace.toml:6: warning: caches.a.write_back.path: is in memory (tmpfs)"));
  EXPECT_THAT(findings_of(text + "journal\"\n"), Not(HasSubstr("write_back")));
}

TEST(Warnings, A23_OfSecretsInAFileThatOthersMayRead) {
  const testing::TempDir place;
  const std::string file = place.file("terrace.toml"), secret = place.file("secret");
  write_file(secret, "a-password-of-16-characters");
  std::filesystem::permissions(secret, std::filesystem::perms::owner_read);
  const std::string from_file = "${file:" + secret + "}";
  const auto warned = [&](const std::string& text, std::filesystem::perms mode) {
    write_file(file, text);
    std::filesystem::permissions(file, mode);
    std::vector<std::string> paths;
    const Config config = Config::check(file);
    for (const ConfigFinding& finding : config.findings()) {
      EXPECT_THAT(finding.what, Not(HasSubstr("hunter2")));
      if (finding.what.find("has a secret in plain text") != std::string::npos)
        paths.push_back(finding.where);
    }
    return paths;
  };
  using enum std::filesystem::perms;
  const std::string literal =
      "[tiers.a]\nurl = \"redis://:hunter2@localhost\"\n[tiers.b]\nurl = \"postgres:///x?password=hunter2\"\n"
      "[tiers.c]\nurl = \"sharded:redis://one,redis://app:hunter2@two\"\n" +
      ring + "[admin]\ntoken = \"hunter2-hunter2-hunter2\"\n";
  const std::vector<std::string> secrets{"tiers.a.url", "tiers.b.url", "tiers.c.url", "keys.k.text",
                                         "admin.token"};
  EXPECT_EQ(warned(literal, owner_read | others_read), secrets);
  EXPECT_EQ(warned(literal, owner_read | group_read), secrets);
  EXPECT_EQ(warned(literal, owner_read | owner_write), std::vector<std::string>());
  EXPECT_EQ(warned("[tiers.a]\nurl = \"redis://:" + from_file +
                       "@localhost\"\n[tiers.b]\nurl = \"redis://[::1]:7000\"\n" +
                       "[tiers.c]\nurl = \"redis://app@localhost\"\n[admin]\ntoken = \"" + from_file + "\"\n",
                   owner_read | others_read),
            std::vector<std::string>());
}

TEST(Warnings, OfAServerElsewhereAreNotForASocketOrThisMachine) {
  for (const char* url :
       {"unix:///run/redis.sock", "redis://localhost", "redis://127.0.0.2:7000", "redis://[::1]"}) {
    const std::string found =
        findings_of(std::string("[tiers.r]\nurl = \"") + url + "\"\n[caches.a]\ntiers = [\"r\"]\n");
    EXPECT_THAT(found, Not(HasSubstr("another machine"))) << url;
  }
}

TEST(Warnings, AreNotGivenForWhatIsBroken) {
  const std::string found =
      findings_of(redis + "[caches.a]\ntiers = [\"r\", \"x\"]\nttl = 5\nmax_staleness = \"1s\"\n");
  EXPECT_THAT(found, Not(HasSubstr("caches.a.ttl: is not set")));
  EXPECT_THAT(found, Not(HasSubstr("has no effect")));
}

}  // namespace
}  // namespace terrace
