#pragma once
/// Greeting: the first words on a connection: HELLO 3 (RESP3) with the login and the connection's name, and
/// SELECT; and what the server then says of itself. Knows no socket.

#include <optional>
#include <string>
#include <terrace/result.hpp>

#include "redis/redis_url.hpp"
#include "redis/resp.hpp"

namespace terrace::redis {

/// The value of a line in the text of INFO; empty: there is none.
std::string_view info_field(std::string_view text, std::string_view name);

/// What a server says of itself. A connection is to one run of a server, so this holds as long as it.
struct ServerFacts {
  std::string run_id = {};  ///< another one after each start
  std::string label = {};   ///< where it is
  /// The server that was meant, a replica of this one; empty: this one was.
  std::string stands_in_for = {};
  /// Why it cannot be a node of a replicated tier; nothing: it can.
  std::optional<Error> unfit = {};
  std::uint64_t connection = 0;  ///< which one of the client's, from 1

  /// Whether it may evict, as INFO memory tells: the one fact that may change while it runs.
  void learn_memory(std::string_view info);
};

class Greeting {
 public:
  /// `reads_replicas`: a replica in a cluster shall answer reads itself (READONLY).
  explicit Greeting(const RedisUrl& url, bool reads_replicas = false)
      : url_(url), reads_replicas_(reads_replicas) {}

  /// Appends the commands; returns how many.
  std::size_t encode(std::string& out) const;
  /// Appends the questions to the server, which it may leave unanswered; after encode(). Returns how many.
  std::size_t encode_questions(std::string& out) const;
  void take(std::size_t index, const Node& node);
  /// Why the server does not let us in; null: it does.
  [[nodiscard]] const Error* refused() const noexcept { return refused_ ? &*refused_ : nullptr; }
  /// Whether the server says it is one.
  [[nodiscard]] bool is_replica() const noexcept { return is_replica_; }

  /// What it answered to the questions.
  [[nodiscard]] ServerFacts facts(const std::string& stands_in_for = {}) const;

 private:
  [[nodiscard]] std::size_t commands() const noexcept {
    return 1 + std::size_t{url_.database != 0} + std::size_t{reads_replicas_};
  }

  const RedisUrl& url_;
  const bool reads_replicas_;
  bool role_follows_ = false;
  bool is_replica_ = false;
  std::optional<Error> refused_;
  std::string told_;
  std::optional<Error> silent_;
};

}  // namespace terrace::redis
