#pragma once
/// What the tests of leases and watches share.

#include <terrace/shared_tier.hpp>

#include "redis/redis_test.hpp"
#include "support/watch_log.hpp"

namespace terrace::redis {

using testing::WatchLog;

/// Blocking calls on the leases of a tier.
inline LeaseToken token(char c) {
  LeaseToken name;
  name.fill(c);
  return name;
}
inline Result<LeaseReply> acquire(Tier& tier, std::string_view key, char name, Duration time = 10s,
                                  BytesView stale = {}, Duration limit = 5s) {
  return await<Result<LeaseReply>>(
      [&](auto done) { tier.shared()->acquire(key, token(name), time, stale, in(limit), std::move(done)); });
}
inline Result<bool> fill(Tier& tier, std::string_view key, char name, BytesView value, Duration limit = 5s) {
  return await<Result<bool>>(
      [&](auto done) { tier.shared()->fill(key, token(name), value, {}, in(limit), std::move(done)); });
}
inline Result<void> release(Tier& tier, std::string_view key, char name) {
  return await<Result<void>>(
      [&](auto done) { tier.shared()->release(key, token(name), in(5s), std::move(done)); });
}

/// A watch over these prefixes that is up.
inline std::shared_ptr<void> start_watch(Tier& tier, const std::shared_ptr<WatchLog>& log,
                                         std::vector<std::string> prefixes = {""}) {
  auto watch = tier.shared()->watch(std::move(prefixes), log);
  EXPECT_TRUE(log->comes("watching")) << redis_status(tier)->last_watch_error;
  return watch;
}

}  // namespace terrace::redis
