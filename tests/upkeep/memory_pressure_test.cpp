/// Caches shrink while memory is short, by what files under a folder of the test's say.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <terrace/cache.hpp>
#include <terrace/memory_pressure.hpp>
#include <terrace/testing.hpp>

#include "support/child_process.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;

class Pressure : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const auto file = place_.path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  /// The process is in /shop/web; its group may use 1000 bytes and uses so many.
  void use(int bytes, int droppable = 0) {
    write("proc/self/cgroup", "1:name=systemd:/x\n0::/shop/web\n");
    write("sys/fs/cgroup/shop/web/memory.max", "1000\n");
    write("sys/fs/cgroup/shop/web/memory.high", "max\n");
    write("sys/fs/cgroup/shop/web/memory.current", std::to_string(bytes) + "\n");
    write("sys/fs/cgroup/shop/web/memory.stat",
          "anon 5\nactive_file 7\ninactive_file " + std::to_string(droppable) + "\n");
  }
  MemoryPressureOptions options() { return {.scheduler = scheduler_, .root = place_.path().string()}; }

  const testing::TempDir place_;
  std::shared_ptr<testing::FakeScheduler> scheduler_ = std::make_shared<testing::FakeScheduler>();
};

TEST_F(Pressure, NothingIsKnownWhereTheKernelTellsNothing) {
  MemoryPressure pressure(options());
  const auto status = pressure.look();
  EXPECT_EQ(status.used, std::nullopt);
  EXPECT_EQ(status.stalled, std::nullopt);
  EXPECT_FALSE(status.pressed);
}

TEST_F(Pressure, ACacheShrinksUntilTheGroupHasRoomAgain) {
  use(950);
  Cache<std::string> cache({.name = "pages", .max_entries = 1000, .scheduler = scheduler_});
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(cache.set(std::to_string(i), "page"));
  const auto entries = [&] { return cache.stats().levels[0].entries; };
  MemoryPressure pressure(options());
  pressure.relieve([&](double share) { cache.shrink_memory(share); });
  ASSERT_EQ(entries(), 1000U);
  scheduler_->advance(1s);
  EXPECT_EQ(entries(), 900U);
  EXPECT_EQ(pressure.status().steps, 1U);
  EXPECT_DOUBLE_EQ(*pressure.status().used, 0.95);
  scheduler_->advance(1s);
  EXPECT_EQ(entries(), 810U);
  use(800);
  scheduler_->advance(5s);
  EXPECT_EQ(entries(), 810U);
  EXPECT_FALSE(pressure.status().pressed);
}

TEST_F(Pressure, WhatTheKernelCanDropIsNoPressure) {
  use(950, 200);
  MemoryPressure pressure(options());
  EXPECT_DOUBLE_EQ(*pressure.look().used, 0.75);
}

TEST_F(Pressure, ALimitOfAGroupAboveCounts) {
  use(10);
  write("sys/fs/cgroup/shop/memory.max", "max");
  write("sys/fs/cgroup/shop/memory.high", "500");
  write("sys/fs/cgroup/shop/memory.current", "480");
  MemoryPressure pressure(options());
  EXPECT_DOUBLE_EQ(*pressure.look().used, 0.96);
  EXPECT_TRUE(pressure.status().pressed);
}

TEST_F(Pressure, StallsCountOfTheGroupOrElseOfTheMachine) {
  write("proc/pressure/memory", "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=1.00 total=0\n");
  MemoryPressure pressure(options());
  EXPECT_DOUBLE_EQ(*pressure.look().stalled, 0.125);
  EXPECT_TRUE(pressure.status().pressed);
  use(10);
  write("sys/fs/cgroup/shop/web/memory.pressure", "some avg10=0.50 avg60=0.00 avg300=0.00 total=1\n");
  EXPECT_DOUBLE_EQ(*pressure.look().stalled, 0.005);
  EXPECT_FALSE(pressure.status().pressed);
}

TEST_F(Pressure, NonsenseIsNoPressure) {
  write("proc/self/cgroup", "0::/a\n");
  for (const char* text : {"", "max", "-", "nan", "0", "9999999999999999999999999"}) {
    write("sys/fs/cgroup/a/memory.max", text);
    write("sys/fs/cgroup/a/memory.current", "12");
    write("proc/pressure/memory", text);
    MemoryPressure pressure(options());
    EXPECT_FALSE(pressure.look().pressed) << text;
  }
}

TEST_F(Pressure, AFunctionThatThrowsDoesNotKeepTheOthersFromShrinking) {
  use(1000);
  int called = 0;
  MemoryPressure pressure(options());
  pressure.relieve([](double) { throw std::runtime_error("no"); });
  pressure.relieve([&](double share) { called += share == 0.1; });
  pressure.look();
  EXPECT_EQ(called, 1);
}

TEST_F(Pressure, NothingIsCalledAfterItsEnd) {
  use(1000);
  int called = 0;
  {
    MemoryPressure pressure(options());
    pressure.relieve([&](double) { ++called; });
  }
  scheduler_->advance(10s);
  EXPECT_EQ(called, 0);
}

TEST_F(Pressure, RefusesOptionsThatMakeNoSense) {
  for (const auto& wrong : std::vector<MemoryPressureOptions>{
           {.max_used = 0}, {.max_used = 1.1}, {.max_stalled = -1}, {.step = 2}, {.interval = 0s}}) {
    EXPECT_THROW(MemoryPressure{wrong}, ConfigError);
  }
  try {
    MemoryPressure pressure({.step = 2});
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("step is 2.0"), std::string::npos) << error.what();
  }
}

/// On this machine, whatever it says.
TEST(PressureHere, LooksAtTheRealFiles) {
  MemoryPressure pressure;
  const auto status = pressure.look();
  if (status.stalled) {
    EXPECT_GE(*status.stalled, 0);
    EXPECT_LE(*status.stalled, 1);
  }
  if (status.used) {
    EXPECT_GT(*status.used, 0);
  }
}

}  // namespace
}  // namespace terrace
