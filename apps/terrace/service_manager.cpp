#include "service_manager.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace terrace::cli {
namespace {

/// One datagram. The errno of what failed, 0 when it was sent.
int send(std::string_view path, std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool sound = path.front() == '/' || path.front() == '@';
  if (!sound || path.size() >= sizeof address.sun_path) return EINVAL;
  std::memcpy(address.sun_path, path.data(), path.size());
  // "@" stands for the zero byte that begins the name of an abstract socket.
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());

  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  const ssize_t sent = ::sendto(descriptor, text.data(), text.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), length);
  const int fault = sent < 0 ? errno : 0;
  ::close(descriptor);
  return fault;
}

}  // namespace

void tell_service_manager(std::string_view assignments) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return;
  if (const int fault = send(path, assignments); fault != 0) {
    fmt::print(stderr, "terrace: NOTIFY_SOCKET={} cannot be notified: {}\n", path, std::strerror(fault));
  }
}

}  // namespace terrace::cli
