#pragma once
/// Stream: the bytes to and from a server. SocketStream is the real one. Used on the I/O context only.

#include <boost/system/error_code.hpp>
#include <memory>
#include <span>
#include <string_view>

namespace terrace::redis {

using ErrorCode = boost::system::error_code;

class Stream {
 public:
  /// Receives the results of reads and writes, never inside the call that began them.
  class Listener {
   public:
    /// `size` bytes came. asio::error::eof: the server closed the connection.
    virtual void on_read(const ErrorCode& ec, std::size_t size) = 0;
    virtual void on_written(const ErrorCode& ec, std::size_t size) = 0;

   protected:
    ~Listener() = default;
  };

  virtual ~Stream() = default;

  /// One read and one write may be under way at the same time. The bytes must stay until their result comes.
  virtual void read_some(std::span<char> into, std::shared_ptr<Listener> listener) = 0;
  virtual void write_some(std::string_view from, std::shared_ptr<Listener> listener) = 0;

  /// Writes as much as is possible without waiting and returns how much. 0: nothing, or an error, which the
  /// next write_some() reports.
  virtual std::size_t write_now(std::string_view from) = 0;

  /// Reads and writes that are under way may still report a result.
  virtual void close() noexcept = 0;
};

}  // namespace terrace::redis
