/// The limits that docs/reliability.md states: each test shows a case in which an old value is served, and what
/// still holds then. A test that fails here says that the page promises too little.

#include <gtest/gtest.h>

#include <latch>
#include <terrace/cache.hpp>
#include <terrace/redis.hpp>
#include <thread>

#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using Strings = Cache<std::string>;
using testing::eventually;

class NotPromised : public ::testing::Test {
 protected:
  static Strings process(const testing::RedisServer& server) {
    CacheOptions options{.ttl = 1h, .tier_timeout = 10s};
    options.max_staleness = 300ms;
    Strings cache(std::move(options), {make_redis_tier({.url = server.url()})});
    EXPECT_TRUE(eventually([&] { return cache.stats().watching == true; }));
    return cache;
  }
};

/// Loads "old"; the change happens while the loader runs.
template <class Change>
void load_during(Cache<std::string>& cache, Change change) {
  std::latch loading(1), changed(1);
  std::jthread loader([&] {
    EXPECT_TRUE(cache.get_or_load("k", [&] {
      loading.count_down();
      changed.wait();
      return std::string("old");
    }));
  });
  loading.wait();
  change();
  changed.count_down();
  loader.join();
  ASSERT_TRUE(cache.flush());
}

/// Redis reports an UNLINK to the watches, but a lease ends only by a change that terrace makes.
TEST_F(NotPromised, COH17_AForeignEraseDuringALoadDoesNotRejectItsFill) {
  testing::RedisServer server;
  auto a = process(server), b = process(server);
  load_during(a, [&] { server.cli({"UNLINK", "default:k"}); });
  EXPECT_TRUE(b.get("k").has_value());
  ASSERT_TRUE(b.erase("k"));
  load_during(a, [&] { EXPECT_TRUE(b.erase("k")); });
  EXPECT_FALSE(b.get("k").has_value()) << "an erase by terrace rejects it";
  ASSERT_TRUE(b.erase("k"));
  // The remedy for other programs: end the lease as well.
  load_during(a, [&] { server.cli({"UNLINK", "default:k", "~lease:{default:k}"}); });
  EXPECT_EQ(b.get("k"), std::nullopt);
}

/// Redis tells nobody of a SWAPDB. The control is FLUSHDB, of which it tells everybody.
TEST_F(NotPromised, COH15_MemoryDoesNotHearOfASwapOfDatabases) {
  testing::RedisServer server;
  auto writer = process(server), reader = process(server);
  ASSERT_TRUE(writer.set("k", "old"));
  ASSERT_TRUE(eventually([&] { return reader.stats().invalidations_received > 0; }));
  ASSERT_EQ(reader.lookup("k").level, "redis");
  server.cli({"SWAPDB", "0", "1"});
  EXPECT_EQ(server.cli({"EXISTS", "default:k"}), "0");
  const TimePoint swapped = system_clock().now();
  EXPECT_TRUE(eventually([&] { return system_clock().now() - swapped > 1s; }));
  EXPECT_EQ(reader.lookup("k").level, "memory") << "beyond max_staleness";
  server.cli({"FLUSHDB"});
  EXPECT_TRUE(eventually([&] { return !reader.get("k"); }));
}

/// A server that comes back with an older dump has what was erased since. Memory serves nothing from before: it
/// reads again, and gets what the server has.
TEST_F(NotPromised, F23_AServerThatRestartsFromAnOlderDumpRevivesWhatWasErased) {
  testing::RedisServer server;
  auto cache = process(server);
  ASSERT_TRUE(cache.set("erased", "old"));
  ASSERT_TRUE(cache.set("changed", "old"));
  ASSERT_EQ(server.cli({"SAVE"}), "OK");
  ASSERT_TRUE(cache.erase("erased"));
  ASSERT_TRUE(cache.set("changed", "new"));
  server.kill9();
  server.start();
  // What holds: every process agrees with the server again after max_staleness.
  EXPECT_TRUE(eventually([&] { return cache.get("changed") == "old"; }));
  auto other = process(server);
  EXPECT_EQ(*other.get("erased"), "old") << "not promised";
  EXPECT_EQ(*other.get("changed"), "old") << "not promised";
  // The remedy: clear() after such a restart.
  ASSERT_TRUE(other.clear());
  EXPECT_TRUE(eventually([&] { return !cache.get("changed") && !cache.get("erased"); }));
}

/// A replica that is promoted before it has received an erase has the old value (row 22).
TEST_F(NotPromised, F22_APromotedReplicaRevivesWhatItHadNotReceived) {
  testing::RedisServer primary, replica;
  replica.cli({"REPLICAOF", "127.0.0.1", std::to_string(primary.port())});
  auto before = process(primary);
  ASSERT_TRUE(before.set("k", "old"));
  ASSERT_TRUE(eventually([&] { return replica.cli({"EXISTS", "default:k"}) == "1"; }));
  replica.cli({"REPLICAOF", "127.0.0.1", "1"});  // its link is cut
  ASSERT_TRUE(before.erase("k"));
  primary.kill9();
  replica.cli({"REPLICAOF", "NO", "ONE"});
  auto after = process(replica);
  EXPECT_EQ(after.get("k"), "old") << "not promised";
  // What holds: the new primary takes changes, and everybody hears of them.
  ASSERT_TRUE(after.erase("k"));
  EXPECT_EQ(after.get("k"), std::nullopt);
}

}  // namespace
}  // namespace terrace
