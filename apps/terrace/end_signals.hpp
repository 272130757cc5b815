#pragma once
/// EndSignals: waits for the user, or whoever started the program, to end it.

#include <array>
#include <csignal>

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

 private:
  struct sigaction former_interrupt_ {};
  struct sigaction former_terminate_ {};
  std::array<int, 2> pipe_{};
};

}  // namespace terrace::cli
