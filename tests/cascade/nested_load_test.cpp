/// Loads within loads: what a loader waits for needs no turn and no worker that loaders hold. Real threads on
/// the real runtime; latches make sure that everything is held before anything is let go.

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <latch>
#include <string>
#include <terrace/async.hpp>
#include <terrace/cache.hpp>
#include <terrace/detail/load_mark.hpp>
#include <terrace/memoize.hpp>
#include <thread>
#include <vector>

#include "base/threads.hpp"
#include "cascade/load_slots.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;

constexpr unsigned limit = 64;  // of turns and of workers, by default

/// Runs it on so many threads; how many returned true.
int count_true(int threads, const std::function<bool(int)>& run) {
  std::atomic<int> fine{0};
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&, i] { fine += run(i) ? 1 : 0; });
  }
  for (auto& thread : all) thread.join();
  return fine;
}

std::string key(const char* what, int i) {
  return what + std::to_string(i);
}

/// The first `limit` loaders wait here for each other, so that every turn and every worker is held.
class AllHeld {
 public:
  void arrive() {
    if (arrived_.fetch_add(1) < static_cast<int>(limit)) held_.arrive_and_wait();
  }

 private:
  std::atomic<int> arrived_{0};
  std::latch held_{limit};
};

TEST(NestedLoads, AThousandParentsThreeDeepAllGetTheirValues) {
  Cache<std::string> cache;
  AllHeld held;
  const int fine = count_true(1000, [&](int i) {
    const auto page = cache.get_or_load(key("page", i), [&, i] {
      held.arrive();
      return cache
                 .get_or_load(
                     key("user", i),
                     [&, i] {
                       return cache.get_or_load(key("team", i % 7), [i] { return key("t", i % 7); }).value() +
                              "u";
                     })
                 .value() +
             "p";
    });
    return page && *page == key("t", i % 7) + "up";
  });
  EXPECT_EQ(fine, 1000);
  EXPECT_EQ(cache.stats().loads_waiting, 0U);
}

TEST(NestedLoads, CachesOfOneRuntimeAndOfSeveralLoadFromEachOther) {
  auto runtime = std::make_shared<Runtime>();
  for (const auto& other : {runtime, std::make_shared<Runtime>(RuntimeOptions{.workers = 1})}) {
    Cache<std::string> pages({.scheduler = runtime});
    Cache<std::string> users({.max_concurrent_loads = 1, .scheduler = other});
    AllHeld held;
    const int fine = count_true(100, [&](int i) {
      const auto page = pages.get_or_load(key("p", i), [&, i] {
        held.arrive();
        return users
            .get_or_load(
                key("u", i),
                [&, i] { return pages.get_or_load(key("q", i), [i] { return std::to_string(i); }).value(); })
            .value();
      });
      return page && *page == std::to_string(i);
    });
    EXPECT_EQ(fine, 100);
  }
}

TEST(NestedLoads, ARecursionByMemoizeIsAsDeepAsItIs) {
  Cache<double> cache;
  std::function<double(int)> fib;
  const auto remembered =
      memoize(cache, "fib", [&fib](int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); });
  fib = [&remembered](int n) { return remembered(n); };
  EXPECT_NEAR(fib(200), 2.8057117299251014e41, 1e27);
}

TEST(NestedLoads, BulkLoadsWithinBulkLoads) {
  Cache<std::string> cache;
  AllHeld held;
  const int fine = count_true(100, [&](int i) {
    const auto outer = cache.get_or_load_many({key("a", i), key("b", i)}, [&, i](const auto& keys) {
      held.arrive();
      const auto inner =
          cache.get_or_load_many({key("c", i), key("d", i)}, [](const auto& of) { return of; });
      std::vector<std::string> out(keys.size(), *inner.at(1));
      return out;
    });
    return *outer.at(0) == key("d", i);
  });
  EXPECT_EQ(fine, 100);
}

