#pragma once
/// Tracking: the connection that receives changes (CLIENT TRACKING ON BCAST) for all watches of a tier. The
/// first watch makes it; it ends with the last one. It never uses NOLOOP: two writers in one turn of the
/// server give one push, and if the own one were suppressed, the other one would be lost, too.
/// https://redis.io/docs/latest/develop/reference/client-side-caching/
///
/// All state belongs to the I/O context; only the status is shared, under a lock. Changes are passed on as
/// they are read: a slow watcher makes the server's buffer grow, which the server limits
/// (client-output-buffer-limit), not memory here.
///
///   idle ──► dialing ──► greeting (HELLO, CLIENT TRACKING) ──► ready ──► (lost) waiting ──► dialing … closed

#include <optional>

#include "redis/client.hpp"
#include "redis/ping_proof.hpp"
#include "redis/watches.hpp"

namespace terrace::redis {

class Tracking final : public Pipeline::Owner, public std::enable_shared_from_this<Tracking> {
 public:
  /// The client provides options, credentials, the server's address and the network; its connection is not
  /// used.
  Tracking(std::shared_ptr<Client> client, Naming naming);

  /// Any thread.
  void add(std::shared_ptr<Watch> watch);
  /// On the I/O thread. Idempotent.
  void shut_down();
  /// Sets the fields about watches. Any thread.
  void report(RedisStatus& status) const;

  void on_answered(std::unique_ptr<Exchange> exchange) override { exchange->on_end(nullptr); }
  void on_push(const Node& node, bool last) override;
  void on_writable() override;
  void on_lost(const std::string& why) override;

 private:
  class Hello;
  class Track;
  class Ping;
  enum class Phase { idle, waiting, dialing, greeting, ready, closed };

  // Connecting.
  void dial();
  void greeted(const Error* refused, bool is_replica);
  void tracked(const Error* refused);
  [[nodiscard]] bool at_another_server() const;
  void drop(const Error& why);
  void disconnect();

  // Watches.
  void welcome(std::shared_ptr<Watch> watch);
  void extend(Watch& watch);
  void forget_ended();
  template <class Call>
  void tell_all(Call call);

  // Time.
  void arm(TimePoint when);
  void on_time();
  void prove(TimePoint now);
  void demoted();
  void ponged(bool refused);

  void send(std::unique_ptr<Exchange> exchange);
  void publish(const std::string* trouble = nullptr);

  const HomeProcess home_;
  const std::shared_ptr<Client> client_;
  Scheduler& scheduler_;
  const Naming naming_;
  const Clock& clock_;

  Phase phase_ = Phase::idle;
  RedisUrl target_;
  std::string run_id_;  // of the server of this connection; empty: it does not say (no permission for INFO)
  std::shared_ptr<Network::Dial> dial_;
  std::shared_ptr<Pipeline> pipeline_;
  Pipeline::Batch unsent_;
  TimePoint greeting_deadline_{};
  TimePoint ready_since_{};
  Backoff backoff_;
  Timer timer_;

  std::vector<std::shared_ptr<Watch>> watches_;
  Prefixes registered_;             // on this connection, confirmed or not
  std::size_t unconfirmed_ = 0;     // CLIENT TRACKING commands not answered
  std::optional<PingProof> proof_;  // while ready
  bool invalidation_ = false;       // what the push that is coming in is
  bool flushed_ = false;
  std::vector<std::string> keys_;

  std::uint64_t connects_ = 0;
  mutable std::mutex mutex_;
  RedisStatus status_;
};

}  // namespace terrace::redis
