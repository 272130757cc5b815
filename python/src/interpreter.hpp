#pragma once
/// Interpreter: when this thread may touch Python objects, and when nobody may any more.
///
/// The core never runs Python: its threads hand loads and answers to Python threads that wait for them
/// (call.hpp). So the only code here is for those Python threads, and for references that a thread without
/// the GIL lets go of (value.hpp).

#include <atomic>
#include <memory>
#include <utility>

#include "python.hpp"

namespace terrace::python {

/// Set when the interpreter begins to end: from then on nothing waits without the GIL, and nothing of
/// Python's is freed.
[[nodiscard]] bool exiting() noexcept;

/// The interpreter ends: waits, at most `seconds`, until no thread is inside a Released section, so that none
/// has to take the GIL of an interpreter that is gone. Close what they wait for first.
void begin_exit(double seconds);

/// The child of a fork has one thread, which is in no Released section.
void reset_after_fork() noexcept;
/// Another one in the child of a fork: what was under way there belongs to the parent.
[[nodiscard]] unsigned long process_number() noexcept;

/// A section without the GIL. reacquire() never returns to a thread that comes back when the interpreter has
/// ended without it (a daemon thread, more than begin_exit()'s time late): it hangs until the process is
/// gone. reacquire() is a call of its own and not left to a destructor; the destructor is for exceptions.
class Released {
 public:
  Released() noexcept;
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;
  ~Released() noexcept(false) { reacquire(); }
  void reacquire();

 private:
  PyThreadState* thread_;
};

/// Runs `work` without the GIL.
template <class Work>
auto without_gil(Work&& work) {
  Released released;
  auto outcome = work();
  released.reacquire();
  return outcome;
}

/// Lets go of what may wait for threads when it ends, which must not be with the GIL: they may want it.
template <class T>
void let_go(std::shared_ptr<T>& held) {
  if (held == nullptr) return;
  auto last = std::exchange(held, nullptr);
  if (last.use_count() > 1) return;
  without_gil([&] { return last = nullptr, true; });
}

/// What threading.main_thread() says.
void set_main_thread(unsigned long ident) noexcept;
/// This is the thread that signals such as Ctrl-C interrupt.
[[nodiscard]] bool on_main_thread() noexcept;

}  // namespace terrace::python
