#pragma once
/// What the tests of the Redis tier share: blocking calls, and waiting for a state.

#include <gtest/gtest.h>

#include <future>
#include <terrace/redis.hpp>
#include <thread>

#include "support/redis_server.hpp"
#include "support/tcp_proxy.hpp"

namespace terrace::redis {

using namespace std::chrono_literals;
using testing::eventually;
using testing::RedisServer;
using testing::TcpProxy;

inline TimePoint in(Duration d) {
  return after(system_clock().now(), d);
}

/// Waits for what a tier's method hands to its handler; the test fails when nothing comes within a minute.
template <class T, class Call>
T await(Call&& call) {
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  call([promise](T outcome) { promise->set_value(std::move(outcome)); });
  if (future.wait_for(60s) != std::future_status::ready)
    throw std::runtime_error("the handler was never called");
  return future.get();
}

inline Result<Found> get(Tier& tier, std::string_view key, Duration limit = 5s) {
  return await<Result<Found>>([&](auto done) { tier.get(key, in(limit), std::move(done)); });
}
inline Result<void> set(Tier& tier, std::string_view key, BytesView value, std::optional<Duration> ttl = {},
                        Duration limit = 5s) {
  return await<Result<void>>([&](auto done) { tier.set(key, value, ttl, in(limit), std::move(done)); });
}
inline Result<bool> erase(Tier& tier, std::string_view key, Duration limit = 5s) {
  return await<Result<bool>>([&](auto done) { tier.erase(key, in(limit), std::move(done)); });
}
inline std::vector<Result<Found>> get_many(Tier& tier, std::vector<std::string_view> keys,
                                           Duration limit = 5s) {
  return await<std::vector<Result<Found>>>(
      [&](auto done) { tier.get_many(std::move(keys), in(limit), std::move(done)); });
}
inline std::vector<Result<void>> set_many(Tier& tier, std::vector<TierWrite> writes, Duration limit = 5s) {
  return await<std::vector<Result<void>>>(
      [&](auto done) { tier.set_many(std::move(writes), in(limit), std::move(done)); });
}
inline std::vector<Result<bool>> erase_many(Tier& tier, std::vector<std::string_view> keys,
                                            Duration limit = 5s) {
  return await<std::vector<Result<bool>>>(
      [&](auto done) { tier.erase_many(std::move(keys), in(limit), std::move(done)); });
}
inline Result<std::uint64_t> erase_prefix(Tier& tier, std::string_view prefix, Duration limit = 10s) {
  return await<Result<std::uint64_t>>(
      [&](auto done) { tier.erase_prefix(prefix, in(limit), std::move(done)); });
}

inline bool connected(const Tier& tier) {
  return redis_status(tier)->connected;
}
inline bool comes_back(Tier& tier, std::chrono::milliseconds limit = 10s) {
  return eventually([&] { return get(tier, "any", 1s).has_value(); }, limit);
}

/// The text of an error, or "" for none.
template <class T>
std::string text(const Result<T>& outcome) {
  return outcome ? "" : outcome.error().message();
}

template <class T>
::testing::AssertionResult fails(const Result<T>& outcome, Errc kind) {
  if (!outcome && outcome.error() == kind) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "expected \"" << Error(kind).message() << "\", got " << (outcome ? "success" : text(outcome));
}

inline std::string url_of(const TcpProxy& proxy) {
  return "redis://127.0.0.1:" + std::to_string(proxy.port());
}

}  // namespace terrace::redis

#define EXPECT_FAILS(outcome, kind) EXPECT_TRUE(::terrace::redis::fails(outcome, kind))
