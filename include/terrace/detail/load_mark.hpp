#pragma once
/// LoadMark: distinguishes reads made by a loader from all other reads.
///
/// While a loader runs it holds a turn among the loads of its cache, and often a worker thread. A read that
/// it waits for (a nested read) must need neither, otherwise loads would wait for each other: see
/// docs/decisions/0023-nested-loads.md. The code that runs a loader marks its thread meanwhile; a read begun
/// on a marked thread is nested. Threads that a loader starts itself are not marked.

#include <utility>

namespace terrace {

class LoadMark {
 public:
  /// From here to the destructor this thread runs a loader (true), or something else again (false).
  explicit LoadMark(bool loading) noexcept : outer_(std::exchange(loading_, loading)) {}
  ~LoadMark() { loading_ = outer_; }
  LoadMark(const LoadMark&) = delete;
  LoadMark& operator=(const LoadMark&) = delete;

  /// True if this thread runs a loader now.
  [[nodiscard]] static bool here() noexcept { return loading_; }

 private:
  static inline thread_local bool loading_ = false;
  const bool outer_;
};

}  // namespace terrace
