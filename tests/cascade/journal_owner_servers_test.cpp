/// Journals of two processes that take turns over one Redis.

#include <gtest/gtest.h>

#include <terrace/cache.hpp>
#include <terrace/redis.hpp>

#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace terrace::testing;
using Strings = Cache<std::string>;

class JournalOwnerOnServers : public ::testing::Test {
 protected:
  Strings process(const std::string& journal) const {
    CacheOptions options{
        .name = "turns", .write_mode = WriteMode::back, .tier_timeout = std::chrono::seconds(10)};
    options.write_back.path = folder_.file(journal);
    options.write_back.sync = JournalSync::os_cache;
    return Strings(std::move(options), {make_redis_tier({.url = server_.url()})});
  }

  RedisServer server_;
  TempDir folder_;
};

TEST_F(JournalOwnerOnServers, AnOrderlyEndLetsTheNextJournalBeginAtOnce) {
  for (int turn = 0; turn < 10; ++turn) {
    const std::string name = "journal of turn " + std::to_string(turn);
    Strings cache = process(name);
    ASSERT_TRUE(cache.set("k", name)) << name;
    ASSERT_TRUE(cache.flush());
    EXPECT_EQ(server_.cli({"EXISTS", "turns~writer"}), "1");
    cache.close();
    EXPECT_EQ(server_.cli({"EXISTS", "turns~writer"}), "0") << name;
  }
}

TEST_F(JournalOwnerOnServers, ASecondJournalIsRefusedAndTheFirstGoesOn) {
  Strings first = process("first");
  ASSERT_TRUE(first.set("k", "first"));
  ASSERT_TRUE(first.flush());
  Strings second = process("second");
  EXPECT_TRUE(eventually([&] { return !second.set("k", "second"); })) << "as soon as it knows of the other";
  ASSERT_TRUE(first.set("k", "first, later"));
  ASSERT_TRUE(first.flush());
  EXPECT_EQ(*Strings({.name = "turns"}, {make_redis_tier({.url = server_.url()})}).get("k"), "first, later");
}

TEST_F(JournalOwnerOnServers, WhatNoJournalPutThereKeepsNobodyOut) {
  for (const std::vector<std::string>& plant :
       {std::vector<std::string>{"SET", "turns~writer", "x"},
        {"SET", "turns~writer", "journal 1"},
        {"SET", "turns~writer", "journal 1", "PX", "9007199254740991"},
        {"RPUSH", "turns~writer", "x"}}) {
    server_.cli({"DEL", "turns~writer"});
    server_.cli(plant);
    Strings cache = process(plant.front() + plant.back());
    ASSERT_TRUE(cache.set("k", plant.back()));
    ASSERT_TRUE(cache.flush()) << plant.back();
    ASSERT_TRUE(cache.set("k", "later"));
    cache.close();
  }
}

}  // namespace
}  // namespace terrace
