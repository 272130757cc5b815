#pragma once
/// Exchange: one or more commands that travel together, and what becomes of their replies. Every operation of
/// the tier is one, or several in a row.

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

class Exchange
    : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>> {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  /// A node of the reply to the `index`-th command, in order. Must not call out to users.
  virtual void on_node(std::size_t index, const Node& reply) = 0;

  /// Called exactly once, as the last thing: null when all replies came, else why they will not.
  virtual void on_end(const Error* failure) = 0;

  std::string payload;      ///< the commands, encoded
  std::size_t replies = 1;  ///< how many commands
  TimePoint deadline = no_deadline;
  Slot slot = 0;               ///< of its keys, in a cluster
  bool reads = false;          ///< it changes nothing: it may be sent twice
  bool keeps_payload = false;  ///< the payload stays when it is sent, so that it can be sent again
  bool for_node = false;       ///< only for a server that can be a node of a replicated tier; else not sent

  // Kept by the client and the pipeline.
  std::uint64_t ticket = 0;  ///< its place in the line it stands in
  bool sent = false;
  ServerFacts* server = nullptr;  ///< who answers; set when it is sent
  TimePoint submitted_at{};
};

}  // namespace terrace::redis
