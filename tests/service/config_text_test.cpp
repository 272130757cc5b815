/// What stands for something else in strings: environment variables and secret files. And what the keys come
/// to.

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <terrace/key_ring.hpp>

#include "service/config_fixture.hpp"
#include "support/child_process.hpp"

namespace terrace {
namespace {

using namespace service_test;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

std::string url_of(const std::string& written, const Variables& variables = {}) {
  const Config config = checked("[tiers.r]\nurl = '" + written + "'\n", variables);
  EXPECT_TRUE(config.valid()) << lines(config.findings());
  return config.tiers().at(0).url;
}

TEST(ConfigText, VariablesStandForTheirValues) {
  EXPECT_EQ(url_of("redis://${HOST}:${PORT}", {{"HOST", "h"}, {"PORT", "1"}}), "redis://h:1");
  EXPECT_EQ(url_of("redis://${HOST:-local}", {}), "redis://local");
  EXPECT_EQ(url_of("redis://${HOST:-local}", {{"HOST", ""}}), "redis://local");
  EXPECT_EQ(url_of("redis://${HOST:-local}", {{"HOST", "h"}}), "redis://h");
  EXPECT_EQ(url_of("${URL}", {{"URL", "redis://u:p%40@h"}}), "redis://u:p%40@h");
}

TEST(ConfigText, UserAndPasswordOfAUrlAreEncoded) {
  const Variables variables{{"U", "a/b"}, {"P", "p@s:s,[?#%"}, {"H", "h:7000"}};
  EXPECT_EQ(url_of("redis://${U}:${P}@${H}/2", variables), "redis://a%2Fb:p%40s%3As%2C%5B%3F%23%25@h:7000/2");
  EXPECT_EQ(url_of("sharded:redis://:${P}@a,redis://:x${P}y@b", variables),
            "sharded:redis://:p%40s%3As%2C%5B%3F%23%25@a,redis://:xp%40s%3As%2C%5B%3F%23%25y@b");
  EXPECT_EQ(url_of("sharded:redis://${H},redis://:x@b", variables), "sharded:redis://h:7000,redis://:x@b");
}

TEST(ConfigText, ElsewhereNothingIsEncoded) {
  const Config config =
      checked("[tiers.t]\nurl = \"redis://h\"\nkey_prefix = \"${T}://@x\"\n", {{"T", "a@b/c d"}});
  EXPECT_EQ(config.tiers()[0].key_prefix, "a@b/c d://@x");
}

TEST(ConfigText, DollarsCanBeWritten) {
  const Config config =
      checked("[tiers.t]\nurl = \"redis://h\"\nkey_prefix = \"$${HOME} costs 5$ or $$5\"\n");
  EXPECT_EQ(config.tiers()[0].key_prefix, "${HOME} costs 5$ or $$5");
}

TEST(ConfigText, VariablesStandForNumbersToo) {
  const std::string text =
      "[caches.a]\nmax_entries = \"${N:-500}\"\nttl_jitter = \"${J:-0.2}\"\nttl = \"${T:-5}m\"\n[sinks]\nlog "
      "= \"${L:-false}\"\n";
  const Config config = checked(text);
  ASSERT_TRUE(config.valid()) << lines(config.findings());
  EXPECT_EQ(config.caches()[0].options.max_entries, 500U);
  EXPECT_EQ(config.caches()[0].options.ttl_jitter, 0.2);
  EXPECT_EQ(config.caches()[0].options.ttl, 5min);
  EXPECT_FALSE(config.sinks().log);
  EXPECT_THAT(
      findings_of(text, {{"N", "many"}, {"J", "x"}, {"L", "perhaps"}}),
      HasSubstr("terrace.toml:2: mistake: caches.a.max_entries: the substituted text is not a whole number"));
}

class SecretFile : public ::testing::Test {
 protected:
  std::string file(const std::string& text, mode_t mode = 0600) const {
    const std::string path = place_.file("secret");
    write_file(path, text);
    ::chmod(path.c_str(), mode);
    return path;
  }
  static std::string token(const Config& config) { return config.admin() ? config.admin()->token : ""; }

  testing::TempDir place_;
};

TEST_F(SecretFile, StandsForItsContent) {
  const Config config =
      checked("[admin]\ntoken = \"${file:" + file("0123456789abcdef\r\n") + "}\"\n[caches.a]\n");
  EXPECT_EQ(lines(config.findings()), "");
  EXPECT_EQ(token(config), "0123456789abcdef");
}

TEST_F(SecretFile, ThatOthersMayReadIsWarnedOf) {
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U}) {
    const std::string path = file("0123456789abcdef", mode);
    EXPECT_EQ(findings_of("[admin]\ntoken = \"${file:" + path + "}\"\n[caches.a]\n"),
              "terrace.toml:2: warning: admin.token: others may read or write the secret file \"" + path +
                  "\"; run `chmod 600` on it\n");
  }
}

