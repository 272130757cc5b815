#pragma once
/// Service: what waits for a Python thread that is nobody's caller: loads to run in the background, lines for
/// the log. One daemon thread of terrace._service takes them out.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <variant>

#include "call.hpp"

namespace terrace::python {

struct LogLine {
  int level;  ///< of Python's logging
  std::string text;
};

/// A Python callable and the text to call it with.
struct Notice {
  Reference receiver;
  std::string text;
};

/// Thread safe.
class Service {
 public:
  using Item = std::variant<JobPtr, LogLine, Notice>;

  static Service& common();

  /// Without the GIL or with it. After stop() it is dropped: a load then fails.
  void push(Item item);
  /// Blocks without the GIL; nothing: it was stopped.
  [[nodiscard]] std::optional<Item> next();
  void stop();
  /// In the child of a fork: as new.
  static void reset_after_fork();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool stopped_ = false;
};

/// What the core writes to its log goes to the service as well.
void send_log_to_service();

}  // namespace terrace::python
