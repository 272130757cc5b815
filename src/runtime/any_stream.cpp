#include "runtime/any_stream.hpp"

namespace terrace {

AnyStream::AnyStream(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls)
    : tcp_(std::move(socket)) {
  if (tls != nullptr) tls_.emplace(tcp_, *tls);
}

AnyStream::AnyStream(boost::asio::any_io_executor executor, boost::asio::ssl::context* tls)
    : tcp_(std::move(executor)) {
  if (tls != nullptr) tls_.emplace(tcp_, *tls);
}

void AnyStream::handshake(Role role, Done done) {
  tls_->async_handshake(role, std::move(done));
}

void AnyStream::shutdown(Done done) {
  tls_->async_shutdown(std::move(done));
}

void AnyStream::read_some(boost::asio::mutable_buffer into, Moved done) {
  tls_ ? tls_->async_read_some(into, std::move(done)) : tcp_.async_read_some(into, std::move(done));
}

void AnyStream::write_some(const Parts& from, Moved done) {
  tls_ ? tls_->async_write_some(from, std::move(done)) : tcp_.async_write_some(from, std::move(done));
}

}  // namespace terrace
