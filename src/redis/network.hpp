#pragma once
/// Network: makes the streams to servers. Outside: what a client needs of the world outside: streams and
/// time. Tests give both from a simulated world (testing/).

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <terrace/detail/unique_function.hpp>
#include <terrace/result.hpp>
#include <terrace/scheduler.hpp>

#include "redis/redis_url.hpp"
#include "redis/stream.hpp"

namespace terrace::redis {

/// On the I/O thread only.
class Network {
 public:
  using Dialed = UniqueFunction<void(Result<std::unique_ptr<Stream>>)>;

  /// One attempt to make a stream.
  class Dial {
   public:
    virtual ~Dial() = default;
    /// `done` will not be called. Idempotent.
    virtual void cancel() = 0;
  };

  virtual ~Network() = default;

  /// Calls `done` once, never inside this call, at the latest shortly after the deadline. `url` must stay
  /// until then, or until the cancel; `tls`, which only rediss needs, as long as the stream.
  virtual std::shared_ptr<Dial> dial(const RedisUrl& url, boost::asio::ssl::context* tls, TimePoint deadline,
                                     Dialed done) = 0;
};

struct Outside {
  Scheduler& scheduler;  ///< its I/O thread is the one of the network
  std::shared_ptr<Network> network;
};

}  // namespace terrace::redis
