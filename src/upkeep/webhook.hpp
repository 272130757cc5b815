#pragma once
/// WebhookOutlet: sends notifications as JSON to a server, one at a time, and retries while that may help. It
/// has no sockets: a Post sends the bodies.

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <terrace/result.hpp>
#include <terrace/tier.hpp>

#include "base/backoff.hpp"
#include "upkeep/outlet.hpp"

namespace terrace::upkeep {

/// Sends bodies, one at a time. Thread safe.
class Post {
 public:
  virtual ~Post() = default;
  /// Calls `done` once, on any thread, never inside the call. Errc::denied: sending it again would not help.
  virtual void post(std::string body, Handler<Result<void>> done) = 0;
  /// Aborts the request under way, whose `done` is then not called; does not block.
  virtual void close() = 0;
};

class WebhookOutlet final : public Outlet, public std::enable_shared_from_this<WebhookOutlet> {
 public:
  struct Terms {
    std::string label;  ///< for messages
    unsigned attempts;
    Duration backoff, max_backoff;
    std::size_t max_queue;
  };
  /// `scheduler` is the timer of the waits between attempts.
  WebhookOutlet(Terms terms, std::shared_ptr<Post> post, Scheduler& scheduler, std::uint64_t seed);

  void send(const AlertNotice& notice) override;
  void close() override;
  [[nodiscard]] SinkStats stats() const override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  void attempt(Lock lock);
  void answered(const Result<void>& outcome);
  void next(Lock lock);

  const Terms terms_;
  const std::shared_ptr<Post> post_;
  Scheduler& scheduler_;  // lives longer than the last timer
  mutable std::mutex mutex_;
  Backoff backoff_;
  SinkStats stats_;
  std::deque<std::string> queue_;  // the front is under way while busy_
  bool busy_ = false;
  unsigned attempts_ = 0;  // attempts for the front
  Scheduler::TimerId timer_ = 0;
  bool closed_ = false;
};

}  // namespace terrace::upkeep
