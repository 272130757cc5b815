#pragma once
/// Client: the connection pool. It keeps a few pipelines to the server alive and decides, for every exchange,
/// when it is sent and when it ends.
///
/// All state belongs to the I/O context, which one thread at a time runs; only the inbox and the stats are
/// shared, under a lock. An exchange goes inbox → waiting (not sent) → the line of a pipeline (sent), and is
/// in the set of deadlines all the time. It leaves early when its deadline passes: from waiting without a
/// trace, from a line by being given up.
///
/// At most one attempt to connect is under way. While there is no connection and the last attempt failed,
/// every new exchange is rejected with the reason.

#include <unistd.h>

#include <boost/intrusive/set.hpp>
#include <mutex>
#include <terrace/postgres.hpp>

#include "base/backoff.hpp"
#include "database/postgres_pipeline.hpp"
#include "database/postgres_target.hpp"
#include "runtime/presence.hpp"

namespace terrace::postgres {

class Client final : public Pipeline::Owner, public std::enable_shared_from_this<Client> {
 public:
  /// Throws ConfigError. The runtime must outlive it.
  Client(Runtime& runtime, PostgresOptions options);

  /// Begins to connect. Any thread.
  void start();
  /// Any thread. The exchange ends on the I/O thread, or inside this call after shut_down().
  void submit(std::unique_ptr<Exchange> exchange);
  /// Ends all exchanges with Errc::shutdown before it returns. On the I/O thread. Idempotent.
  void shut_down();

  /// True if this process is a child of the one that made the client: it must not touch anything.
  [[nodiscard]] bool forked() const noexcept { return ::getpid() != process_; }

  /// Any thread.
  [[nodiscard]] PostgresStats stats() const;
  [[nodiscard]] const PostgresOptions& options() const noexcept { return options_; }
  [[nodiscard]] const Clock& clock() const noexcept { return runtime_.clock(); }

  void on_answered(std::unique_ptr<Exchange> exchange, const Error* refusal) override;
  void on_relieved() override { flush(); }
  void on_lost(Pipeline& pipeline, const std::string& why) override;

 private:
  struct EarlierDeadline {
    bool operator()(const Exchange& a, const Exchange& b) const noexcept { return a.deadline < b.deadline; }
  };
  using Deadlines = boost::intrusive::multiset<Exchange, boost::intrusive::compare<EarlierDeadline>>;

  // Connecting.
  void dial();
  void dialled(Result<Session> made);
  void retry_after(Duration wait);

  // Exchanges.
  void drain();
  void admit(std::unique_ptr<Exchange> exchange);
  [[nodiscard]] std::optional<Error> refusal() const;
  void flush();
  [[nodiscard]] Pipeline* freest() const;
  void end(std::unique_ptr<Exchange> exchange, const Error* failure);
  void end_all(Line exchanges, const Error& failure);
  [[nodiscard]] Line take_waiting();

  // Time.
  void arm_deadlines(TimePoint when);
  void expire_due();
  void expire(Exchange& exchange);
  void publish(const std::string* trouble = nullptr);

  const pid_t process_ = ::getpid();
  Runtime& runtime_;
  boost::asio::io_context& io_;
  const PostgresOptions options_;
  const Target target_;

  bool closed_ = false;
  bool dialing_ = false;
  bool pausing_ = false;  // until the next attempt
  std::vector<std::shared_ptr<Pipeline>> pipelines_;
  std::optional<Error> refusal_;
  Backoff backoff_;
  Presence presence_;
  boost::asio::steady_timer retry_timer_;
  boost::asio::steady_timer deadline_timer_;
  TimePoint deadline_armed_ = no_deadline;

  Deadlines deadlines_;
  Line waiting_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t connects_ = 0;
  std::uint64_t failed_connects_ = 0;

  mutable std::mutex mutex_;
  Line inbox_;
  bool inbox_closed_ = false;
  PostgresStats stats_;
};

}  // namespace terrace::postgres
