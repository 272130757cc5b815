#pragma once
/// Readers: the threads that read lock-free now, so that memory is not reused while a reader may hold it. One
/// register for all caches of the process; grace periods as in user-level RCU (Desnoyers, McKenney, Stern,
/// Dagenais, Walpole: User-level implementations of read-copy update, IEEE TPDS 23, 2012).
///
/// A reader writes the present epoch into a word of its thread when it begins, and 0 when it ends: two plain
/// stores. A writer that has unlinked something takes a stamp(); once passed(stamp) is true it may reuse the
/// memory, because every reader that could have seen it has ended. advance() begins a new epoch and checks
/// which readers are older. Between the two it uses a barrier on the processors of all threads
/// (membarrier(2)), so readers need no barrier; if the system has none, each reader pays for a fence.

#include <array>
#include <atomic>
#include <cstdint>

namespace terrace::memory {

/// One thread's counts for one cache, see Tally. Only that thread writes them.
using Counters = std::array<std::atomic<std::uint64_t>, 2>;

/// A thread that reads, or has read before.
struct alignas(128) Reader {            // two cache lines, because processors fetch them in pairs
  std::atomic<std::uint64_t> since{0};  ///< the epoch in which its outermost section began; 0: not reading
  bool taken = true;                    ///< by a living thread
  Reader* next = nullptr;

  /// Counters for further caches; made when the thread first reads one of them, and never freed.
  struct More;
  std::atomic<More*> more{nullptr};
  /// For the caches with the first numbers.
  static constexpr unsigned countings = 64;
  std::array<Counters, countings> counters{};

  /// The counters for any number. Null: they do not exist yet, and `make` was false or there is no memory.
  Counters* counters_of(unsigned number, bool make) noexcept;
};
struct alignas(128) Reader::More {
  std::array<Counters, countings> counters{};
  std::atomic<More*> more{nullptr};
};

class Readers {
 public:
  /// While it lives, everything that this thread finds stays readable. Sections may be nested.
  class Section {
   public:
    /// Throws std::bad_alloc, only if own() does.
    Section() : reader_(own()), before_(reader_.since.load(std::memory_order_relaxed)) {
      if (before_ == 0) [[likely]]
        begin(reader_);
    }
    ~Section() { reader_.since.store(before_, std::memory_order_release); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

    [[nodiscard]] Reader& reader() const noexcept { return reader_; }

   private:
    Reader& reader_;
    const std::uint64_t before_;
  };

  /// The entry of this thread. Throws std::bad_alloc, only in a thread that has not read yet.
  static Reader& own() {
    Reader* const mine = own_;
    return mine != nullptr ? *mine : enrol();
  }

  /// Take it after the unlinking.
  [[nodiscard]] static std::uint64_t stamp() noexcept {
    return epoch_.fetch_add(0, std::memory_order_acq_rel);
  }
  /// True: no reader can see what was unlinked before that stamp was taken.
  [[nodiscard]] static bool passed(std::uint64_t stamp) noexcept {
    return passed_.load(std::memory_order_acquire) > stamp;
  }
  /// Checks which stamps have passed. It waits neither for readers nor for another thread that does the same.
  static void advance() noexcept;

  /// The lowest number whose counters are not in use. Throws std::bad_alloc.
  static unsigned take_counters();
  static void leave_counters(unsigned number) noexcept;
  /// The sum over all present and former threads.
  static std::uint64_t sum(unsigned number, unsigned kind) noexcept;

 private:
  friend struct ReaderExit;

  static void begin(Reader& reader) noexcept {
    reader.since.store(epoch_.load(std::memory_order_acquire), std::memory_order_relaxed);
    if (needs_no_fence_) [[likely]] {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      fence(reader);
    }
  }
  static void fence(Reader& reader) noexcept;
  static Reader& enrol();
  static int survive_forks() noexcept;

  static constinit thread_local Reader* own_;
  static std::atomic<std::uint64_t> epoch_;
  static std::atomic<std::uint64_t> passed_;
  static bool needs_no_fence_;  // set before the first reader begins
  static const int survives_forks_;
};

}  // namespace terrace::memory
