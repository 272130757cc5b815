/// F32 end to end: what was spoilt in a real Redis or SQLite is a miss, counted, and never a value; and what
/// someone can do there to sealed entries.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <future>
#include <terrace/cache.hpp>
#include <terrace/key_ring.hpp>
#include <terrace/redis.hpp>
#include <terrace/sqlite.hpp>
#include <terrace/testing.hpp>

#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using namespace terrace::testing;

/// Starts an operation of a tier and waits for its answer.
template <class T, class Start>
T ask(Start start) {
  std::promise<T> promise;
  start([&promise](T outcome) { promise.set_value(std::move(outcome)); });
  return promise.get_future().get();
}

/// A loaded machine may take longer than the usual 250 ms, and a level that is late is a miss.
constexpr Duration patience = 10s;

class Store {
 public:
  virtual ~Store() = default;
  [[nodiscard]] virtual std::shared_ptr<Tier> tier() = 0;
  /// Changes the last stored byte of the key behind the tier's back.
  virtual void spoil(const std::string& key) = 0;

  Bytes read(const std::string& key) {
    return **ask<Result<Found>>([&](auto done) { tier()->get(key, no_deadline, std::move(done)); });
  }
  void write(const std::string& key, BytesView bytes) {
    ask<Result<void>>([&](auto done) { tier()->set(key, bytes, {}, no_deadline, std::move(done)); }).value();
  }
};

class RedisStore : public Store {
 public:
  std::shared_ptr<Tier> tier() override { return tier_; }
  void spoil(const std::string& key) override {
    const int last = std::stoi(server_.cli({"STRLEN", key})) - 1;
    const std::string bit = std::to_string(last * 8);
    server_.cli({"SETBIT", key, bit, server_.cli({"GETBIT", key, bit}) == "0" ? "1" : "0"});
  }

 private:
  RedisServer server_;
  std::shared_ptr<Tier> tier_ = make_redis_tier({.url = server_.url()});
};

