#pragma once
/// Greeting: the first commands on a connection: HELLO 3 (RESP3) with the login and the connection's name,
/// and SELECT; and the facts that the server then reports. It has no socket.

#include <optional>
#include <string>
#include <terrace/result.hpp>

#include "redis/redis_url.hpp"
#include "redis/resp.hpp"
#include "redis/store_clock.hpp"

namespace terrace::redis {

/// The remedy for a server or proxy that does not know HELLO 3.
inline constexpr std::string_view needs_resp3 =
    "terrace needs the command HELLO 3 (RESP3): Redis 6 or newer, or Valkey, without a proxy that does not "
    "know "
    "it (such as Twemproxy or Envoy), and without rename-command HELLO";

/// The value of a field in the text of INFO; empty: the field does not exist.
std::string_view info_field(std::string_view text, std::string_view name);

/// The time of the server in the text of INFO server; none: it is not there.
std::optional<StoreClock::SystemTime> told_time(std::string_view text);

/// Facts that a server reports. A connection is to one run of a server, so they are valid as long as the
/// connection.
struct ServerFacts {
  std::string run_id = {};                          ///< changes with each start
  std::optional<StoreClock::SystemTime> time = {};  ///< of its clock, when it was asked
  std::string label = {};                           ///< its address
  /// The intended server, which is a replica of this one; empty: this server was intended.
  std::string stands_in_for = {};
  /// Why it cannot be a node of a replicated tier; nothing: it can.
  std::optional<Error> unfit = {};
  std::uint64_t connection = 0;  ///< the number of the client's connection, from 1

  /// Records from INFO memory whether it may evict: the one fact that may change while it runs.
  void learn_memory(std::string_view info);
};

class Greeting {
 public:
  /// `reads_replicas`: a replica in a cluster shall answer reads itself (READONLY).
  explicit Greeting(const RedisUrl& url, bool reads_replicas = false)
      : url_(url), reads_replicas_(reads_replicas) {}

  /// Appends the commands; returns how many.
  std::size_t encode(std::string& out) const;
  /// Appends the queries to the server, which it may leave unanswered; call it after encode(). Returns how
  /// many.
  std::size_t encode_questions(std::string& out) const;
  /// The same, only for facts().run_id.
  std::size_t encode_identity(std::string& out) const;
  void take(std::size_t index, const Node& node);
  /// Why the server rejects the connection; null: it accepts it.
  [[nodiscard]] const Error* refused() const noexcept { return refused_ ? &*refused_ : nullptr; }
  /// Whether the server says that it is a replica.
  [[nodiscard]] bool is_replica() const noexcept { return is_replica_; }

  /// Whether the server says that it is a node of a cluster.
  [[nodiscard]] bool is_cluster() const noexcept { return is_cluster_; }

  /// Its answers to the queries.
  [[nodiscard]] ServerFacts facts(const std::string& stands_in_for = {}) const;

 private:
  [[nodiscard]] std::size_t commands() const noexcept {
    return 1 + std::size_t{url_.database != 0} + std::size_t{reads_replicas_};
  }

  const RedisUrl& url_;
  const bool reads_replicas_;
  bool role_follows_ = false;
  bool is_replica_ = false;
  bool mode_follows_ = false;
  bool is_cluster_ = false;
  std::optional<Error> refused_;
  std::string told_;
  std::optional<Error> silent_;
};

}  // namespace terrace::redis
