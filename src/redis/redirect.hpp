#pragma once
/// Redirect: a reply that sends the asker elsewhere, or tells it to come again.

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
    ask,        ///< this once `to`, after ASKING: the slot is on its way there
    try_again,  ///< later: the slot is moving, and not all keys are on the same side
    wait,       ///< later: the node is not up to it now
    down,       ///< later, and perhaps elsewhere: the cluster does not serve the slot
    readonly,   ///< a replica was asked to write
  };
  Kind kind = Kind::wait;
  Slot slot = 0;    ///< of moved and ask
  Address to = {};  ///< of moved and ask; without a host: the same as that of the node that answered

  /// Nothing when the error is an answer. Looks into what a script of Redis 6 or a transaction wraps.
  static std::optional<Redirect> parse(std::string_view error);
};

}  // namespace terrace::redis
