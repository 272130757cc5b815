/// Caches: what a configuration comes to, over a real Redis and SQLite.

#include <gmock/gmock.h>

#include <terrace/caches.hpp>
#include <terrace/document.hpp>
#include <terrace/key_ring.hpp>

#include "service/config_fixture.hpp"
#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace service_test;
using ::testing::HasSubstr;

struct User {
  std::int64_t id;
  std::string name;
  bool operator==(const User&) const = default;
};

class ConfigCaches : public ::testing::Test {
 protected:
  ConfigCaches() {
    if (!testing::RedisServer::available())
      throw std::runtime_error("there is no redis-server on this machine");
    server_ = std::make_unique<testing::RedisServer>(testing::RedisServerOptions{.password = "s:3@cret"});
  }

  /// Everything over one Redis and one file.
  [[nodiscard]] std::string text() const {
    return "[tiers.redis]\nurl = \"redis://:${PASSWORD}@127.0.0.1:" + std::to_string(server_->port()) +
           "\"\nkey_prefix = \"app:\"\n[tiers.disk]\nurl = \"sqlite:" + place_.file("x.db") +
           "?scope=fleet\"\n[keys.main]\ntext = \"${RING}\"\n[defaults]\nttl = \"10m\"\n"
           "[caches.users]\ntiers = [\"redis\", \"disk\"]\nkey_ring = \"main\"\n"
           "[caches.pages]\ntiers = [\"redis\"]\nmax_entries = 100\n"
           "[caches.notes]\ntiers = [\"disk\"]\nwrite_mode = \"back\"\n[caches.notes.write_back]\npath = \"" +
           place_.file("journal") + "\"\n";
  }
  [[nodiscard]] std::unique_ptr<Caches> open() const {
    return Caches::open(Config::parse(text(), source({{"PASSWORD", "s:3@cret"}, {"RING", ring_}})));
  }

  const std::string ring_ = generate_key_ring();
  const testing::TempDir place_;
  std::unique_ptr<testing::RedisServer> server_;
};

template <class T>
void expect_hit(Cache<T>& cache, const std::string& key, const T& value) {
  Lookup<T> found;
  // A tier that has just been opened may still be connecting.
  EXPECT_TRUE(testing::eventually([&] {
    found = cache.lookup(key);
    return found.kind == LookupKind::hit;
  })) << found.error.message();
  EXPECT_EQ(found.value, value);
}

TEST_F(ConfigCaches, OneReadsWhatTheOtherWrote) {
  {
    const auto writing = open();
    ASSERT_TRUE(testing::eventually([&] {
      return writing->get<User>("users").set("1", {1, "Ada"}).has_value();
    }));
    ASSERT_TRUE(writing->get<std::string>("pages").set("/", "hello").has_value());
    ASSERT_TRUE(writing->get<std::string>("notes").set("n", "later").has_value());
    writing->close();
  }
  const auto reading = open();
  expect_hit(reading->get<User>("users"), "1", User{1, "Ada"});
  expect_hit(reading->get<std::string>("pages"), "/", std::string("hello"));
  expect_hit(reading->get<std::string>("notes"), "n", std::string("later"));

  // The prefix is that of the configuration, and what is sealed shows nothing.
  EXPECT_THAT(server_->cli({"KEYS", "app:*"}), HasSubstr("app:"));
  EXPECT_THAT(server_->cli({"--raw", "KEYS", "*"}), ::testing::Not(HasSubstr("\nusers")));
}

TEST_F(ConfigCaches, TheFileServesWhenRedisIsGone) {
  {
    const auto writing = open();
    ASSERT_TRUE(testing::eventually([&] {
      return writing->get<User>("users").set("1", {1, "Ada"}).has_value();
    }));
  }
  server_->stop();
  const auto reading = open();
  const auto found = reading->get<User>("users").lookup("1");
  EXPECT_EQ(found.level, "sqlite");
  EXPECT_EQ(found.value, (User{1, "Ada"}));
}

TEST_F(ConfigCaches, ACacheIsTheSameEachTimeAndOfOneType) {
  const auto caches = open();
  Cache<User>& users = caches->get<User>("users");
  EXPECT_EQ(&users, &caches->get<User>("users"));
  try {
    caches->get<std::string>("users");
    FAIL() << "no ConfigError";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("cache \"users\" holds "));
    EXPECT_THAT(error.what(), HasSubstr("::User"));
    EXPECT_THAT(error.what(), HasSubstr("string"));
  }
}

TEST_F(ConfigCaches, AnUnknownNameHasItsNearest) {
  const auto caches = open();
  try {
    caches->get<User>("user");
    FAIL() << "no ConfigError";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("describes no cache \"user\""));
    EXPECT_THAT(error.what(), HasSubstr("did you mean users?"));
  }
}

