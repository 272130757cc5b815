#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <terrace/runtime.hpp>
#include <thread>
#include <vector>

namespace terrace {
namespace {

using namespace std::chrono_literals;

/// Blocks the way a cache does: something opens the latch, the caller waits for it.
template <class Start>
std::thread::id wait_for(Runtime& runtime, Start start) {
  struct State {
    Latch latch;
    std::thread::id thread;
  };
  auto state = std::make_shared<State>();
  start([state] {
    state->thread = std::this_thread::get_id();
    state->latch.open();
  });
  EXPECT_TRUE(runtime.wait(state->latch, after(system_clock().now(), 30s)));
  return state->thread;
}

std::thread::id round_trip(Runtime& runtime) {
  return wait_for(runtime, [&](Task task) { runtime.post(std::move(task)); });
}

TEST(Runtime, RunsPostedTasksAndTimers) {
  Runtime runtime;
  round_trip(runtime);
  const TimePoint start = system_clock().now();
  wait_for(runtime, [&](Task task) { runtime.call_at(start + 20ms, std::move(task)); });
  EXPECT_GE(system_clock().now() - start, 20ms);
}

TEST(Runtime, ACancelledTimerNeverRunsAndIsCancelledOnce) {
  Runtime runtime;
  bool ran = false;
  const auto timer = runtime.call_at(system_clock().now() + 10ms, [&] { ran = true; });
  EXPECT_TRUE(runtime.cancel(timer));
  EXPECT_FALSE(runtime.cancel(timer));
  wait_for(runtime, [&](Task task) { runtime.call_at(system_clock().now() + 30ms, std::move(task)); });
  EXPECT_FALSE(ran);
}

TEST(Runtime, ALoneBlockedCallerComesToRunItsTasksItself) {
  Runtime runtime;
  EXPECT_NE(round_trip(runtime), std::this_thread::get_id()) << "at first the background thread does";
  // A busy machine may preempt the caller for longer than `linger` now and then, which gives the context
  // back.
  unsigned own = 0;
  for (int i = 0; i < 100'000 && own < 100; ++i) {
    own += round_trip(runtime) == std::this_thread::get_id() ? 1 : 0;
  }
  EXPECT_EQ(own, 100U);
}

TEST(Runtime, WhatAWorkerOpensWakesACallerThatRunsTheContext) {
  Runtime runtime;
  for (int i = 0; i < 100; ++i) {
    round_trip(runtime);
    wait_for(runtime, [&](Task task) { runtime.post_blocking(std::move(task)); });
  }
}

TEST(Runtime, WaitEndsAtItsDeadlineInEitherMode) {
  Runtime runtime;
  for (const int calls : {0, 100}) {
    for (int i = 0; i < calls; ++i) round_trip(runtime);
    auto latch = std::make_shared<Latch>();
    const TimePoint deadline = system_clock().now() + 20ms;
    EXPECT_FALSE(runtime.wait(*latch, deadline));
    EXPECT_GE(system_clock().now(), deadline);
  }
}

TEST(Runtime, TasksGoOnAfterALoneCallerHasLeft) {
  Runtime runtime;
  for (int i = 0; i < 100; ++i) round_trip(runtime);
  std::promise<void> ran;
  runtime.post([&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(30s), std::future_status::ready);
}

TEST(Runtime, OnIoThreadTellsTasksFromCallersAndWorkers) {
  Runtime runtime;
  EXPECT_FALSE(runtime.on_io_thread());
  std::promise<bool> io;
  runtime.post([&] { io.set_value(runtime.on_io_thread()); });
  EXPECT_TRUE(io.get_future().get());
  std::promise<bool> worker;
  runtime.post_blocking([&] { worker.set_value(runtime.on_io_thread()); });
  EXPECT_FALSE(worker.get_future().get());
}

TEST(Runtime, CallersThatComeAndGoAllGetTheirAnswers) {
  Runtime runtime;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&runtime, t] {
      for (int i = 0; i < 2000; ++i) {
        round_trip(runtime);
        if (i % 97 == t) wait_for(runtime, [&](Task task) { runtime.post_blocking(std::move(task)); });
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Runtime, BlockingTasksRunSideBySide) {
  Runtime runtime({.workers = 4});
  std::promise<void> release;
  auto released = release.get_future().share();
  std::vector<std::future<void>> started;
  for (int i = 0; i < 4; ++i) {
    auto promise = std::make_shared<std::promise<void>>();
    started.push_back(promise->get_future());
    runtime.post_blocking([promise, released] {
      promise->set_value();
      released.wait();
    });
  }
  for (auto& one : started) EXPECT_EQ(one.wait_for(30s), std::future_status::ready);
  release.set_value();
}

TEST(Runtime, MayBeLetGoByItsOwnThreads) {
  for (const bool worker : {false, true}) {
    auto runtime = std::make_shared<Runtime>();
    std::weak_ptr<Runtime> alive = runtime;
    std::promise<void> let_go;
    std::promise<void> done;
    Task last = [held = runtime, &let_go, &done]() mutable {
      let_go.get_future().wait();
      held.reset();
      done.set_value();
    };
    if (worker) {
      runtime->post_blocking(std::move(last));
    } else {
      runtime->post(std::move(last));
    }
    runtime.reset();
    let_go.set_value();
    EXPECT_EQ(done.get_future().wait_for(30s), std::future_status::ready);
    EXPECT_TRUE(alive.expired());
  }
}

TEST(Runtime, CommonIsSharedWhileInUse) {
  const auto first = Runtime::common();
  EXPECT_EQ(first, Runtime::common());
}

TEST(Runtime, RefusesToHaveNoWorkers) {
  EXPECT_THROW(Runtime({.workers = 0}), ConfigError);
}

/// The background thread may come back while a caller that saw the solo mode has not the context yet; the
/// caller is then preempted for longer than `linger`, which more threads than cores make likely.
TEST(Runtime, ACallerThatIsLateToTakeOverDoesNotHang) {
  Runtime runtime;
  std::atomic<bool> done{false};
  std::vector<std::thread> busy;
  for (unsigned i = 0; i < 4 * std::max(2U, std::thread::hardware_concurrency()); ++i) {
    busy.emplace_back([&] {
      while (!done) {
      }
    });
  }
  const TimePoint start = system_clock().now();
  for (int i = 0; system_clock().now() - start < 3s; ++i) {
    // Work on another thread lets the solo mode lapse now and then.
    wait_for(runtime, [&](Task task) {
      i % 4 == 0 ? runtime.post_blocking(std::move(task)) : runtime.post(std::move(task));
    });
  }
  EXPECT_LT(system_clock().now() - start, 25s) << "a wait went past its deadline";
  done = true;
  for (std::thread& thread : busy) thread.join();
}

}  // namespace
}  // namespace terrace
