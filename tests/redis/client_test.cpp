/// Ends that come at an awkward moment, put in order by hand: client, dialer and cluster without a server.

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <terrace/testing.hpp>

#include "redis/cluster.hpp"
#include "redis/dialer.hpp"

namespace terrace::redis {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// Counts its ends.
class Counted final : public Exchange {
 public:
  explicit Counted(int& ends) : ends_(ends) {
    add_command(payload, {"PING"});
    deadline = after(system_clock().now(), 1min);
  }
  void on_node(std::size_t, const Node&) override {}
  void on_end(const Error* failure) override {
    ASSERT_NE(failure, nullptr);
    EXPECT_EQ(*failure, Errc::shutdown);
    ++ends_;
  }

 private:
  int& ends_;
};

/// Every attempt to connect takes for ever.
class SilentNetwork final : public Network {
 public:
  std::shared_ptr<Dial> dial(const RedisUrl&, asio::ssl::context*, TimePoint, Dialed done) override {
    class Attempt final : public Dial {
     public:
      explicit Attempt(Dialed done) : done_(std::move(done)) {}
      void cancel() override { done_ = nullptr; }

     private:
      Dialed done_;
    };
    return std::make_shared<Attempt>(std::move(done));
  }
};

Outside silent(testing::FakeScheduler& scheduler) {
  return {scheduler, std::make_shared<SilentNetwork>()};
}

TEST(RedisClient, EndsEachExchangeOnceWhereverItIs) {
  int ends = 0;
  testing::FakeScheduler scheduler;
  const auto client = std::make_shared<Client>(silent(scheduler), RedisOptions{});
  client->start();
  client->submit(std::make_unique<Counted>(ends));
  scheduler.run_ready();  // it waits for a connection
  client->submit(std::make_unique<Counted>(ends));
  client->shut_down();
  EXPECT_EQ(ends, 2);
  client->submit(std::make_unique<Counted>(ends));
  client->shut_down();
  scheduler.run_ready();
  EXPECT_EQ(ends, 3);
  EXPECT_EQ(scheduler.pending_timers(), 0U);
}

/// A scheduler that is destroyed with a client in it: nothing is called, nothing is left behind.
TEST(RedisClient, GoesWithItsSchedulerWithoutAnEnd) {
  int ends = 0;
  {
    testing::FakeScheduler scheduler;
    auto client = std::make_shared<Client>(silent(scheduler), RedisOptions{});
    for (int i = 0; i < 5; ++i) client->submit(std::make_unique<Counted>(ends));
    scheduler.run_ready();
    client.reset();
  }
  EXPECT_EQ(ends, 0);
}

TEST(RedisDialer, ATimeLimitOnItsWayWhenItIsCancelledTouchesNothing) {
  asio::io_context io;
  auto url = std::make_unique<RedisUrl>(parse_redis_url("redis://127.0.0.1:1"));
  const auto dialer = std::make_shared<Dialer>(io, *url, nullptr);
  asio::post(io, [&] {  // the timer is due by now, and its handler stands in the line behind this one
    dialer->cancel();
    url.reset();
  });
  dialer->start(system_clock().now(),
                [](const Result<std::unique_ptr<Stream>>&) { ADD_FAILURE() << "it was cancelled"; });
  io.run();
}

/// It was submitted before the end, and is on its way to the I/O thread when the end comes.
TEST(RedisCluster, WhatIsOnItsWayWhenItIsShutDownEndsToo) {
  int ends = 0;
  testing::FakeScheduler scheduler;
  const auto cluster = std::make_shared<Cluster>(silent(scheduler), ClusterOptions{},
                                                 ClusterEntry{.seeds = {{"127.0.0.1", 1}}});
  cluster->submit(std::make_unique<Counted>(ends));
  cluster->submit_after_refresh(std::make_unique<Counted>(ends));
  cluster->shut_down();
  scheduler.run_ready();
  EXPECT_EQ(ends, 2);
}

}  // namespace
}  // namespace terrace::redis
