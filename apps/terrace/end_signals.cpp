#include "end_signals.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace terrace::cli {
namespace {

/// Where the handler tells of a signal; a handler may do no more than that.
std::atomic<int> told{-1};

extern "C" void tell_of_signal(int) {
  const int saved = errno;
  const char byte = 0;
  if (::write(told, &byte, 1) < 0) errno = saved;
  errno = saved;
}

}  // namespace

EndSignals::EndSignals() {
  if (::pipe2(pipe_.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  ::fcntl(pipe_[1], F_SETFL, O_NONBLOCK);
  told = pipe_[1];
  struct sigaction action {};
  action.sa_handler = tell_of_signal;
  ::sigaction(SIGINT, &action, &former_interrupt_);
  ::sigaction(SIGTERM, &action, &former_terminate_);
}

EndSignals::~EndSignals() {
  ::sigaction(SIGINT, &former_interrupt_, nullptr);
  ::sigaction(SIGTERM, &former_terminate_, nullptr);
  told = -1;
  ::close(pipe_[0]);
  ::close(pipe_[1]);
}

void EndSignals::wait() {
  char byte = 0;
  while (::read(pipe_[0], &byte, 1) < 0 && errno == EINTR) {
  }
}

bool EndSignals::wait_for(Duration limit, int descriptor) {
  std::array<pollfd, 2> events{pollfd{pipe_[0], POLLIN, 0}, pollfd{descriptor, POLLIN, 0}};
  const auto limit_ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  // Interrupted by a signal: that one, or another such as the terminal's new size. Either way it is time to
  // look.
  if (::poll(events.data(), events.size(), static_cast<int>(limit_ms)) < 0)
    (void)::poll(events.data(), events.size(), 0);
  if ((events[0].revents & POLLIN) == 0) return false;
  wait();
  return true;
}

}  // namespace terrace::cli
