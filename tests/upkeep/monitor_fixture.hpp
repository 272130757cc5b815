#pragma once
/// A monitor and a cache of strings over one shared tier in memory, on virtual time.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <terrace/cache.hpp>
#include <terrace/monitor.hpp>
#include <terrace/testing.hpp>
#include <vector>

namespace terrace {

using namespace std::chrono_literals;

class MonitorTest : public ::testing::Test {
 protected:
  using Strings = Cache<std::string>;
  using Kind = AlertNotice::Kind;

  void TearDown() override { scheduler_->advance(1h); }

  [[nodiscard]] Strings make(const std::string& name = "users") const {
    CacheOptions options{.name = name};
    options.scheduler = scheduler_;
    return Strings(std::move(options), {faulty_});
  }
  /// Over the shared tier itself, which it watches.
  [[nodiscard]] Strings make_watching() const {
    CacheOptions options{.name = "users"};
    options.scheduler = scheduler_;
    return Strings(std::move(options), {shared_});
  }
  [[nodiscard]] std::unique_ptr<Monitor> monitor(MonitorOptions options = {}) const {
    options.scheduler = scheduler_;
    return std::make_unique<Monitor>(options);
  }

  /// So many reads that memory answers, and so many that nothing does.
  static void read(Strings& cache, int hits, int misses) {
    cache.set("there", "value").value();
    for (int i = 0; i < hits; ++i) EXPECT_TRUE(cache.get("there"));
    for (int i = 0; i < misses; ++i) EXPECT_FALSE(cache.get("not there"));
  }
  /// A rule that says what `holds` says.
  [[nodiscard]] AlertRule rule(const std::string& name = "mine") const {
    return {.name = name, .test = [holds = holds_](const WindowStats&) { return *holds; }};
  }
  /// "fired mine users; recovered mine users; "
  [[nodiscard]] Monitor::Sink into(std::shared_ptr<std::string> story) const {
    return [story = std::move(story)](const AlertNotice& notice) {
      *story += std::string(to_string(notice.kind)) + ' ' + notice.rule + ' ' + notice.cache + "; ";
    };
  }

  std::shared_ptr<testing::FakeScheduler> scheduler_ = std::make_shared<testing::FakeScheduler>();
  std::shared_ptr<testing::SharedMapTier> shared_ =
      std::make_shared<testing::SharedMapTier>(scheduler_->clock());
  std::shared_ptr<testing::FaultyTier> faulty_ = std::make_shared<testing::FaultyTier>(shared_, scheduler_);
  std::shared_ptr<bool> holds_ = std::make_shared<bool>(false);
  std::shared_ptr<std::string> story_ = std::make_shared<std::string>();
};

}  // namespace terrace