TEST_F(ConfigCaches, HandlesAreOfAllCaches) {
  const auto caches = open();
  caches->get<User>("users");
  std::vector<std::string> names;
  for (const CacheHandle& handle : caches->handles()) {
    names.emplace_back(handle.name());
    EXPECT_EQ(handle.kind().has_value(), handle.name() == "users") << handle.name();
  }
  EXPECT_EQ(names, (std::vector<std::string>{"notes", "pages", "users"}));
  EXPECT_NO_THROW(caches->get<Document>("pages"));
  EXPECT_THROW(caches->get<std::string>("pages"), ConfigError);
}

TEST_F(ConfigCaches, TiersAreOpenedOnce) {
  const auto caches = open();
  ASSERT_TRUE(testing::eventually([&] {
    return caches->get<User>("users").set("1", {1, "Ada"}).has_value();
  }));
  ASSERT_TRUE(caches->get<std::string>("pages").set("/", "x").has_value());
  const std::string clients = server_->cli({"CLIENT", "LIST"});
  std::size_t ours = 0;
  for (auto at = clients.find("name=terrace"); at != std::string::npos;
       at = clients.find("name=terrace", at + 1))
    ++ours;
  EXPECT_LE(ours, 2U) << clients;  // one for operations, one for the watch
}

TEST_F(ConfigCaches, EndAtClose) {
  const auto caches = open();
  Cache<std::string>& pages = caches->get<std::string>("pages");
  caches->close();
  caches->close();
  EXPECT_EQ(pages.lookup("/").error, Errc::shutdown);
  EXPECT_THROW(caches->get<User>("users"), ConfigError);
}

TEST_F(ConfigCaches, AreWatchedAndCountedAsTheyAreMade) {
  const auto caches = Caches::open(Config::parse(
      "[caches.a]\n[caches.b]\n[sinks]\nlog = false\n[monitor]\nwindow = \"1h\"\ninterval = \"1h\"\n"
      "[[alerts]]\nname = \"asked\"\nwhen = \"requests > 0\"\nseverity = \"critical\"\n"
      "[[alerts]]\nname = \"a\"\nwhen = \"requests > 0\"\ncache = \"a\"\n"
      "[[alerts]]\nname = \"b\"\nwhen = \"requests > 0\"\ncache = \"b\"\n"));
  EXPECT_EQ(caches->metrics()->text(), "");
  caches->get<std::string>("a").get("k");
  caches->monitor()->sample();
  std::vector<std::string> alerts;
  for (const ActiveAlert& alert : caches->monitor()->alerts())
    alerts.push_back(alert.rule + "@" + alert.cache);
  EXPECT_EQ(alerts, (std::vector<std::string>{"asked@a", "a@a"}));  // and b is not missed before it is made
  EXPECT_THAT(caches->metrics()->text(), HasSubstr("cache=\"a\""));
  EXPECT_THAT(caches->metrics()->text(), ::testing::Not(HasSubstr("cache=\"b\"")));
}

TEST_F(ConfigCaches, AlertsAreLeftToTheProgramThatServesWhenAsked) {
  const std::string text =
      "[caches.a]\nttl = \"10m\"\n"
      "[[alerts]]\nname = \"always\"\nwhen = \"requests >= 0\"\n"
      "[[alerts]]\nname = \"a\"\nwhen = \"requests >= 0\"\ncache = \"a\"\n";
  for (const bool alerts : {true, false}) {
    const auto caches = Caches::open(Config::parse(text), {.alerts = alerts});
    (void)caches->handles();
    caches->monitor()->sample();
    EXPECT_EQ(caches->monitor()->alerts().size(), alerts ? 2U : 0U);
    EXPECT_EQ(caches->monitor()->sinks().empty(), !alerts);
    EXPECT_EQ(caches->monitor()->health().caches.size(), 1U) << "watched all the same";
  }
}

TEST_F(ConfigCaches, AreNotBuiltFromMistakes) {
  EXPECT_THROW(Caches::open(Config::check_text("[caches.a]\nttl = 3\n")), ConfigError);
  EXPECT_THROW(Caches::open("/no/such/terrace.toml"), ConfigError);
}

/// Begins a load and never ends it.
struct EndlessLoader final : cascade::Loader {
  [[nodiscard]] bool blocks() const noexcept override { return false; }
  void load(const cascade::LoadRequest&, Handler<std::vector<cascade::Loaded>>) override {}
};

TEST(ConfigCachesClose, CallsThatItEndsMayAskForCaches) {
  const auto caches = Caches::open(checked("[caches.users]\n[caches.pages]\n"));
  Cache<std::string>& users = caches->get<std::string>("users");
  bool ended = false;
  detail::CacheAccess::engine(users).read({"k"}, std::make_shared<EndlessLoader>(), {},
                                          [&](std::vector<cascade::Answer> answers) {
                                            EXPECT_EQ(answers.at(0).error, Errc::shutdown);
                                            EXPECT_EQ(&caches->get<std::string>("users"), &users);
                                            EXPECT_THROW(caches->get<std::string>("pages"), ConfigError);
                                            ended = true;
                                          });
  caches->close();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace terrace
