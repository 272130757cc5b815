#include "runtime/driver.hpp"

#include <boost/asio/post.hpp>

#include "base/assert.hpp"
#include "base/threads.hpp"

namespace terrace::runtime {

Driver::Driver()
    : work_(context_.get_executor()),
      thread_(start_thread("the I/O of a Runtime", [this] { background(); })) {}

void Driver::stop() {
  if (stopping_.exchange(true)) return;
  unpark_.notify_all();
  context_.stop();
  thread_.join();
}

void Driver::background() {
  while (!stopping_) {
    {
      std::lock_guard baton(baton_);
      while (mode_ == Mode::threaded && !stopping_) context_.run_one();
    }
    park();
  }
}

void Driver::park() {
  std::unique_lock lock(park_mutex_);
  for (bool active = true; active && !company_ && !stopping_;) {
    const unsigned before = lone_calls_;
    unpark_.wait_for(lock, linger, [this] { return company_.load() || stopping_.load(); });
    active = driving_ || lone_calls_ != before;
  }
  mode_ = Mode::threaded;
  company_ = false;
  lone_calls_ = 0;
  if (driving_) interrupt();  // so that it sees the new mode and returns the baton
}

/// Makes the thread that runs the context leave the reactor.
void Driver::interrupt() {
  boost::asio::post(context_, [] {});
}

void Driver::wake() noexcept {
  if (!runs_here()) interrupt();
}

void Driver::enter(bool alone) {
  if (alone) {
    // Every caller that saw the threaded mode has gone: no sleeping caller needs the background thread.
    auto threaded = Mode::threaded;
    if (lone_calls_.fetch_add(1) >= solo_after && mode_.compare_exchange_strong(threaded, Mode::solo))
      interrupt();
  } else if (mode_ == Mode::solo) {
    if (!company_.exchange(true)) unpark_.notify_one();
  } else {
    lone_calls_ = 0;
  }
}

void Driver::drive(Latch& latch, TimePoint deadline) {
  latch.set_waker(this);
  while (!latch.is_open() && mode_ == Mode::solo && !stopping_) {
    if (deadline == no_deadline) {
      context_.run_one();
    } else if (context_.run_one_until(deadline) == 0) {
      break;
    }
  }
  latch.set_waker(nullptr);
}

/// Not lock(): if the mode changes back meanwhile, the background thread takes the baton and keeps it while
/// nothing happens, and no thread would wake this caller.
bool Driver::take_baton() {
  while (mode_ == Mode::solo) {
    if (baton_.try_lock()) return true;
    std::this_thread::yield();
  }
  return false;
}

bool Driver::wait(Latch& latch, TimePoint deadline) {
  if (latch.is_open()) return true;
  const bool alone = blocked_.fetch_add(1) == 0;
  enter(alone);
  if (alone ? take_baton() : mode_ == Mode::solo && baton_.try_lock()) {
    const bool driven = driving_.exchange(true);
    TERRACE_ASSERT(!driven);  // the baton is this thread's
    drive(latch, deadline);
    driving_ = false;
    baton_.unlock();
  }
  const bool opened = latch.is_open() || latch.wait_until(deadline);
  const unsigned blocked = blocked_.fetch_sub(1);
  TERRACE_ASSERT(blocked > 0);
  return opened;
}

}  // namespace terrace::runtime
