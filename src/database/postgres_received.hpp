#pragma once
/// How many bytes a server has sent. libpq holds each message as a whole, up to 1 GiB, and has no limit of its own.

#include <cstdint>

namespace terrace::postgres {

/// The bytes that a connected TCP socket has received since it was opened, with those of TLS. 0 on a unix socket, which
/// leads to a server on the same machine.
[[nodiscard]] std::uint64_t received_bytes(int socket) noexcept;

}  // namespace terrace::postgres
