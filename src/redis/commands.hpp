#pragma once
/// The commands of the tier as exchanges: for one key, and the bulk delete by prefix. Many keys: bulk.hpp.

#include <functional>
#include <terrace/tier.hpp>
#include <vector>

#include "base/tier_counters.hpp"
#include "redis/backend.hpp"
#include "redis/encoding.hpp"

namespace terrace::redis {

/// What exchanges share with their tier, and keep alive.
struct TierContext {
  TierContext(std::shared_ptr<Backend> b, RedisOptions o, const Clock& clock, Naming naming)
      : backend(std::move(b)), options(std::move(o)), encoding(options, clock, naming) {}

  const std::shared_ptr<Backend> backend;
  const RedisOptions options;
  const Encoding encoding;
  TierCounters counters;
};

/// Decodes one node of the reply to the last command of a key, or an error of any of its commands. An error
/// stays.
///  - Found: GET, or a script that returns a value or nil
///  - void: the transaction of a SET (the array of EXEC), or a script
///  - bool: UNLINK, or a script that returns a number; true stays, because a key may be looked for in two
///    places
void decode(const Node& node, std::string_view server, Result<Found>& outcome);
void decode(const Node& node, std::string_view server, Result<void>& outcome);
void decode(const Node& node, std::string_view server, Result<bool>& outcome);

Error unexpected_reply(std::string_view server);

/// One key. `T` is the result type of the handler: Found, void or bool.
template <class T>
class Single final : public Exchange {
 public:
  Single(std::shared_ptr<TierContext> context, std::size_t commands, Handler<Result<T>> done)
      : context_(std::move(context)), done_(std::move(done)) {
    replies = commands;
  }

  void on_node(std::size_t index, const Node& reply) override {
    if (index + 1 == replies || is_error(reply)) decode(reply, context_->backend->label(), outcome_);
  }
  void on_end(const Error* failure) override {
    if (failure != nullptr) outcome_ = *failure;
    context_->counters.count(outcome_);
    done_(std::move(outcome_));
  }

 private:
  std::shared_ptr<TierContext> context_;
  Handler<Result<T>> done_;
  Result<T> outcome_;
};

/// Removes every key of one server that begins with the prefix and whose remainder matches the pattern, with
/// leases and versions. SCAN goes from cursor to cursor; the keys of each step are removed together with the
/// next SCAN. Other operations are sent in between.
struct Swept {
  std::uint64_t removed = 0;
  bool again = false;   ///< the server was not responsible for some of the keys, or slots moved meanwhile
  bool astray = false;  ///< in a cluster: the server serves no slots, or was replaced by another one
                        ///< meanwhile
};
void start_sweep(std::shared_ptr<TierContext> context, std::shared_ptr<Client> client, std::string prefix,
                 std::string pattern, TimePoint deadline, Handler<Result<Swept>> done);

}  // namespace terrace::redis
