/// Clocks that differ, jump or stand still, of processes and of the Redis that they share: an entry lives no longer
/// than its writer gave it.

#include <gtest/gtest.h>

#include <terrace/cache.hpp>
#include <terrace/redis.hpp>
#include <terrace/runtime.hpp>

#include "support/redis_server.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;
using Strings = Cache<std::string>;
using testing::eventually;

/// A runtime on a machine whose wall clock differs from that of this one.
class Elsewhere final : public Scheduler {
 public:
  explicit Elsewhere(Duration ahead) : clock_(ahead) {}

  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }
  void post(Task task) override { below_->post(std::move(task)); }
  void post_blocking(Task task) override { below_->post_blocking(std::move(task)); }
  TimerId call_at(TimePoint when, Task task) override { return below_->call_at(when, std::move(task)); }
  bool cancel(TimerId timer) override { return below_->cancel(timer); }
  bool wait(Latch& latch, TimePoint deadline) override { return below_->wait(latch, deadline); }
  [[nodiscard]] bool on_io_thread() const noexcept override { return below_->on_io_thread(); }
  Result<void> post_load(Task task, bool nested) override {
    return below_->post_load(std::move(task), nested);
  }

 private:
  class ShiftedClock final : public Clock {
   public:
    explicit ShiftedClock(Duration ahead) : ahead_(ahead) {}
    [[nodiscard]] TimePoint now() const noexcept override { return system_clock().now(); }
    [[nodiscard]] WallTime wall_now() const noexcept override {
      return system_clock().wall_now() + std::chrono::floor<std::chrono::milliseconds>(ahead_);
    }

   private:
    const Duration ahead_;
  };

  const ShiftedClock clock_;
  const std::shared_ptr<Runtime> below_ = Runtime::common();
};

class ClocksOnServers : public ::testing::Test {
 protected:
  [[nodiscard]] Strings process(Duration ahead, CacheOptions options = {}) const {
    options.ttl_jitter = 0;
    if (!options.ttl) options.ttl = 1h;
    options.tier_timeout = 10s;  // a loaded machine may take longer than the usual 250 ms
    options.scheduler = std::make_shared<Elsewhere>(ahead);
    auto tier = make_redis_tier({.url = server_.url()});
    EXPECT_TRUE(eventually([&] { return tier->clock_offset().has_value(); }));
    return Strings(std::move(options), {std::move(tier)});
  }

  testing::RedisServer server_{{.own_clock = true}};
};

TEST_F(ClocksOnServers, COH10_ProcessesWhoseClocksDifferAgreeWhenAnEntryEnds) {
  for (const Duration writer : {Duration(-1h), Duration(0s), Duration(1h)}) {
    for (const Duration reader : {Duration(-168h), Duration(0s), Duration(1h)}) {
      SCOPED_TRACE(std::to_string(writer / 1h) + " h and " + std::to_string(reader / 1h) + " h");
      auto cache = process(writer, {.ttl = 1min, .grace = 1h});
      ASSERT_TRUE(cache.set("k", "v"));
      const auto found = process(reader, {.grace = 1h}).lookup("k");
      EXPECT_EQ(found.kind, LookupKind::hit);
      EXPECT_GT(found.remaining, 50s);
      EXPECT_LE(found.remaining, 1min + 200ms);
      // It has no more time than that in the grace time either.
      ASSERT_TRUE(cache.set("short", "v", {.ttl = 20ms}));
      EXPECT_TRUE(
          eventually([&] { return process(reader, {.grace = 1h}).lookup("short").kind != LookupKind::hit; }));
      EXPECT_NE(process(reader, {.grace = 1h}).lookup("short").kind, LookupKind::hit);
    }
  }
}

TEST_F(ClocksOnServers, AServerClockThatDiffersChangesNothing) {
  server_.set_clock(-1h);
  auto writer = process(0s, {.ttl = 1min, .grace = 1h});
  ASSERT_TRUE(writer.set("k", "v"));
  const auto found = process(1h).lookup("k");
  EXPECT_EQ(found.kind, LookupKind::hit);
  EXPECT_GT(found.remaining, 50s);
  EXPECT_LE(found.remaining, 1min + 200ms);
}

/// A server clock that stood still for ten minutes, or was set back, keeps entries that have expired. A process
/// that knew the time before treats them as expired.
TEST_F(ClocksOnServers, COH5_AServerClockThatStoodStillRevivesNothingForThoseWhoKnewTheTime) {
  auto reader = process(0s, {.grace = 1h});
  auto writer = process(0s, {.ttl = 1min, .grace = 1h});
  ASSERT_TRUE(writer.set("k", "old"));
  // Ten minutes pass, of which the server knows nothing.
  server_.set_clock(-10min);
  EXPECT_EQ(server_.cli({"EXISTS", "default:k"}), "1");
  server_.cli({"CLIENT", "KILL", "TYPE", "normal"});  // who connects again asks for the time
  EXPECT_TRUE(
      eventually([&] { return reader.stats().levels[1].reachable == true && reader.get("k").has_value(); }));
  ASSERT_TRUE(writer.set("new", "v"));
  const auto fresh = reader.lookup("new");
  EXPECT_EQ(fresh.kind, LookupKind::hit) << "they agree about what is written now";
  EXPECT_LE(fresh.remaining, 1min + 200ms);
}

/// The control, and not promised (docs/reliability.md): a process that begins after the fall of the clock cannot
/// know of it.
TEST_F(ClocksOnServers, COH5_NotPromisedToAProcessThatBeginsAfterwards) {
  auto writer = process(0s, {.ttl = 1min, .grace = 1h});
  ASSERT_TRUE(writer.set("k", "v"));
  server_.set_clock(-30s);  // it stood still for half a minute
  const auto found = process(0s, {.grace = 1h}).lookup("k");
  // It is from the future for this process, so it is not fresh yet; when its time has come, it lives 30 s too long.
  EXPECT_NE(found.kind, LookupKind::hit);
}

/// Entries that Redis has dropped, or that are older than their TTL now, are misses.
TEST_F(ClocksOnServers, AServerClockThatJumpsForwardCostsHits) {
  auto writer = process(0s, {.ttl = 1min});
  ASSERT_TRUE(writer.set("k", "v"));
  server_.set_clock(1h);
  auto reader = process(0s);
  EXPECT_EQ(reader.get("k"), std::nullopt);
  ASSERT_TRUE(reader.set("k", "new", {.ttl = 1min}));
  EXPECT_EQ(*process(0s).get("k"), "new");
}

}  // namespace
}  // namespace terrace
