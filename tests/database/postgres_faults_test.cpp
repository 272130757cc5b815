/// What the PostgreSQL tier does when the server, the network or another session gets in its way.

#include <sys/wait.h>

#include <terrace/testing.hpp>
#include <thread>

#include "database/postgres_test.hpp"
#include "support/lateness.hpp"
#include "support/tcp_proxy.hpp"

namespace terrace::database {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::TcpProxy;

constexpr Duration patience = 200ms;
/// 10 ms are promised; a loaded machine may take longer.
constexpr Duration slack = 100ms;

class PostgresFaults : public PostgresTest {
 protected:
  std::shared_ptr<PostgresTier> make_through(const TcpProxy& proxy, PostgresOptions options = {}) {
    options.url = server().url("postgres", proxy.port());
    return make(std::move(options));
  }
  /// Errors that say "no": nothing was found out, nothing wrong was answered.
  static bool is_refusal(const Error& error) {
    return error == Errc::timed_out || error == Errc::unavailable || error == Errc::io_error;
  }
  static TimePoint in(Duration time) { return after(system_clock().now(), time); }
};

TEST_F(PostgresFaults, F01_OnAFrozenServerEveryOperationEndsByItsDeadline) {
  const auto tier = make({.connect_timeout = 300ms, .reconnect_cap = 100ms});
  // Connecting may take longer on a loaded machine.
  ASSERT_TRUE(eventually([&] { return set(*tier, "a", "1").has_value(); }));
  const testing::Lateness lateness;
  server().freeze();
  const TimePoint by = in(patience);
  std::atomic<int> left{300};
  std::promise<void> all;
  const auto ended = [&](const auto& result) {
    EXPECT_EQ(result.error(), Errc::timed_out) << result.error().message();
    EXPECT_LT(system_clock().now() - by - lateness.since(by), slack);
    if (--left == 0) all.set_value();
  };
  for (int i = 0; i < 100; ++i) {
    tier->get("a", by, ended);
    tier->set("a", "2", {}, by, ended);
    tier->erase_glob("a", "*", by, ended);
  }
  all.get_future().get();
  // After a while it does not even try.
  EXPECT_TRUE(eventually([&] { return get(*tier, "a", in(patience)).error() == Errc::unavailable; }));
  server().thaw();
  EXPECT_TRUE(eventually([&] { return get(*tier, "a", in(patience)).has_value(); }));
}

TEST_F(PostgresFaults, F03_AServerKilledMeanwhileEndsEveryOperationOnce) {
  const auto tier = make({.reconnect_cap = 100ms});
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  std::vector<std::atomic<int>> answers(2000);
  std::atomic<int> total{0};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    tier->set("k" + std::to_string(i), "v", {}, soon(), [&, i](const Result<void>& result) {
      EXPECT_TRUE(result || is_refusal(result.error())) << result.error().message();
      ++answers[i];
      ++total;
    });
    if (i == 1000) server().kill9();
  }
  EXPECT_TRUE(eventually([&] { return total == 2000; }));
  for (const auto& each : answers) EXPECT_EQ(each, 1);
  EXPECT_EQ(get(*tier, "a").error(), Errc::unavailable);
  server().start();
  EXPECT_TRUE(eventually([&] { return set(*tier, "a", "2").has_value(); }));
  EXPECT_EQ(get(*tier, "a").value(), "2");
}

TEST_F(PostgresFaults, F04_RepliesInPiecesOfOneByte) {
  TcpProxy proxy(server().port());
  const auto tier = make_through(proxy, {.connect_timeout = 20s});
  proxy.slice_replies(1);
  for (int i = 0; i < 30; ++i) {
    const std::string key = std::to_string(i);
    ASSERT_TRUE(set(*tier, key, "value of " + key).has_value());
    ASSERT_EQ(get(*tier, key).value(), "value of " + key);
  }
  proxy.reset_after(20);
  EXPECT_FALSE(get(*tier, "1").has_value());
  proxy.slice_replies(0);
  EXPECT_TRUE(eventually([&] { return get(*tier, "1").has_value(); }));
  EXPECT_EQ(get(*tier, "1").value(), "value of 1");
}

TEST_F(PostgresFaults, F05_NobodyGetsAnothersReply) {
  TcpProxy proxy(server().port());
  const auto tier = make_through(proxy, {.connections = 1});
  for (const auto* key : {"a", "b"}) ASSERT_TRUE(set(*tier, key, key).has_value());
  proxy.hold_replies(true);
  EXPECT_EQ(get(*tier, "a", in(20ms)).error(), Errc::timed_out);
  std::promise<Result<Found>> b;
  tier->get("b", soon(), [&](Result<Found> found) { b.set_value(std::move(found)); });
  proxy.hold_replies(false);
  EXPECT_EQ(b.get_future().get().value(), "b");
  EXPECT_EQ(tier->postgres_stats().connects, 1U) << "the connection was good";
}