class SqliteStore : public Store {
 public:
  std::shared_ptr<Tier> tier() override { return tier_; }
  void spoil(const std::string& key) override {
    Bytes bytes = read(key);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    sqlite3* db = nullptr;
    sqlite3_stmt* update = nullptr;
    ASSERT_EQ(sqlite3_open(folder_.file("cache.db").c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10'000);
    ASSERT_EQ(sqlite3_prepare_v2(db, "UPDATE entries SET value = ? WHERE key = ?", -1, &update, nullptr),
              SQLITE_OK);
    sqlite3_bind_blob(update, 1, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
    sqlite3_bind_blob(update, 2, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
    EXPECT_EQ(sqlite3_step(update), SQLITE_DONE);
    EXPECT_EQ(sqlite3_changes(db), 1);
    sqlite3_finalize(update);
    sqlite3_close(db);
  }

 private:
  TempDir folder_;
  std::shared_ptr<Tier> tier_ =
      make_sqlite_tier({.path = folder_.file("cache.db"), .durability = SqliteDurability::fast});
};

struct Setting {
  const char* name;
  std::unique_ptr<Store> (*make)();
  bool sealed;
};

class StoredBytesTest : public ::testing::TestWithParam<Setting> {
 protected:
  using Strings = Cache<std::string>;

  /// A cache with a memory of its own, as of another process.
  [[nodiscard]] Strings cache(const std::string& name = "users") const {
    CacheOptions options{.name = name, .ttl = 1h, .tier_timeout = patience};
    if (GetParam().sealed) options.key_ring = keys_;
    return Strings(std::move(options), {store_->tier()});
  }
  static void expect_unreadable(Strings& cache, const std::string& key) {
    const std::uint64_t before = cache.stats().levels[1].unreadable;
    EXPECT_EQ(cache.get(key), std::nullopt);
    EXPECT_EQ(cache.stats().levels[1].unreadable, before + 1);
    EXPECT_EQ(cache.stats().levels[1].hits, 0U);
  }

  std::shared_ptr<const KeyRing> keys_ = KeyRing::parse(generate_key_ring());
  std::unique_ptr<Store> store_ = GetParam().make();
};

TEST_P(StoredBytesTest, F32_A24_EveryFlippedBitIsAMissAndCounted) {
  cache().set("ann", "the value").value();
  const Bytes good = store_->read("users:ann");
  auto reader = cache();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    store_->write("users:ann", bad);
    expect_unreadable(reader, "ann");
  }
  store_->write("users:ann", good);
  EXPECT_EQ(reader.get("ann"), "the value") << "the control: nothing but the bit was wrong";
}

TEST_P(StoredBytesTest, F32_BytesChangedBehindTheTierAreAMissThatTheNextLoadReplaces) {
  cache().set("ann", "the value").value();
  store_->spoil("users:ann");
  auto reader = cache();
  expect_unreadable(reader, "ann");
  const Explanation told = reader.explain("ann").value();
  EXPECT_NE(told.levels[1].note.find("unreadable, corrupt: "), std::string::npos) << told.to_string();
  EXPECT_EQ(reader.get_or_load("ann", [] { return std::string("loaded"); }).value(), "loaded");
  EXPECT_TRUE(eventually([&] { return cache().get("ann") == "loaded"; }));
}

TEST_P(StoredBytesTest, A26_EntriesMovedBetweenKeysAndNamespacesAreMisses) {
  cache().set("ann", "hers").value();
  const Bytes hers = store_->read("users:ann");
  store_->write("users:bob", hers);
  store_->write("tenants:ann", hers);
  auto users = cache();
  expect_unreadable(users, "bob");
  auto tenants = cache("tenants");
  expect_unreadable(tenants, "ann");
  EXPECT_EQ(users.get("ann"), "hers");
}

TEST_P(StoredBytesTest, A28_A37_EntriesOfTheOtherModeAreMissesAndNoMessageShowsAKey) {
  const std::string text = generate_key_ring();
  const std::string secret = text.substr(text.rfind(' ') + 1, 44);
  const std::shared_ptr<const KeyRing> canary = KeyRing::parse(text);
  cache().set("ann", "the value").value();
  CacheOptions other_mode{.name = "users"};
  if (!GetParam().sealed) other_mode.key_ring = canary;
  Strings other(std::move(other_mode), {store_->tier()});
  expect_unreadable(other, "ann");
  const std::string told = other.explain("ann").value().to_string();
  EXPECT_NE(told.find(GetParam().sealed ? "sealed, and this cache has no keys"
                                        : "not sealed, and this cache has keys"),
            std::string::npos)
      << told;
  if (GetParam().sealed) {
    Strings stranger({.name = "users", .key_ring = canary}, {store_->tier()});
    expect_unreadable(stranger, "ann");
    const std::string why = stranger.explain("ann").value().to_string();
    EXPECT_NE(why.find("the seal is broken"), std::string::npos) << why;
    EXPECT_EQ(why.find(secret.substr(0, 8)), std::string::npos);
  }
  EXPECT_EQ(told.find(secret.substr(0, 8)), std::string::npos);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
TEST(KeyRingOption, IsTakenUnderItsFormerName) {
  const auto scheduler = std::make_shared<FakeScheduler>();
  const auto map = std::make_shared<MapTier>(scheduler->clock());
  const auto ring = KeyRing::parse(generate_key_ring());
  CacheOptions former{.name = "users", .scheduler = scheduler};
  former.keys = ring;
  Cache<std::string>(former, {map}).set("ann", "hers").value();
  Cache<std::string> unsealed({.name = "users", .scheduler = scheduler}, {map});
  EXPECT_EQ(unsealed.get("ann"), std::nullopt);
  Cache<std::string> sealed({.name = "users", .key_ring = ring, .scheduler = scheduler}, {map});
  EXPECT_EQ(sealed.get("ann"), "hers");
}

TEST(KeyRingOption, IsRefusedUnderBothNames) {
  const auto ring = KeyRing::parse(generate_key_ring());
  CacheOptions both{.name = "users", .key_ring = ring};
  both.keys = ring;
  try {
    both.check();
    FAIL() << "both were taken";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(),
                 "cache \"users\": key_ring and keys are two names of one option; give key_ring alone");
  }
}
#pragma GCC diagnostic pop

/// What a seal does not prevent, and what ends it.
TEST(SealedReplay, A27_AnOlderEntryOfTheSameKeyIsBelievedUntilItExpires) {
  const auto scheduler = std::make_shared<FakeScheduler>();
  const auto map = std::make_shared<MapTier>(scheduler->clock());
  const auto keys = KeyRing::parse(generate_key_ring());
  const CacheOptions options{
      .name = "users", .ttl = 1h, .ttl_jitter = 0, .key_ring = keys, .scheduler = scheduler};
  const auto read = [&] { return Cache<std::string>(options, {map}).get("ann"); };
  Cache<std::string> writer(options, {map});
  writer.set("ann", "old").value();
  Bytes old;
  map->get("users:ann", no_deadline, [&](Result<Found> found) { old = **found; });
  scheduler->advance(30min);
  writer.set("ann", "new").value();
  EXPECT_EQ(read(), "new");
  map->set("users:ann", old, {}, no_deadline, [](const Result<void>&) {});
  EXPECT_EQ(read(), "old");
  scheduler->advance(30min);
  EXPECT_EQ(read(), std::nullopt);
}

/// Somebody puts what is no token where a tag's token should be, before anything is stored or after it.
class PlantedToken : public ::testing::TestWithParam<bool> {
 protected:
  using Strings = Cache<std::string>;

  /// Another process, as it were: with a memory and a connection of its own.
  [[nodiscard]] Strings make(bool memory) const {
    CacheOptions options{.name = "users", .memory_level = memory, .ttl = 1h, .tier_timeout = patience};
    if (GetParam()) options.key_ring = keys_;
    return Strings(std::move(options), {make_redis_tier({.url = server_.url()})});
  }
  void plant(const std::string& shape) const {
    const std::string key = "users~tag:t";
    server_.cli({"DEL", key});
    if (shape == "list") {
      server_.cli({"RPUSH", key, "x"});
    } else if (shape == "hash") {
      server_.cli({"HSET", key, "field", "x"});
    } else if (shape == "zeros") {
      server_.cli({"SETBIT", key, "63", "0"});
    } else if (shape == "empty") {
      server_.cli({"SET", key, ""});
    } else {
      server_.cli({"SETRANGE", key, std::to_string(std::stoi(shape) - 1), "x"});
    }
  }

  RedisServer server_;
  std::shared_ptr<const KeyRing> keys_ = KeyRing::parse(generate_key_ring());
};

TEST_P(PlantedToken, A01_A32_KeepsNoInvalidationFromAnybody) {
  for (const bool memory : {false, true}) {
    for (const char* shape : {"empty", "1", "7", "zeros", "9", "100000", "list", "hash"}) {
      for (const bool planted_first : {true, false}) {
        SCOPED_TRACE(std::string(shape) + (memory ? ", memory" : "") + (planted_first ? ", first" : ""));
        Strings a = make(memory);
        Strings b = make(memory);
        if (planted_first) plant(shape);
        a.set("k", "old", {.tags = {"t"}}).value();
        EXPECT_EQ(a.get("k"), "old") << "it gives way to a token; " << a.explain("k").value().to_string();
        EXPECT_EQ(b.get("k"), "old");
        // A key of another type is no string to Redis' tier, which writes over it without a word.
        const bool text = std::string_view(shape) != "list" && std::string_view(shape) != "hash";
        EXPECT_EQ(a.stats().levels[1].unreadable, planted_first && text ? 1U : 0U);
        if (!planted_first) {
          plant(shape);
          EXPECT_TRUE(eventually([&] { return !a.get("k") && !b.get("k"); })) << "the old token is gone";
          EXPECT_GE(a.stats().levels[1].unreadable, 1U);
        }
        a.invalidate_tag("t").value();
        EXPECT_EQ(a.get("k"), std::nullopt) << "the process that invalidated";
        EXPECT_TRUE(eventually([&] { return !b.get("k"); })) << "another one";
        EXPECT_EQ(make(memory).get("k"), std::nullopt) << "a new one";
        const auto load = [] { return std::string("new"); };
        EXPECT_EQ(b.get_or_load("k", load, {.tags = {"t"}}).value(), "new");
        EXPECT_TRUE(eventually([&] { return make(memory).get("k") == "new"; })) << "what is loaded is kept";
      }
    }
  }
}

/// A value holds a secret, and a part that the attacker chooses; the attacker sees how long the entry is.
TEST(Lengths, A20_UnderASealGiveNoGuessAway) {
  const auto tier = std::make_shared<SharedMapTier>();
  const auto length = [&](const std::string& guess, bool sealed, std::optional<std::size_t> compress_above) {
    CacheOptions options{.name = "users", .compress_above = compress_above};
    if (sealed) options.key_ring = KeyRing::parse(generate_key_ring());
    Cache<std::string> cache(std::move(options), {tier});
    std::string value = "token=7b1f93ce5502d8a4; ";
    for (int i = 0; i < 100; ++i) value += "field " + std::to_string(i * i) + "; ";
    cache.set("k", value + "token=" + guess).value();
    return (*ask<Result<Found>>([&](auto done) { tier->get("users:k", no_deadline, std::move(done)); }))
        ->size();
  };
  const std::string right = "7b1f93ce5502d8a4", wrong = "e09c41aa7d3b6628";
  EXPECT_EQ(length(right, true, {}), length(wrong, true, {}));
  EXPECT_LT(length(right, true, 1024), length(wrong, true, 1024))
      << "what compression gives away, if it is asked for";
  EXPECT_LT(length(right, false, {}), length(right, false, 0)) << "without a seal it is the default";
}

INSTANTIATE_TEST_SUITE_P(Seals, PlantedToken, ::testing::Bool(),
                         [](const auto& sealed) { return sealed.param ? "Sealed" : "Plain"; });

INSTANTIATE_TEST_SUITE_P(
    Stores, StoredBytesTest,
    ::testing::Values(Setting{"Redis", [] { return std::unique_ptr<Store>(new RedisStore); }, false},
                      Setting{"RedisSealed", [] { return std::unique_ptr<Store>(new RedisStore); }, true},
                      Setting{"Sqlite", [] { return std::unique_ptr<Store>(new SqliteStore); }, false},
                      Setting{"SqliteSealed", [] { return std::unique_ptr<Store>(new SqliteStore); }, true}),
    [](const auto& setting) { return setting.param.name; });

}  // namespace
}  // namespace terrace
