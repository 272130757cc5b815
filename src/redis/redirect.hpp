#pragma once
/// Redirect: a reply that redirects the client, or asks it to try again.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "redis/slots.hpp"

namespace terrace::redis {

/// A node of a cluster.
struct Address {
  std::string host;  ///< name or address, IPv6 without brackets
  std::uint16_t port = 0;

  friend auto operator<=>(const Address&, const Address&) = default;
  /// "host:port", for messages.
  [[nodiscard]] std::string text() const;
};

struct Redirect {
  enum class Kind {
    moved,      ///< the slot belongs to `to`
    ask,        ///< this time `to`, after ASKING: the slot is moving there
    try_again,  ///< later: the slot is moving, and not all keys are at one node
    wait,       ///< later: the node cannot serve it now
    down,       ///< later, and perhaps at another node: the cluster does not serve the slot
    readonly,   ///< a write was sent to a replica
  };
  Kind kind = Kind::wait;
  Slot slot = 0;    ///< for moved and ask
  Address to = {};  ///< for moved and ask; without a host: the host of the node that answered

  /// Nothing if the error is a final answer. Also examines an error wrapped by a script of Redis 6 or a
  /// transaction.
  static std::optional<Redirect> parse(std::string_view error);
};

}  // namespace terrace::redis
