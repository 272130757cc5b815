#pragma once
/// Exchange: one or more commands that are sent together, and the handling of their replies. Every operation
/// of the tier is one exchange, or several in sequence.

#include <boost/intrusive/set.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/result.hpp>

#include "redis/resp.hpp"
#include "redis/slots.hpp"

namespace terrace::redis {

struct ServerFacts;

/// Its link in the set of deadlines removes itself: an exchange that is destroyed there, for example when an
/// I/O context ends with work in it, leaves no dangling pointer.
class Exchange
    : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  /// Receives a node of the reply to the `index`-th command, in order. Must not call user code.
  virtual void on_node(std::size_t index, const Node& reply) = 0;

  /// Called exactly once, as the last call: null if all replies came, otherwise the reason why they will not.
  virtual void on_end(const Error* failure) = 0;

  std::string payload;      ///< the commands, encoded
  std::size_t replies = 1;  ///< how many commands
  TimePoint deadline = no_deadline;
  Slot slot = 0;               ///< slot of its keys, in a cluster
  bool reads = false;          ///< it changes nothing, so it may be sent twice
  bool keeps_payload = false;  ///< the payload is kept when it is sent, so that it can be sent again
  bool own = false;            ///< of the client itself; its outcome says nothing about callers' operations
  bool for_node = false;  ///< only for a server that can be a node of a replicated tier; otherwise not sent

  // Set by the client and the pipeline.
  std::uint64_t ticket = 0;  ///< its place in its line
  bool sent = false;
  ServerFacts* server = nullptr;  ///< the answering server; set when it is sent
  TimePoint submitted_at{};
};

}  // namespace terrace::redis
