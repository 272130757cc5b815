#pragma once
/// in_threads: the same body in several threads that begin together.

#include <latch>
#include <thread>
#include <vector>

namespace terrace::memory {

/// Runs body(thread number) in that many threads at a time, and waits for them.
template <class F>
void in_threads(int count, F&& body) {
  std::latch start(count);
  std::vector<std::jthread> threads;
  for (int t = 0; t < count; ++t) {
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      body(t);
    });
  }
}

}  // namespace terrace::memory
