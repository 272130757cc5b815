/// Two processes, as it were, over one Redis, each with a SQLite file of its own: what the one erases, sets
/// or clears, the other does not read from its file. Controls take the file for one that all share.

#include <gtest/gtest.h>

#include <terrace/cache.hpp>
#include <terrace/redis.hpp>
#include <terrace/sqlite.hpp>

#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using namespace terrace::testing;
using Strings = Cache<std::string>;

struct Stack {
  Scope scope = Scope::machine;
  Consistency consistency = Consistency::eventual;
  bool above = false;
  bool three = false;
};

class ScopeOnServers : public ::testing::Test {
 protected:
  Strings process(const std::string& name, const Stack& stack) {
    auto redis = make_redis_tier({.url = server_.url()});
    const auto file = [&](const char* end) {
      return make_sqlite_tier({.path = folder_.file(name + end), .scope = stack.scope});
    };
    std::vector<std::shared_ptr<Tier>> tiers{redis};
    if (stack.above) {
      tiers.insert(tiers.begin(), file(".db"));
    } else {
      tiers.push_back(file(".db"));
    }
    if (stack.three) tiers.insert(tiers.begin(), file(".upper.db"));
    // A loaded machine may take longer than the usual 250 ms, and a level that is late is a miss.
    return Strings({.name = name_, .consistency = stack.consistency, .tier_timeout = 10s}, tiers);
  }

  /// Once memory, which is behind by max_staleness at most, knows what the other has done.
  static bool gone(Strings& cache, const std::string& key) {
    return eventually([&] { return cache.lookup(key).kind == LookupKind::miss; });
  }

  void expect_no_return(Strings& a, Strings& b, const std::function<void(Strings&)>& change) {
    ASSERT_TRUE(a.erase("k"));  // of the round before
    EXPECT_TRUE(gone(b, "k"));
    EXPECT_EQ(*b.get_or_load("k", [] { return std::string("old"); }), "old");
    ASSERT_TRUE(b.flush());
    change(a);
    EXPECT_TRUE(gone(b, "k"));
    EXPECT_TRUE(gone(a, "k"));
    EXPECT_EQ(server_.cli({"EXISTS", name_ + ":k"}), "0");
    EXPECT_EQ(*b.get_or_load("k", [] { return std::string("new"); }), "new");
    ASSERT_TRUE(b.flush());
    EXPECT_EQ(*a.get("k"), "new");
  }

  RedisServer server_;
  TempDir folder_;
  std::string name_ = "scope";
};

TEST_F(ScopeOnServers, WhatAnotherProcessRemovedDoesNotComeBackFromAFile) {
  const std::vector<std::function<void(Strings&)>> changes = {
      [](Strings& cache) { EXPECT_TRUE(cache.erase("k")); },
      [](Strings& cache) { EXPECT_TRUE(cache.clear()); },
      [](Strings& cache) { EXPECT_TRUE(cache.invalidate_prefix("k")); }};
  int round = 0;
  for (const Stack stack :
       {Stack{}, Stack{.consistency = Consistency::strong}, Stack{.above = true}, Stack{.three = true}}) {
    name_ = "scope" + std::to_string(++round);
    Strings a = process("a" + name_, stack);
    Strings b = process("b" + name_, stack);
    for (const auto& change : changes) expect_no_return(a, b, change);
  }
}

TEST_F(ScopeOnServers, AnEvictionDoesNotRevertASet) {
  Strings a = process("a", {});
  Strings b = process("b", {});
  ASSERT_TRUE(b.set("k", "old"));
  ASSERT_TRUE(a.set("k", "new"));
  server_.cli({"UNLINK", name_ + ":k"});
  EXPECT_TRUE(gone(b, "k"));
  EXPECT_TRUE(gone(a, "k"));
}

TEST_F(ScopeOnServers, TheControlReadsWhatWasErased) {
  Strings a = process("a", {.scope = Scope::fleet});
  Strings b = process("b", {.scope = Scope::fleet});
  b.get_or_load("k", [] { return std::string("old"); });
  ASSERT_TRUE(b.flush());
  ASSERT_TRUE(a.erase("k"));
  EXPECT_TRUE(eventually([&] { return b.lookup("k").level == "sqlite" || b.lookup("k").level == "redis"; }));
  EXPECT_TRUE(eventually([&] { return a.lookup("k").kind == LookupKind::hit; }))
      << "even the eraser reads it again";
}

TEST_F(ScopeOnServers, OneFileThatAllShareIsAsRightAsRedis) {
  Strings a = process("both", {.scope = Scope::fleet});
  Strings b = process("both", {.scope = Scope::fleet});
  expect_no_return(a, b, [](Strings& cache) { EXPECT_TRUE(cache.erase("k")); });
  server_.cli({"FLUSHALL"});
  EXPECT_TRUE(eventually([&] { return b.lookup("k").level == "sqlite" || b.lookup("k").level == "redis"; }));
}

}  // namespace
}  // namespace terrace
