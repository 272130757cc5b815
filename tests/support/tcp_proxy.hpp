#pragma once
/// TcpProxy: a network that misbehaves on order, between a client and a server on 127.0.0.1.

#include <chrono>
#include <cstdint>
#include <memory>

namespace terrace::testing {

class TcpProxy {
 public:
  /// Listens on a free port and passes on to `target_port`.
  explicit TcpProxy(int target_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  [[nodiscard]] int port() const noexcept;

  /// Connections that come from now on are passed on to this port.
  void retarget(int port);

  /// Each piece arrives this much later, in both directions; pieces under way overlap.
  void delay(std::chrono::milliseconds each_way);
  /// A brown-out: of each connection every `nth` piece of replies arrives this much later, and what follows
  /// waits for it; 0: none.
  void delay_replies(std::size_t nth, std::chrono::milliseconds by);
  /// Replies reach the client in pieces of this many bytes; 0: as they come.
  void slice_replies(std::size_t bytes);
  /// Nothing passes any more in either direction, and nothing is closed: a half-dead connection.
  void stall(bool on);
  /// Replies wait until it is switched off; requests pass.
  void hold_replies(bool on);
  /// Resets (RST) every connection now.
  void reset_all();
  /// Resets a connection after it has passed on that many bytes of replies, once.
  void reset_after(std::size_t reply_bytes);

  /// Connections accepted so far.
  [[nodiscard]] std::uint64_t accepted() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace terrace::testing
