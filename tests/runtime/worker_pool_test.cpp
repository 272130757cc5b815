/// The threads for work that blocks: which tasks wait for each other, and when threads end.

#include "runtime/worker_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace terrace::runtime {
namespace {

using namespace std::chrono_literals;

template <class Act>
void submit(WorkerPool& pool, Act act, WorkerPool::Work work = WorkerPool::Work::bounded) {
  Task task(std::move(act));
  pool.submit(task, work).value();
}

/// Blocks every task that waits for it, and lets them go on at its end.
class Gate {
 public:
  ~Gate() { open(); }
  void pass() const { open_.wait(false); }
  void open() {
    open_ = true;
    open_.notify_all();
  }

 private:
  std::atomic<bool> open_{false};
};

TEST(WorkerPool, LoadsThatHangKeepNoOtherTaskFromAThread) {
  Gate gate;
  WorkerPool pool(2);
  std::latch hung(100);
  for (int i = 0; i < 100; ++i) {
    submit(
        pool,
        [&] {
          hung.count_down();
          gate.pass();
        },
        WorkerPool::Work::load);
  }
  hung.wait();
  std::latch ran(2);
  submit(pool, [&] { ran.count_down(); });
  submit(
      pool, [&] { ran.count_down(); }, WorkerPool::Work::nested);
  ran.wait();
  gate.open();
}

TEST(WorkerPool, BoundedTasksWaitForEachOther) {
  Gate gate;
  WorkerPool pool(2);
  std::latch begun(2);
  for (int i = 0; i < 2; ++i) {
    submit(pool, [&] {
      begun.count_down();
      gate.pass();
    });
  }
  begun.wait();
  std::latch third(1);
  submit(pool, [&] { third.count_down(); });
  std::latch load(1);
  submit(
      pool, [&] { load.count_down(); }, WorkerPool::Work::load);
  load.wait();
  EXPECT_FALSE(third.try_wait());
  gate.open();
  third.wait();
}

TEST(WorkerPool, ThreadsWithoutWorkEnd) {
  WorkerPool pool(8, 1ms);
  std::latch ran(8);
  for (int i = 0; i < 8; ++i) submit(pool, [&] { ran.arrive_and_wait(); });
  ran.wait();
  while (pool.threads() > 0) std::this_thread::yield();
  std::latch again(1);
  submit(pool, [&] { again.count_down(); });
  again.wait();
}

}  // namespace
}  // namespace terrace::runtime
