#pragma once
/// SocketNetwork: the network of the machine, by Asio.

#include <terrace/runtime.hpp>

#include "redis/network.hpp"

namespace terrace::redis {

/// Sockets and timers of this runtime, which must outlive what uses them.
[[nodiscard]] Outside outside_of(Runtime& runtime);

}  // namespace terrace::redis