/// Parents hold every turn; the load of B waits for one. Then they ask for B.
TEST(NestedLoads, ALoadThatWaitsForATurnRunsWhenParentsComeToWaitForIt) {
  Cache<std::string> cache;
  std::promise<void> go;
  const auto may_go = go.get_future().share();
  std::latch held{limit};
  std::vector<std::future<Result<std::string>>> parents;
  for (int i = 0; i < static_cast<int>(limit); ++i) {
    parents.push_back(std::async(std::launch::async, [&, i] {
      return cache.get_or_load(key("p", i), [&] {
        held.count_down();
        may_go.wait();
        return cache.get_or_load("B", [] { return std::string("of a parent"); }).value();
      });
    }));
  }
  held.wait();
  auto first =
      std::async(std::launch::async, [&] { return cache.get_or_load("B", [] { return std::string("b"); }); });
  while (cache.stats().loads_waiting == 0) std::this_thread::yield();
  go.set_value();
  for (auto& parent : parents) EXPECT_EQ(parent.get().value(), "b");
  EXPECT_EQ(first.get().value(), "b");
  EXPECT_EQ(cache.stats().loads_in_flight, 0U);
}

/// The parents have all bounded workers; the load of B is of another cache, which has threads of its own.
TEST(NestedLoads, ALoadOfAnotherCacheWaitsForNoWorkerThatParentsHold) {
  auto runtime = std::make_shared<Runtime>(RuntimeOptions{.workers = 2});
  Cache<std::string> pages({.scheduler = runtime});
  Cache<std::string> users({.scheduler = runtime});
  std::promise<void> go;
  const auto may_go = go.get_future().share();
  std::latch held{2};
  std::vector<std::future<Result<std::string>>> parents;
  for (int i = 0; i < 2; ++i) {
    parents.push_back(std::async(std::launch::async, [&, i] {
      return pages.get_or_load(key("p", i), [&] {
        held.count_down();
        may_go.wait();
        return users.get_or_load("B", [] { return std::string("of a parent"); }).value();
      });
    }));
  }
  held.wait();
  EXPECT_EQ(users.get_or_load("B", [] { return std::string("b"); }).value(), "b");
  go.set_value();
  for (auto& parent : parents) EXPECT_EQ(parent.get().value(), "b");
  EXPECT_EQ(users.stats().loads, 1U);
  EXPECT_EQ(users.stats().loads_in_flight, 0U);
}

TEST(NestedLoads, BlockingLoadersMayWaitForAsynchronousReads) {
  Cache<std::string> cache;
  AllHeld held;
  const int fine = count_true(100, [&](int i) {
    const auto page = cache.get_or_load(key("p", i), [&, i] {
      held.arrive();
      return async_get_or_load(
                 cache, key("u", i), [i] { return std::to_string(i); }, boost::asio::use_future)
          .get()
          .value();
    });
    return page && *page == std::to_string(i);
  });
  EXPECT_EQ(fine, 100);
}

TEST(NestedLoads, CoroutinesThatLoadMayAwaitLoads) {
  namespace asio = boost::asio;
  Cache<std::string> cache({.load_timeout = 5s});
  asio::thread_pool pool(2);
  std::atomic<int> begun{0};
  const auto page = [&](int i) -> asio::awaitable<std::string> {
    const auto user = [i]() -> asio::awaitable<std::string> {
      EXPECT_NE(LoadMark::load(), nullptr);
      co_return std::to_string(i);
    };
    const auto load = [&, i, user]() -> asio::awaitable<std::string> {
      ++begun;  // every turn is taken before any of them goes on
      while (begun < static_cast<int>(limit)) {
        asio::steady_timer soon(co_await asio::this_coro::executor, 1ms);
        co_await soon.async_wait(asio::use_awaitable);
      }
      co_return (co_await async_get_or_load(cache, key("u", i), user, asio::use_awaitable)).value();
    };
    co_return (co_await async_get_or_load(cache, key("p", i), load, asio::use_awaitable)).value();
  };
  std::vector<std::future<std::string>> pages;
  for (int i = 0; i < 200; ++i) pages.push_back(asio::co_spawn(pool, page(i), asio::use_future));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(pages[static_cast<std::size_t>(i)].get(), std::to_string(i));
  pool.join();
}

