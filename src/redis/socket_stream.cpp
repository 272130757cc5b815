#include "redis/socket_stream.hpp"

#include <boost/asio/buffer.hpp>

namespace terrace::redis {

namespace asio = boost::asio;

void SocketStream::read_some(std::span<char> into, std::shared_ptr<Listener> listener) {
  const auto space = asio::buffer(into.data(), into.size());
  auto done = [listener = std::move(listener)](const ErrorCode& ec, std::size_t size) {
    listener->on_read(ec, size);
  };
  with_socket([&](auto& socket) { socket.async_read_some(space, std::move(done)); });
}

void SocketStream::write_some(std::string_view from, std::shared_ptr<Listener> listener) {
  const auto bytes = asio::buffer(from.data(), from.size());
  auto done = [listener = std::move(listener)](const ErrorCode& ec, std::size_t size) {
    listener->on_written(ec, size);
  };
  with_socket([&](auto& socket) { socket.async_write_some(bytes, std::move(done)); });
}

std::size_t SocketStream::write_now(std::string_view from) {
  if (tls_) return 0;
  ErrorCode ignored;
  return plain_->write_some(asio::buffer(from.data(), from.size()), ignored);
}

void SocketStream::close() noexcept {
  ErrorCode ignored;
  (tls_ ? tls_->next_layer() : *plain_).close(ignored);
}

}  // namespace terrace::redis
