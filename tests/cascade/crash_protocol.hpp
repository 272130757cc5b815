#pragma once
/// What the crash test and its child say to each other: one message a datagram, so that a kill leaves none
/// half said.

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace terrace::crash {

inline constexpr std::uint32_t key_count = 12;

/// Every life of the child numbers its writes from its own number times this.
inline constexpr std::uint32_t lives_apart = 1'000'000;

/// A write; n rises with every write of a key.
struct Write {
  std::uint32_t key = 0;
  std::uint32_t n = 0;
  std::uint64_t version = 0;
};

enum class Kind : std::uint32_t {
  acknowledged,  ///< child: this write is acknowledged
  apply,         ///< child: the sink was given these
  applied,       ///< parent: they are in the target
  recovered,     ///< child: everything of the life before has been flushed
  damaged,       ///< child: the journal is damaged, which a kill must not do
};

inline constexpr std::size_t most_writes = 64;

struct Message {
  Kind kind = Kind::acknowledged;
  std::uint32_t count = 0;
  std::array<Write, most_writes> writes = {};
};
static_assert(std::is_trivially_copyable_v<Message>);

inline bool send_message(int socket, Kind kind, const std::vector<Write>& writes) {
  Message message{.kind = kind, .count = static_cast<std::uint32_t>(writes.size()), .writes = {}};
  std::copy(writes.begin(), writes.end(), message.writes.begin());
  return ::send(socket, &message, sizeof message, MSG_NOSIGNAL) == sizeof message;
}

inline bool receive_message(int socket, Message& message) {
  return ::recv(socket, &message, sizeof message, 0) == sizeof message;
}

}  // namespace terrace::crash
