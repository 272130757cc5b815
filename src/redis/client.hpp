#pragma once
/// Client: keeps one pipeline to a server alive and decides, for every exchange, when it is sent and when it
/// ends.
///
/// All state belongs to the I/O context, which one thread at a time runs; only the inbox and the status are
/// shared, under a lock. An exchange goes inbox → waiting (not sent) → the pipeline's line (sent), and is in
/// the set of deadlines all the time. It leaves early when its deadline passes: from waiting without a trace,
/// from the line by being given up.
///
///   dialing ──► greeting (HELLO) ──► ready ──► (lost) down ──back-off──► dialing …          closed, from any
///
/// A client that follows its primary continues from a replica to the primary that it names, a few times at
/// most and to allowed hosts only. It remembers the primary: when the server of the URL is down, it looks
/// there, too.

#include <boost/intrusive/set.hpp>
#include <mutex>
#include <optional>
#include <terrace/redis.hpp>

#include "base/backoff.hpp"
#include "base/fork.hpp"
#include "redis/allowed_hosts.hpp"
#include "redis/breaker.hpp"
#include "redis/greeting.hpp"
#include "redis/network.hpp"
#include "redis/pipeline.hpp"
#include "redis/timer.hpp"
#include "runtime/presence.hpp"

namespace terrace::redis {

class Client final : public Pipeline::Owner, public std::enable_shared_from_this<Client> {
 public:
  enum class Manner {
    follows_primary,  ///< it needs the primary, on any host
    cluster_node,     ///< it needs this server
    reads_replica,    ///< the same, and a replica shall answer reads
  };

  /// Throws ConfigError. `url` replaces options.url. `tls`: null: made from the files in the options.
  Client(Outside outside, RedisOptions options, RedisUrl url, Manner manner,
         std::shared_ptr<boost::asio::ssl::context> tls = nullptr);
  Client(Outside outside, RedisOptions options);

  /// Begins to connect. Any thread.
  void start();
  /// Any thread. The exchange ends on the I/O thread, or inside this call after shut_down().
  void submit(std::unique_ptr<Exchange> exchange);
  /// Ends all exchanges with Errc::shutdown before it returns. On the I/O thread. Idempotent.
  void shut_down();
  /// The server has become a replica: waits for the owed replies, then looks for its primary. Operations wait
  /// meanwhile. On the I/O thread.
  void find_primary();
  /// Any thread.
  [[nodiscard]] RedisStatus status() const;
  /// Tier::clock_offset. Any thread.
  [[nodiscard]] std::optional<Duration> clock_offset() const noexcept { return store_clock_.offset(); }

  [[nodiscard]] const RedisOptions& options() const noexcept { return options_; }
  /// Where the server is, for messages.
  [[nodiscard]] const std::string& label() const noexcept { return label_; }
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] const Outside& outside() const noexcept { return outside_; }

  /// The server it is connected to, or tries to connect to. On the I/O thread.
  [[nodiscard]] const RedisUrl& target() const noexcept { return target_; }
  /// Identifies the run of the server that it is connected to; empty: it is not connected, or the server does
  /// not say. On the I/O thread.
  [[nodiscard]] const std::string& run_id() const noexcept {
    static const std::string& none = *new std::string;
    return phase_ == Phase::ready ? server_.run_id : none;
  }
  [[nodiscard]] Manner manner() const noexcept { return manner_; }
  /// Null without TLS. Valid as long as the client.
  [[nodiscard]] boost::asio::ssl::context* tls() noexcept { return tls_.get(); }

  void on_answered(std::unique_ptr<Exchange> exchange) override;
  void on_push(const Node&, bool) override {}
  void on_writable() override { flush(); }
  void on_idle() override;
  void on_lost(const std::string& why) override { drop(why, false); }

