#include <bit>
#include <mutex>
#include <new>
#include <terrace/detail/memory/readers.hpp>

#if defined(__unix__)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace terrace::memory {
namespace {

/// Readers are never destroyed, only left to later threads: static objects may still read at the very end.
struct Register {
  std::mutex mutex;
  Reader* first = nullptr;
  std::uint64_t counters_taken = 0;  // a bit for each number
};
static_assert(Reader::countings == 64);

Register& all_readers() {
  static auto* const all = new Register;
  return *all;
}

#if defined(__linux__)
bool membarrier(int command) noexcept {
  return syscall(SYS_membarrier, command, 0, 0) == 0;
}
bool set_up_barrier() noexcept {
  return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}
/// The process may be another one than that which set it up.
bool barrier_on_all() noexcept {
  constexpr int command = MEMBARRIER_CMD_PRIVATE_EXPEDITED;
  return membarrier(command) || (set_up_barrier() && membarrier(command));
}
#else
bool set_up_barrier() noexcept {
  return false;
}
bool barrier_on_all() noexcept {
  return false;
}
#endif

}  // namespace

constinit thread_local Reader* Readers::own_ = nullptr;
constinit std::atomic<std::uint64_t> Readers::epoch_{1};
constinit std::atomic<std::uint64_t> Readers::passed_{0};
bool Readers::needs_no_fence_ = false;

/// Leaves the thread's entry to later threads when it ends.
struct ReaderExit {
  Reader* reader = nullptr;
  ~ReaderExit() {
    std::lock_guard lock(all_readers().mutex);
    reader->taken = false;
    Readers::own_ = nullptr;
  }
};

void Readers::set_up() noexcept {
  needs_no_fence_ = set_up_barrier();
#if defined(__unix__)
  // In a forked process the other threads are gone, whatever they were doing.
  pthread_atfork([] { all_readers().mutex.lock(); }, [] { all_readers().mutex.unlock(); },
                 [] {
                   for (Reader* reader = all_readers().first; reader != nullptr; reader = reader->next) {
                     if (reader == own_) continue;
                     reader->taken = false;
                     reader->since.store(0, std::memory_order_relaxed);
                   }
                   all_readers().mutex.unlock();
                 });
#endif
}

Reader& Readers::enrol() noexcept {
  Register& all = all_readers();
  {
    std::lock_guard lock(all.mutex);
    for (own_ = all.first; own_ != nullptr && own_->taken; own_ = own_->next) {
    }
    if (own_ == nullptr) {
      if (all.first == nullptr) set_up();
      own_ = new Reader;
      own_->next = all.first;
      all.first = own_;
    }
    own_->taken = true;
  }
  // A thread that reads again after its thread_local objects are gone keeps the entry for ever.
  thread_local bool once = false;
  if (!once) {
    once = true;
    thread_local ReaderExit exit;
    exit.reader = own_;
  }
  return *own_;
}

void Readers::fence(Reader& reader) noexcept {
#if defined(__SANITIZE_THREAD__)
  reader.since.exchange(reader.since.load(std::memory_order_relaxed), std::memory_order_seq_cst);
#else
  static_cast<void>(reader);
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

void Readers::advance() noexcept {
  Register& all = all_readers();
  const std::unique_lock lock(all.mutex, std::try_to_lock);
  if (!lock) return;
  std::uint64_t oldest = epoch_.fetch_add(1, std::memory_order_seq_cst) + 1;
  // With no thread but this one there is nobody to order with: whoever enrols later takes the mutex first.
  bool is_alone = true;
  for (const Reader* reader = all.first; reader != nullptr; reader = reader->next) {
    is_alone = is_alone && (reader == own_ || !reader->taken);
  }
  if (!is_alone) {
    if (!needs_no_fence_) {
      std::atomic_thread_fence(std::memory_order_seq_cst);
    } else if (!barrier_on_all()) {
      return;
    }
  }
  for (const Reader* reader = all.first; reader != nullptr; reader = reader->next) {
    const std::uint64_t since = reader->since.load(std::memory_order_acquire);
    if (since != 0 && since < oldest) oldest = since;
  }
  passed_.store(oldest, std::memory_order_release);
}

unsigned Readers::take_counters() noexcept {
  Register& all = all_readers();
  std::lock_guard lock(all.mutex);
  const auto number = static_cast<unsigned>(std::countr_one(all.counters_taken));
  if (number < Reader::countings) all.counters_taken |= std::uint64_t{1} << number;
  return number;
}

void Readers::leave_counters(unsigned number) noexcept {
  if (number == Reader::countings) return;
  Register& all = all_readers();
  std::lock_guard lock(all.mutex);
  all.counters_taken &= ~(std::uint64_t{1} << number);
}

std::uint64_t Readers::sum(unsigned number, unsigned kind) noexcept {
  Register& all = all_readers();
  std::lock_guard lock(all.mutex);
  std::uint64_t total = 0;
  for (const Reader* reader = all.first; reader != nullptr; reader = reader->next) {
    total += reader->counters[number][kind].load(std::memory_order_relaxed);
  }
  return total;
}

}  // namespace terrace::memory
