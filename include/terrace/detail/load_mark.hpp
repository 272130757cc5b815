#pragma once
/// LoadMark: tells reads that a loader makes from those of everybody else.
///
/// While a loader runs it holds a turn among the loads of its cache, and often a worker thread. A read that
/// it waits for (a nested one) must need neither, or loads would wait for each other: see
/// docs/decisions/0023-nested-loads.md. Who runs a loader marks its thread as long as that runs; a read begun
/// on a marked thread is nested. Threads that a loader starts itself are not marked.

#include <utility>

namespace terrace {

class LoadMark {
 public:
  /// From here to the destructor this thread runs a loader (true), or again something else (false).
  explicit LoadMark(bool loading) noexcept : outer_(std::exchange(loading_, loading)) {}
  ~LoadMark() { loading_ = outer_; }
  LoadMark(const LoadMark&) = delete;
  LoadMark& operator=(const LoadMark&) = delete;

  /// This thread runs a loader now.
  [[nodiscard]] static bool here() noexcept { return loading_; }

 private:
  static inline thread_local bool loading_ = false;
  const bool outer_;
};

}  // namespace terrace
