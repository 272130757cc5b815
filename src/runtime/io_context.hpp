#pragma once
/// The Asio context behind a Runtime, for the layers that own sockets.

#include <boost/asio/io_context.hpp>
#include <terrace/runtime.hpp>

namespace terrace {

/// Only one thread at a time runs this context: its handlers need no strand.
boost::asio::io_context& io_context(Runtime& runtime) noexcept;

}  // namespace terrace