/// The test above can fail: this is what comes of forgetting who gave up.
TEST_F(PostgresFaults, F05_Control_AClientThatForgetsItsQuestionGetsTheWrongReply) {
  const auto tier = make();
  for (const auto* key : {"a", "b"}) ASSERT_TRUE(set(*tier, key, key).has_value());
  RawPostgres raw(server().url());
  ASSERT_EQ(PQenterPipelineMode(raw.get()), 1);
  const auto ask = [&](const std::string& key) {
    const std::string sql = "SELECT value FROM " + table + " WHERE key = '" + key + "'";
    PQsendQueryParams(raw.get(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1);
    PQpipelineSync(raw.get());
  };
  ask("a");  // and its caller runs out of time
  ask("b");
  PGresult* const reply = PQgetResult(raw.get());
  EXPECT_STREQ(PQgetvalue(reply, 0, 0), "a");
  PQclear(reply);
}

/// Two tiers, one of which is held up on the way: its write comes after the newer one.
class LateWrite : public PostgresFaults {
 protected:
  std::string value_after_a_late_write(std::uint64_t older, std::uint64_t newer) {
    TcpProxy proxy(server().port());
    const auto late = make_through(proxy);
    const auto other = make();
    EXPECT_TRUE(set(*late, "ready", "1").has_value());
    proxy.stall(true);
    const TimePoint by = in(50ms);
    const auto held = wait_for<std::vector<Result<void>>>([&](auto done) {
      late->set_many({{"a", "old", {}, older}, {"arrived", "1", {}, older}}, by, std::move(done));
    });
    EXPECT_EQ(held[0].error(), Errc::timed_out);
    EXPECT_TRUE(set_many(*other, {{"a", "new", {}, newer}})[0].has_value());
    proxy.stall(false);
    EXPECT_TRUE(eventually([&] { return get(*other, "arrived").value().has_value(); }));
    return get(*other, "a").value().value();
  }
};

TEST_F(LateWrite, F44_AnOldFlushAfterANewOneIsTooLate) {
  EXPECT_EQ(value_after_a_late_write(1, 2), "new");
}

TEST_F(LateWrite, F44_Control_WithoutVersionsTheOldValueIsBack) {
  EXPECT_EQ(value_after_a_late_write(0, 0), "old");
}

TEST_F(PostgresFaults, F44_TwoProcessesKeepTheHighestVersion) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "ready", "1").has_value());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::setenv("TERRACE_POSTGRES_URL", server().url().c_str(), 1);
    ::setenv("TERRACE_POSTGRES_TABLE", table.c_str(), 1);
    ::execl("/proc/self/exe", "postgres_test", "--gtest_filter=PostgresWriter.*", nullptr);
    ::_exit(127);
  }
  for (std::uint64_t version = 2; version <= 600; version += 2) {
    ASSERT_TRUE(set_many(*tier, {{"a", std::to_string(version), {}, version}})[0].has_value());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(get(*tier, "a").value(), "601");
  ASSERT_TRUE(set_many(*tier, {{"a", "late", {}, 600}})[0].has_value());
  EXPECT_EQ(get(*tier, "a").value(), "601");
}

/// The other process of the test above.
TEST(PostgresWriter, WritesOddVersions) {
  const char* url = std::getenv("TERRACE_POSTGRES_URL");
  if (url == nullptr) return;
  const auto tier = make_postgres_tier({.url = url, .table = std::getenv("TERRACE_POSTGRES_TABLE")});
  for (std::uint64_t version = 1; version <= 601; version += 2) {
    ASSERT_TRUE(set_many(*tier, {{"a", std::to_string(version), {}, version}})[0].has_value());
  }
}

/// The server commits, and is gone before its reply has come.
TEST_F(PostgresFaults, F47_AWriteWhoseReplyIsLostIsAppliedOnceAndReportedAsUnknown) {
  TcpProxy proxy(server().port());
  const auto tier = make_through(proxy, {.unlogged = false, .reconnect_cap = 100ms});
  ASSERT_TRUE(set(*tier, "ready", "1").has_value());
  // Every write makes a row of its own, with the number of its transaction.
  const auto applied = [&] { return server().sql("SELECT xmin FROM " + table + " WHERE key = 'a'"); };
  proxy.hold_replies(true);
  std::promise<Result<void>> outcome;
  tier->set("a", "1", {}, soon(), [&](Result<void> result) { outcome.set_value(std::move(result)); });
  ASSERT_TRUE(eventually([&] { return !applied().empty(); }));
  const std::string once = applied();
  proxy.reset_all();
  proxy.hold_replies(false);
  server().restart();
  const auto result = outcome.get_future().get();
  EXPECT_EQ(result.error(), Errc::io_error) << result.error().message();
  EXPECT_NE(result.error().context.find("unknown"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return get(*tier, "a").has_value(); }));
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(applied(), once) << "nothing is sent again behind the caller's back";
}

