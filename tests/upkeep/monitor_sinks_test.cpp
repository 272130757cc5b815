#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>
#include <terrace/runtime.hpp>
#include <thread>

#include "support/child_process.hpp"
#include "upkeep/monitor_fixture.hpp"
#include "upkeep/notice_text.hpp"
#include "upkeep/outlet.hpp"

namespace terrace {
namespace {

using testing::eventually;

/// What spdlog's default logger writes meanwhile.
class Logged {
 public:
  Logged() : former_(spdlog::default_logger()) {
    auto logger =
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~Logged() { spdlog::set_default_logger(former_); }
  Logged(const Logged&) = delete;
  Logged& operator=(const Logged&) = delete;
  [[nodiscard]] std::string text() const { return text_.str(); }

 private:
  std::shared_ptr<spdlog::logger> former_;
  std::ostringstream text_;
};

TEST_F(MonitorTest, ASinkThatThrowsStopsNoOther) {
  const Logged logged;
  auto cache = make();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  monitor->add_rule(rule());
  monitor->add_sink([](const AlertNotice&) { throw std::runtime_error("mail server away"); }, "mail");
  monitor->add_sink([](const AlertNotice&) { throw 5; }, "rude");
  monitor->add_sink(into(story_));
  *holds_ = true;
  scheduler_->advance(5s);
  *holds_ = false;
  scheduler_->advance(5s);
  EXPECT_EQ(*story_, "fired mine users; recovered mine users; ");
  const auto sinks = monitor->sinks();
  ASSERT_EQ(sinks.size(), 3U);
  EXPECT_EQ(sinks[0].name, "mail");
  EXPECT_EQ(sinks[0].failed, 2U);
  EXPECT_EQ(sinks[0].last_error, "mail server away");
  EXPECT_EQ(sinks[1].failed, 2U);
  EXPECT_EQ(sinks[2].sent, 2U);
  EXPECT_EQ(sinks[2].failed, 0U);
  EXPECT_NE(
      logged.text().find("alert sink mail threw on notification \"fired\" of rule mine: mail server away"),
      std::string::npos);
}

TEST_F(MonitorTest, NoticesGoToTheLogByTheirSeverity) {
  const Logged logged;
  auto cache = make();
  const auto monitor = this->monitor();
  monitor->watch(cache);
  AlertRule critical = rule("down");
  critical.severity = Severity::critical;
  monitor->add_rule(critical);
  monitor->add_rule(rule("odd"));
  AlertRule mild = rule("mild");
  mild.severity = Severity::info;
  monitor->add_rule(mild);
  monitor->add_sink(log_notices());
  *holds_ = true;
  scheduler_->advance(5s);
  const std::string fired = logged.text();
  EXPECT_NE(fired.find("critical alert down fired for cache users: down (hit_rate 1"), std::string::npos)
      << fired;
  EXPECT_NE(fired.find("warning alert odd fired"), std::string::npos) << fired;
  EXPECT_NE(fired.find("info alert mild fired"), std::string::npos) << fired;
  *holds_ = false;
  scheduler_->advance(5s);
  EXPECT_NE(logged.text().find("info alert down recovered"), std::string::npos) << logged.text();
}

TEST(MonitorSinks, ASlowOneDropsTheOldestNotices) {
  testing::FakeScheduler scheduler;
  std::vector<std::string> told;
  const auto outlet = std::make_shared<upkeep::CallbackOutlet>(
      [&](const AlertNotice& notice) { told.push_back(notice.rule); }, "slow", scheduler,
      std::make_shared<upkeep::Inside>());
  for (std::size_t i = 0; i < upkeep::CallbackOutlet::max_queue + 5; ++i) {
    outlet->send({.kind = AlertNotice::Kind::fired, .rule = std::to_string(i)});
  }
  EXPECT_EQ(outlet->stats().dropped, 5U);
  EXPECT_EQ(outlet->stats().waiting, upkeep::CallbackOutlet::max_queue);
  scheduler.run_ready();
  EXPECT_EQ(told.size(), upkeep::CallbackOutlet::max_queue);
  EXPECT_EQ(told.front(), "5");
  EXPECT_EQ(outlet->stats().sent, upkeep::CallbackOutlet::max_queue);
}

TEST(MonitorSinks, RunOnAWorkerThread) {
  const auto runtime = std::make_shared<Runtime>();
  Cache<int> cache({.name = "users"}, {});
  Monitor monitor({.interval = 10ms, .scheduler = runtime});
  monitor.watch(cache);
  monitor.add_rule({.name = "always", .test = [](const WindowStats&) { return true; }});
  std::atomic<bool> told = false;
  std::atomic<bool> on_io = true;
  monitor.add_sink([&](const AlertNotice&) {
    on_io = runtime->on_io_thread();
    told = true;
  });
  EXPECT_TRUE(eventually([&] { return told.load(); }));
  EXPECT_FALSE(on_io);
}

TEST(MonitorSinks, OneThatHangsHoldsUpNeitherSamplesNorOthers) {
  Cache<int> cache({.name = "users"}, {});
  std::mutex gate;
  std::atomic<int> told = 0;
  std::atomic<bool> hangs = false;
  std::atomic<bool> holds = false;
  std::unique_lock shut(gate);
  Monitor monitor({.interval = 10ms});
  monitor.watch(cache);
  monitor.add_rule(
      {.name = "flaps", .test = [&](const WindowStats&) { return holds = !holds, holds.load(); }});
  monitor.add_sink([&](const AlertNotice&) {
    hangs = true;
    const std::lock_guard wait(gate);
  });
  monitor.add_sink([&](const AlertNotice&) { ++told; });
  EXPECT_TRUE(eventually([&] { return hangs && told > 10; }));
  shut.unlock();
}

TEST(MonitorSinks, TheEndWaitsForTheOneThatRuns) {
  Cache<int> cache({.name = "users"}, {});
  std::atomic<bool> began = false, may_end = false, ended = false;
  auto monitor = std::make_unique<Monitor>(MonitorOptions{.interval = 10ms});
  monitor->watch(cache);
  monitor->add_rule({.name = "always", .test = [](const WindowStats&) { return true; }});
  monitor->add_sink([&](const AlertNotice&) {
    began = true;
    may_end.wait(false);
    ended = true;
  });
  EXPECT_TRUE(eventually([&] { return began.load(); }));
  std::thread closer([&] {
    monitor = nullptr;
    EXPECT_TRUE(ended);
  });
  may_end = true;
  may_end.notify_all();
  closer.join();
}

TEST(MonitorSinks, OneMayEndTheMonitor) {
  Cache<int> cache({.name = "users"}, {});
  std::atomic<bool> ended = false;
  Monitor monitor({.interval = 10ms});
  monitor.watch(cache);
  monitor.add_rule({.name = "always", .test = [](const WindowStats&) { return true; }});
  monitor.add_sink([&](const AlertNotice&) {
    monitor.close();
    ended = true;
  });
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
}

TEST(MonitorSinks, MonitorsThatComeAndGoLeaveNothingBehind) {
  Cache<int> cache({.name = "users"}, {});
  const auto runtime = std::make_shared<Runtime>();
  auto told = std::make_shared<std::atomic<int>>(0);
  for (int i = 0; i < 200; ++i) {
    auto scope = std::make_unique<int>(i);
    Monitor monitor({.interval = 10ms, .scheduler = i % 2 == 0 ? runtime : nullptr});
    monitor.watch(cache);
    monitor.add_rule({.name = "always", .test = [&](const WindowStats&) { return *scope >= 0; }});
    monitor.add_sink([&, told](const AlertNotice&) { *told += *scope >= 0 ? 1 : 0; });
    monitor.sample();
  }
  EXPECT_LE(*told, 200);
}

TEST(MonitorNotices, AreOneJsonObject) {
  const AlertNotice notice{.kind = AlertNotice::Kind::fired,
                           .rule = "cold",
                           .cache = "users",
                           .severity = Severity::critical,
                           .message = "say \"hé\"",
                           .since = WallTime{1'700'000'000'123ms},
                           .at = WallTime{1'700'000'060'004ms}};
  EXPECT_EQ(upkeep::to_json(notice),
            R"({"kind":"fired","rule":"cold","cache":"users","severity":"critical","message":"say \"hé\"",)"
            R"("since":"2023-11-14T22:13:20.123Z","at":"2023-11-14T22:14:20.004Z"})");
}

TEST(MonitorNotices, AreValidWhateverAMessageHolds) {
  const AlertNotice notice{
      .kind = AlertNotice::Kind::broken, .rule = "x", .cache = "y", .message = "\xff\xc3(\x01"};
  const std::string json = upkeep::to_json(notice);
  EXPECT_NE(json.find(R"("message":"??(\u0001")"), std::string::npos) << json;
}

}  // namespace
}  // namespace terrace