 private:
  const HomeProcess home_;
  class Hello;
  class Role;
  class Ping;
  enum class Phase { down, dialing, greeting, ready, closed };
  struct EarlierDeadline {
    bool operator()(const Exchange& a, const Exchange& b) const noexcept { return a.deadline < b.deadline; }
  };
  using Deadlines = boost::intrusive::multiset<Exchange, boost::intrusive::compare<EarlierDeadline>,
                                               boost::intrusive::constant_time_size<false>>;

  // Connecting.
  void begin();
  void dial();
  void greet(std::unique_ptr<Exchange> exchange);
  void greeted(const Error* failure, ServerFacts facts, bool is_replica);
  void follow(const Error* failure, const std::string& host, const std::string& port);
  void leave();
  void connect_failed(const Error& why);
  void drop(const std::string& why, bool refuse_meanwhile);
  void retry_after(Duration wait);

  // Exchanges.
  void drain();
  void admit(std::unique_ptr<Exchange> exchange, TimePoint now);
  std::optional<Error> refusal(const Exchange& exchange) const;
  void enqueue(std::unique_ptr<Exchange> exchange);
  void flush();
  void end(std::unique_ptr<Exchange> exchange, const Error* failure);
  void end_all(Pipeline::Batch exchanges, const Error& failure);
  Pipeline::Batch take_waiting();

  // Time.
  void watch_deadline(Exchange& exchange);
  void arm_deadlines(TimePoint when);
  void expire_due();
  void expire(Exchange& exchange, TimePoint now);
  void arm_health();
  void check_health();
  void ping(TimePoint now, Duration limit, bool probe);
  void probed(bool answered);
  /// How often it asks the server for its role.
  static constexpr Duration role_interval = std::chrono::seconds(1);
  /// How often it asks the server for its time.
  static constexpr Duration time_interval = std::chrono::seconds(10);
  void ask_role(TimePoint now);
  void ask(std::unique_ptr<Exchange> exchange, TimePoint now, Duration limit);
  void publish(const std::string* trouble = nullptr);
  /// What holds whenever an event begins.
  void check() const;

  const Outside outside_;
  const Clock& clock_;
  const RedisOptions options_;
  const RedisUrl url_;
  const Manner manner_;
  const AllowedHosts allowed_;
  const std::string label_;
  std::shared_ptr<boost::asio::ssl::context> tls_;

  Phase phase_ = Phase::down;
  RedisUrl target_;
  std::optional<RedisUrl> primary_;  // the last primary that was found on another host
  bool elsewhere_ = false;           // the next attempt begins there
  unsigned hops_ = 0;                // redirects in this attempt
  TimePoint attempt_deadline_{};
  bool leaving_ = false;  // nothing more is sent; when all is answered it goes to the primary
  std::shared_ptr<Network::Dial> dial_;
  std::shared_ptr<Pipeline> pipeline_;
  ServerFacts server_;            // facts about the server at the other end of the pipeline
  std::optional<Error> refusal_;  // why operations end at once while there is no connection
  TimePoint ready_since_{};
  TimePoint role_due_ = no_deadline;  // when it asks whether the server is still a primary
  TimePoint greeted_at_{};
  bool tells_time_ = false;  // the server
  TimePoint time_due_ = no_deadline;
  StoreClock store_clock_;
  Backoff backoff_;
  Breaker breaker_;
  Duration last_limit_{};  // of the operation that ran out of time last
  Presence presence_;
  Timer retry_timer_;
  Timer deadline_timer_;
  Timer health_timer_;
  TimePoint deadline_armed_ = no_deadline;

  Deadlines deadlines_;
  std::deque<std::unique_ptr<Exchange>> waiting_;  // null: ended meanwhile
  std::uint64_t first_waiting_ = 0;                // ticket of its front
  std::size_t waiting_bytes_ = 0;
  std::uint64_t connects_ = 0;
  std::uint64_t failed_connects_ = 0;
  std::uint64_t refused_hosts_ = 0;

  mutable std::mutex mutex_;
  Pipeline::Batch inbox_;
  bool inbox_closed_ = false;
  RedisStatus status_;
};

}  // namespace terrace::redis