TEST_F(SecretFile, ThatHasNoSecretIsRefused) {
  EXPECT_THAT(findings_of("[admin]\ntoken = \"${file:" + file("\n") + "}\"\n"), HasSubstr("is empty"));
  EXPECT_THAT(findings_of("[admin]\ntoken = \"${file:" + file(std::string(70'000, 'x')) + "}\"\n"),
              HasSubstr("is larger than 64 KiB"));
  EXPECT_THAT(findings_of("[admin]\ntoken = \"${file:}\"\n"), HasSubstr("is not a valid path"));
  EXPECT_THAT(findings_of("[admin]\ntoken = \"${file:" + place_.path().string() + "}\"\n"),
              HasSubstr("is not a regular file"));
}

TEST_F(SecretFile, HoldsKeyRings) {
  const std::string ring = generate_key_ring();
  const std::string cache =
      "[caches.a]\nttl = \"1m\"\ntiers = [\"redis://127.0.0.1\"]\nkey_ring = \"main\"\n";
  const Config from_file = checked("[keys.main]\nfile = \"" + file(ring) + "\"\n" + cache);
  const Config from_text = checked("[keys.main]\ntext = \"${RING}\"\n" + cache, {{"RING", ring}});
  for (const Config& config : {from_file, from_text}) {
    EXPECT_EQ(lines(config.findings()), "");
    EXPECT_EQ(config.caches()[0].key_ring, "main");
    EXPECT_NE(config.caches()[0].options.key_ring, nullptr);
  }
  EXPECT_THAT(findings_of("[keys.main]\nfile = \"" + file(ring, 0644) + "\"\n" + cache),
              HasSubstr("terrace.toml:1: mistake: keys.main.file: key file"));
}

TEST(FormerName, IsTakenWithAWarning) {
  const std::map<std::string, std::string> environment{{"RING", generate_key_ring()}};
  const std::string ring = "[keys.main]\ntext = \"${RING}\"\n";
  const Config cache = checked(ring + "[caches.a]\nkeys = \"main\"\n", environment);
  EXPECT_EQ(
      lines(cache.findings()),
      "terrace.toml:4: warning: caches.a.keys: is the former name of key_ring; write key_ring = … instead\n");
  EXPECT_NE(cache.caches()[0].options.key_ring, nullptr);
  const Config defaults =
      checked(ring + "[defaults]\nkeys = \"main\"\n[caches.a]\n[caches.b]\n", environment);
  EXPECT_EQ(
      lines(defaults.findings()),
      "terrace.toml:4: warning: defaults.keys: is the former name of key_ring; write key_ring = … instead\n");
  for (const CacheConfig& one : defaults.caches()) EXPECT_NE(one.options.key_ring, nullptr);
  const Config both = checked(ring + "[caches.a]\nkeys = \"main\"\nkey_ring = \"main\"\n", environment);
  EXPECT_EQ(lines(both.findings()),
            "terrace.toml:4: mistake: caches.a.keys: is the former name of key_ring, which is given as well; "
            "remove it\n");
}

TEST(ConfigValues, AreThoseOfTheFile) {
  const Config config = checked(
      "[runtime]\nworkers = 7\n[defaults]\nttl = \"10m\"\ntiers = [\"sqlite:a.db\"]\n"
      "[caches.a]\nttl = \"none\"\nmax_bytes = \"1.5MiB\"\neviction = \"lfu\"\ncompress_above = 0\n"
      "[caches.b]\ntiers = []\nsoft_load_timeout = \"250ms\"\nconsistency = \"strong\"\nwrite_mode = "
      "\"around\"\n"
      "[monitor]\nwindow = \"2m\"\n[monitor.limits]\nmin_requests = 9\n"
      "[[alerts]]\nname = \"cold\"\nwhen = \"hit_rate < 0.5\"\nfor = \"5m\"\nseverity = \"critical\"\ncache "
      "= \"b\"\n"
      "[[sinks.webhooks]]\nurl = \"https://u:p@hooks.example/x\"\n[sinks.webhooks.headers]\nX-Key = \"k\"\n"
      "[admin]\nlisten = \"localhost:0\"\n");
  ASSERT_TRUE(config.valid()) << lines(config.findings());
  EXPECT_EQ(config.runtime().workers, 7U);
  EXPECT_EQ(config.cache_names(), (std::vector<std::string>{"a", "b"}));
  const CacheConfig &a = config.caches()[0], &b = config.caches()[1];
  EXPECT_EQ(a.options.name, "a");
  EXPECT_EQ(a.options.ttl, std::nullopt);
  EXPECT_EQ(a.options.max_bytes, 3U << 19U);
  EXPECT_EQ(a.options.eviction, Eviction::lfu);
  EXPECT_EQ(a.options.compress_above, 0U);
  EXPECT_EQ(a.tiers, std::vector<std::string>{"sqlite:a.db"});
  EXPECT_EQ(b.options.ttl, 10min);
  EXPECT_TRUE(b.tiers.empty());
  EXPECT_EQ(b.options.soft_load_timeout, 250ms);
  EXPECT_EQ(b.options.consistency, Consistency::strong);
  EXPECT_EQ(b.options.write_mode, WriteMode::around);
  EXPECT_EQ(config.monitor().window, 2min);
  EXPECT_EQ(config.monitor().limits.min_requests, 9U);
  ASSERT_EQ(config.alerts().size(), 1U);
  EXPECT_EQ(config.alerts()[0].lasting, 5min);
  EXPECT_EQ(config.alerts()[0].cache, "b");
  ASSERT_EQ(config.sinks().webhooks.size(), 1U);
  EXPECT_EQ(config.sinks().webhooks[0].headers.at(0), (std::pair<std::string, std::string>("X-Key", "k")));
  EXPECT_EQ(config.admin()->listen, "localhost:0");
}

}  // namespace
}  // namespace terrace