TEST_F(PostgresFaults, F45_ARowTheTableDoesNotAdmitLeavesTheOthersAlone) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "ready", "1").has_value());
  server().sql("ALTER TABLE " + table + " ADD CHECK (value <> 'poison')");
  const auto written = set_many(*tier, {{"a", "1", {}}, {"b", "poison", {}}, {"c", "3", {}}});
  EXPECT_TRUE(written[0].has_value() && written[2].has_value());
  EXPECT_EQ(written[1].error(), Errc::invalid_argument) << written[1].error().message();
  EXPECT_EQ(written[1].error().context.find("poison"), std::string::npos) << written[1].error().message();
  EXPECT_EQ(get(*tier, "c").value(), "3");
}

/// Whatever does not get through waits, and ends by its own deadline.
TEST_F(PostgresFaults, MoreOperationsThanConnectionsWaitUntilTheirDeadlines) {
  const auto tier = make({.connections = 2});
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  RawPostgres other(server().url());
  other.run("BEGIN; LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE");
  const testing::Lateness lateness;
  std::atomic<int> left{200};
  std::promise<void> all;
  for (int i = 0; i < 200; ++i) {
    const TimePoint by = in(50ms + i * 1ms);
    tier->get("a", by, [&, by](const Result<Found>& found) {
      EXPECT_EQ(found.error(), Errc::timed_out) << found.error().message();
      EXPECT_GE(system_clock().now(), by);
      EXPECT_LT(system_clock().now() - by - lateness.since(by), slack);
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().get();
  other.run("COMMIT");
  EXPECT_TRUE(eventually([&] { return get(*tier, "a").has_value(); }));
}

TEST_F(PostgresFaults, ALockHeldTooLongEndsTheStatementOnTheServer) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  RawPostgres other(server().url());
  other.run("BEGIN; UPDATE " + table + " SET value = 'theirs' WHERE key = 'a'");
  const Error why = set(*tier, "a", "2").error();
  EXPECT_EQ(why, Errc::unavailable) << why.message();
  EXPECT_NE(why.context.find("lock"), std::string::npos) << why.message();
  EXPECT_EQ(get(*tier, "a").value(), "1");
  other.run("COMMIT");
  EXPECT_TRUE(set(*tier, "a", "2").has_value());
  EXPECT_EQ(tier->postgres_stats().connects, 1U);
}

TEST_F(PostgresFaults, ARestartedServerIsFoundAgain) {
  const auto tier = make({.unlogged = false, .reconnect_cap = 100ms});
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  server().restart();
  EXPECT_TRUE(eventually([&] { return get(*tier, "a").has_value(); }));
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(tier->stats().reachable, true);
}

TEST_F(PostgresFaults, F39_AnUnreachableServerCostsNothingAndIsNotHammered) {
  const auto tier =
      make({.url = "postgresql://me:hush@127.0.0.1:" + std::to_string(testing::free_port()) + "/cache"});
  const Error why = get(*tier, "a").error();
  EXPECT_EQ(why, Errc::unavailable) << why.message();
  EXPECT_EQ(why.context.find("hush"), std::string::npos) << why.message();
  const TimePoint start = system_clock().now();
  while (system_clock().now() - start < 500ms) {
    EXPECT_EQ(set(*tier, "a", "1").error(), Errc::unavailable);
  }
  EXPECT_LT(tier->postgres_stats().failed_connects, 60U);
  EXPECT_NE(tier->postgres_stats().last_error, "");
  EXPECT_EQ(tier->stats().reachable, false);
}

TEST_F(PostgresFaults, F40_AChildOfForkIsToldWhatToDo) {
  const auto tier = make();
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int verdict = 1;
    tier->get("a", no_deadline, [&](const Result<Found>& found) {
      if (!found && found.error() == Errc::unavailable &&
          found.error().context.find("fork") != std::string::npos) {
        verdict = 0;
      }
    });
    tier->close();
    ::_exit(verdict);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(get(*tier, "a").value(), "1");
  EXPECT_EQ(tier->postgres_stats().connects, 1U);
}

}  // namespace
}  // namespace terrace::database
