#pragma once
/// Allocations: what a thread of the test program asks of the heap by `new`, seen and made to fail.

#include <cstddef>

namespace terrace::memory {

/// Of this thread.
struct Allocations {
  /// So many succeed, the next fails; below 0: all succeed.
  static inline thread_local int left = -1;
  /// How often memory with an alignment of its own was freed.
  static inline thread_local std::size_t aligned_freed = 0;

  /// Calls f; the allocation after `succeed` others fails in it. False: it asked for no more than these.
  template <class F>
  static bool failing_after(int succeed, F&& f) {
    left = succeed;
    f();
    const bool failed = left < 0;
    left = -1;
    return failed;
  }
};

}  // namespace terrace::memory