TEST(NestedLoads, OthersStillTakeTurns) {
  Cache<std::string> cache({.max_concurrent_loads = 2});
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  const int fine = count_true(50, [&](int i) {
    return cache
        .get_or_load(key("k", i),
                     [&] {
                       const int here = ++now;
                       for (int seen = most; here > seen && !most.compare_exchange_weak(seen, here);) {
                       }
                       std::this_thread::yield();
                       --now;
                       return cache.get_or_load("shared", [] { return std::string("s"); }).value();
                     })
        .has_value();
  });
  EXPECT_EQ(fine, 50);
  EXPECT_LE(most, 2);
}

TEST(NestedLoads, AfterItsLoaderAThreadIsAnybodysAgain) {
  EXPECT_EQ(LoadMark::load(), nullptr);
  {
    const auto load = std::make_shared<RunningLoad>();
    const LoadMark loading(load);
    EXPECT_EQ(LoadMark::load(), load);
    {
      const LoadMark answering(nullptr);
      EXPECT_EQ(LoadMark::load(), nullptr);
    }
    EXPECT_EQ(LoadMark::load(), load);
    load->end();
    EXPECT_EQ(LoadMark::load(), nullptr);
  }
  EXPECT_EQ(LoadMark::load(), nullptr);
}

TEST(LoadSlots, ANestedTaskTakesNoTurnAndIsCounted) {
  cascade::LoadSlots slots(1);
  int ran = 0;
  EXPECT_EQ(slots.enter([&] { ++ran; }).value(), 0U);
  EXPECT_EQ(slots.enter([&] { ++ran; }, true).value(), 0U);
  const auto waits = slots.enter([&] { ++ran; }).value();
  EXPECT_NE(waits, 0U);
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(slots.turns().taken, 2U);
  slots.leave();
  EXPECT_EQ(ran, 2) << "one slot, and one that still has it";
  slots.hurry(waits);
  slots.hurry(waits);
  EXPECT_EQ(ran, 3);
  EXPECT_EQ(slots.turns().waiting, 0U);
}

/// The system gives no more threads while it lives.
struct NoThreads {
  NoThreads() { no_threads_left = true; }
  ~NoThreads() { no_threads_left = false; }
};

TEST(LoadsWithoutThreads, EndWithAnErrorThatNamesTheRemedyAndWorkAgainLater) {
  Cache<std::string> cache({.scheduler = std::make_shared<Runtime>()});
  const auto load = [&] { return cache.get_or_load("k", [] { return std::string("v"); }); };
  {
    const NoThreads none;
    for (int i = 0; i < 3; ++i) {
      const auto found = load();
      ASSERT_FALSE(found);
      EXPECT_EQ(found.error(), Errc::overloaded);
      EXPECT_NE(found.error().context.find("ulimit -u"), std::string::npos) << found.error().context;
    }
    EXPECT_EQ(cache.stats().load_failures, 3U);
    EXPECT_EQ(cache.stats().loads_in_flight, 0U);
  }
  EXPECT_EQ(load().value(), "v");
}

TEST(LoadsWithoutThreads, QueueForTheWorkersThatLive) {
  Cache<std::string> cache({.scheduler = std::make_shared<Runtime>()});
  cache.get_or_load("first", [] { return std::string("makes a worker"); }).value();
  std::vector<std::thread> callers;
  std::atomic<bool> begin{false};
  std::atomic<int> fine{0};
  for (int i = 0; i < 30; ++i) {
    callers.emplace_back([&, i] {
      while (!begin) std::this_thread::yield();
      fine += cache.get_or_load(key("k", i), [] { return std::string("v"); }).has_value() ? 1 : 0;
    });
  }
  {
    const NoThreads none;
    begin = true;
    for (auto& caller : callers) caller.join();
  }
  EXPECT_EQ(fine, 30);
}

TEST(LoadsWithoutThreads, ANestedOneEndsAtOnce) {
  Cache<std::string> cache({.scheduler = std::make_shared<Runtime>(RuntimeOptions{.workers = 1})});
  const auto found = cache.get_or_load("outer", [&] {
    const NoThreads none;
    return cache.get_or_load("inner", [] { return std::string("v"); });
  });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error(), Errc::overloaded);
  EXPECT_EQ(cache.get_or_load("outer", [] { return std::string("v"); }).value(), "v");
}

}  // namespace
}  // namespace terrace
