#include <bit>
#include <cstddef>
#include <mutex>
#include <new>
#include <terrace/detail/memory/readers.hpp>
#include <utility>
#include <vector>

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

/// Readers are never destroyed, only reused by later threads: static objects may still read at the very end.
struct Register {
  std::mutex mutex;
  Reader* first = nullptr;
  bool is_set_up = false;
  std::vector<std::uint64_t> counters_taken;  // a bit for each number
};

/// Needs no memory, because advance() must not fail.
Register& all_readers() noexcept {
  alignas(Register) static std::byte place[sizeof(Register)];
  static auto* const all = new (place) Register;
  return *all;
}

#if defined(__linux__)
bool membarrier(int command) noexcept {
  return syscall(SYS_membarrier, command, 0, 0) == 0;
}
bool set_up_barrier() noexcept {
  return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}
/// This may be another process than the one that set it up.
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

/// Makes the thread's entry available to later threads when it ends.
struct ReaderExit {
  Reader* reader = nullptr;
  ~ReaderExit() {
    std::lock_guard lock(all_readers().mutex);
    reader->taken = false;
    Readers::own_ = nullptr;
  }
};

/// In a forked process the other threads do not exist, whatever they were doing.
int Readers::survive_forks() noexcept {
#if defined(__unix__)
  return pthread_atfork([] { all_readers().mutex.lock(); }, [] { all_readers().mutex.unlock(); },
                        [] {
                          for (Reader* reader = all_readers().first; reader != nullptr;
                               reader = reader->next) {
                            if (reader == own_) continue;
                            reader->taken = false;
                            reader->since.store(0, std::memory_order_relaxed);
                          }
                          all_readers().mutex.unlock();
                        });
#else
  return 0;
#endif
}

// Runs before main(): a fork that has begun does not run handlers registered meanwhile.
const int Readers::survives_forks_ = Readers::survive_forks();

Reader& Readers::enrol() {
  Register& all = all_readers();
  {
    std::lock_guard lock(all.mutex);
    if (!std::exchange(all.is_set_up, true)) needs_no_fence_ = set_up_barrier();
    Reader* mine = all.first;
    while (mine != nullptr && mine->taken) mine = mine->next;
    if (mine == nullptr) {
      mine = new Reader;
      mine->next = all.first;
      all.first = mine;
    }
    mine->taken = true;
    own_ = mine;
  }
  // A thread that reads again after its thread_local objects are gone keeps the entry for good.
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
  // If this is the only thread, no ordering is needed: a thread that registers later takes the mutex first.
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

unsigned Readers::take_counters() {
  Register& all = all_readers();
  std::lock_guard lock(all.mutex);
  std::size_t word = 0;
  while (word < all.counters_taken.size() && all.counters_taken[word] == ~std::uint64_t{0}) ++word;
  if (word == all.counters_taken.size()) all.counters_taken.push_back(0);
  const int bit = std::countr_one(all.counters_taken[word]);
  all.counters_taken[word] |= std::uint64_t{1} << bit;
  return static_cast<unsigned>(word) * 64 + static_cast<unsigned>(bit);
}

void Readers::leave_counters(unsigned number) noexcept {
  Register& all = all_readers();
  std::lock_guard lock(all.mutex);
  all.counters_taken[number / 64] &= ~(std::uint64_t{1} << number % 64);
}

Counters* Reader::counters_of(unsigned number, bool make) noexcept {
  if (number < countings) return &counters[number];
  for (std::atomic<More*>* at = &more;;) {
    number -= countings;
    More* block = at->load(std::memory_order_acquire);
    if (block == nullptr) {
      if (!make) return nullptr;
      block = new (std::nothrow) More;
      if (block == nullptr) return nullptr;
      at->store(block, std::memory_order_release);
    }
    if (number < countings) return &block->counters[number];
    at = &block->more;
  }
}

std::uint64_t Readers::sum(unsigned number, unsigned kind) noexcept {
  Register& all = all_readers();
  std::lock_guard lock(all.mutex);
  std::uint64_t total = 0;
  for (Reader* reader = all.first; reader != nullptr; reader = reader->next) {
    if (const Counters* const counted = reader->counters_of(number, false)) {
      total += (*counted)[kind].load(std::memory_order_relaxed);
    }
  }
  return total;
}

}  // namespace terrace::memory
