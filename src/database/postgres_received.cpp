#include "database/postgres_received.hpp"

// Not <netinet/tcp.h>: the tcp_info of the C library is too short.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace terrace::postgres {

std::uint64_t received_bytes(int socket) noexcept {
  tcp_info info{};
  socklen_t size = sizeof(info);
  const bool told = ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
                    size >= offsetof(tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received);
  return told ? info.tcpi_bytes_received : 0;
}

}  // namespace terrace::postgres
