#pragma once
/// EndSignals: waits until the user, or the program that started this one, ends it.

#include <array>
#include <csignal>
#include <terrace/clock.hpp>

namespace terrace::cli {

/// Takes SIGINT and SIGTERM while it lives. One at a time.
class EndSignals {
 public:
  /// Throws std::system_error.
  EndSignals();
  ~EndSignals();
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

  /// Returns when one of the signals has come, be it before the call.
  void wait();

  /// Whether a signal has come, waiting for it so long at most. Each is told of once. With a descriptor it
  /// also returns, false, as soon as there is something to read from that.
  bool wait_for(Duration limit, int descriptor = -1);

 private:
  struct sigaction former_interrupt_ {};
  struct sigaction former_terminate_ {};
  std::array<int, 2> pipe_{};
};

}  // namespace terrace::cli
