#include "interpreter.hpp"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace terrace::python {
namespace {

std::atomic<bool> is_exiting{false};
std::atomic<long> sections{0};

std::atomic<unsigned long> main_thread{0};
std::atomic<unsigned long> process{0};

/// Until the process ends, as CPython itself lets late threads do from 3.14 on.
[[noreturn]] void hang() noexcept {
  for (;;) ::pause();
}

}  // namespace

bool exiting() noexcept {
  return is_exiting.load(std::memory_order_acquire);
}

void begin_exit(double seconds) {
  is_exiting.store(true, std::memory_order_release);
  constexpr double step = 0.001;
  PyThreadState* const thread = PyEval_SaveThread();
  for (double waited = 0; sections.load() > 0 && waited < seconds; waited += step) {
    // Threads on their way out need the GIL, not a signal: this one only has to stay away from it.
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, std::chrono::duration<double>(step));
  }
  PyEval_RestoreThread(thread);
}

void set_main_thread(unsigned long ident) noexcept {
  main_thread.store(ident);
}

unsigned long process_number() noexcept {
  return process.load(std::memory_order_relaxed);
}

void reset_after_fork() noexcept {
  process.fetch_add(1);
  sections.store(0);
  main_thread.store(PyThread_get_thread_ident());
}

Released::Released() noexcept {
  sections.fetch_add(1);
  thread_ = PyEval_SaveThread();
}

void Released::reacquire() {
  if (thread_ == nullptr) return;
  PyThreadState* const thread = thread_;
  thread_ = nullptr;
  // begin_exit() waited for this thread in vain, and its interpreter is gone or going.
  if (Py_IsInitialized() == 0 && !on_main_thread()) hang();
  try {
    PyEval_RestoreThread(thread);
  } catch (...) {
    hang();  // the end of the thread (pthread_exit), which must not pass frames that are noexcept
  }
  sections.fetch_sub(1);
}

bool on_main_thread() noexcept {
  return PyThread_get_thread_ident() == main_thread.load(std::memory_order_relaxed);
}

}  // namespace terrace::python
