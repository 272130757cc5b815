/// A fork after construction, as pre-fork servers do it.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <terrace/cache.hpp>
#include <terrace/redis.hpp>
#include <terrace/sqlite.hpp>
#include <thread>

#include "support/child_process.hpp"
#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;

using Strings = Cache<std::string>;

class Fork : public ::testing::Test {
 protected:
  Strings make() {
    return Strings(
        {.name = "fork", .ttl = 1h, .tier_timeout = 10s},
        {make_redis_tier({.url = server_.url()}), make_sqlite_tier({.path = place_.file("cache.db")})});
  }

  terrace::testing::RedisServer server_;
  terrace::testing::TempDir place_;
};

/// What the child finds wrong, 0: nothing. Whatever hangs is ended by the alarm.
template <class Look>
int in_child(Look look) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::_exit(look());
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST_F(Fork, F40_AChildIsRefusedByTheParentsCacheAndItsOwnWorks) {
  std::optional<Strings> cache(make());
  ASSERT_TRUE(cache->set("a", "1"));
  std::atomic<bool> over{false};
  std::atomic<unsigned> under_way{0};
  std::vector<std::thread> users;
  for (int i = 0; i < 3; ++i) {
    users.emplace_back([&, i] {
      for (unsigned n = 0; !over; ++n) {
        static_cast<void>(
            cache->get_or_load("k" + std::to_string((n + i) % 50), [] { return std::string("v"); }));
        static_cast<void>(cache->erase("k" + std::to_string(n % 50)));
        ++under_way;
      }
    });
  }
  while (under_way < 100) std::this_thread::yield();
  const int rounds = std::getenv("TERRACE_CHAOS") != nullptr ? 50 : 5;
  for (int round = 0; round < rounds; ++round) {
    const int wrong = in_child([&] {
      const auto refused = cache->get_or_load("new", [] { return std::string("v"); });
      if (refused || refused.error() != Errc::shutdown) return 1;
      if (refused.error().context.find("before fork()") == std::string::npos) return 2;
      if (cache->set("a", "2") || cache->erase("a") || cache->clear()) return 3;
      cache->close();
      cache.reset();
      Strings own = make();
      if (own.get("a") != "1") return 4;
      if (!own.set("child", std::to_string(round))) return 5;
      if (own.get_or_load("loaded", [] { return std::string("x"); }).value() != "x") return 6;
      return 0;
    });
    ASSERT_EQ(wrong, 0) << "round " << round;
    ASSERT_EQ(cache->get("a"), "1");
  }
  over = true;
  for (auto& user : users) user.join();
  EXPECT_EQ(make().get("child"), std::to_string(rounds - 1));
}

TEST_F(Fork, F40_TiersAndRuntimesOfTheParentSayWhatToDo) {
  const auto runtime = std::make_shared<Runtime>();
  const auto redis = make_redis_tier({.url = server_.url()}, runtime);
  const auto sqlite = make_sqlite_tier({.path = place_.file("parents.db")}, runtime);
  Strings cache({.name = "fork", .scheduler = runtime}, {redis, sqlite});
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cache.set("a", "1"));  // alone: this thread has run the I/O itself
  cache.define_group("group", {"a"});
  EXPECT_EQ(in_child([&] {
              Strings own({.name = "fork", .tier_timeout = 5s}, {redis});
              for (int i = 0; i < 20; ++i) {
                const auto found = own.lookup("a");
                if (found.kind != LookupKind::unavailable) return 1;
                if (found.error.context.find("before fork()") == std::string::npos) return 2;
              }
              for (const auto& tier : std::vector<std::shared_ptr<Tier>>{redis, sqlite}) {
                std::optional<Result<Found>> found;
                tier->get("fork:a", no_deadline, [&](Result<Found> what) { found = std::move(what); });
                if (!found || *found || found->error().context.find("before fork()") == std::string::npos)
                  return 6;
              }
              const auto latch = std::make_shared<Latch>();
              try {
                runtime->wait(*latch, no_deadline);
                return 3;
              } catch (const ConfigError&) {
              }
              if (cache.invalidate_group("group").error() != Errc::shutdown) return 4;
              if (!cache.stats().closed) return 5;
              sqlite->close();
              redis->close();
              return 0;
            }),
            0);
  EXPECT_EQ(cache.get("a"), "1");
}

TEST_F(Fork, F40_TheCommonRuntimeOfAChildIsItsOwn) {
  const auto runtime = Runtime::common();
  EXPECT_EQ(in_child([&] {
              const auto own = Runtime::common();
              if (own == runtime) return 1;
              const auto done = std::make_shared<Latch>();
              own->post([done] { done->open(); });
              return own->wait(*done, own->clock().now() + 10s) ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace terrace
