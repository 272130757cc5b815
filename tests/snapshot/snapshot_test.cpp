/// What a snapshot keeps.

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>

#include "snapshot/support.hpp"

namespace terrace {
namespace {

struct Page {
  std::int64_t id;
  std::string text;
  std::vector<double> scores;
};

TEST(Snapshot, GivesBackEveryEntry) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  MemoryCache<std::uint64_t, Page> saved({.max_entries = 50'000});
  for (std::uint64_t key = 0; key < 50'000; ++key) {
    saved.set(key, {static_cast<std::int64_t>(key) - 7, std::string(key % 100, 'x'), {1.5, double(key)}});
  }
  const auto written = save_snapshot(saved, file);
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(written->entries, saved.size());
  EXPECT_EQ(written->bytes, std::filesystem::file_size(file));

  MemoryCache<std::uint64_t, Page> loaded({.max_entries = 50'000});
  const auto report = load_snapshot(loaded, file);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->entries, saved.size());
  EXPECT_EQ(report->skipped, 0U);
  EXPECT_EQ(report->bytes, written->bytes);
  saved.for_each([&](std::uint64_t key, const Page& page) {
    const auto again = loaded.get(key);
    ASSERT_TRUE(again) << key;
    EXPECT_EQ(again->id, page.id);
    EXPECT_EQ(again->text, page.text);
    EXPECT_EQ(again->scores, page.scores);
  });
}

TEST(Snapshot, AnEmptyCacheAndEntriesLargerThanABlock) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  Texts saved;
  ASSERT_TRUE(save_snapshot(saved, file));
  Texts loaded;
  EXPECT_EQ(load_snapshot(loaded, file)->entries, 0U);
  const std::string large(5 << 20, 'y');
  saved.set("small", "1");
  saved.set("large", large);
  saved.set("", "");
  ASSERT_TRUE(save_snapshot(saved, file));
  EXPECT_EQ(load_snapshot(loaded, file)->entries, 3U);
  EXPECT_EQ(loaded.get("large"), large);
  EXPECT_EQ(loaded.get("small"), "1");
  EXPECT_EQ(loaded.get(""), "");
}

TEST(Snapshot, LivesGoOnWhileTheProgramIsDown) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  testing::FakeClock before;
  {
    Texts cache(texts_on(before));
    cache.set("short", "1", {.ttl = 10s});
    cache.set("long", "2", {.ttl = 100s});
    cache.set("ever", "3");
    cache.set("idle", "4", {.expire_after_access = 30s});
    cache.set("idle for long", "5", {.ttl = 50s, .expire_after_access = 15s});
    before.advance(5s);
    ASSERT_TRUE(save_snapshot(cache, file));
  }
  testing::FakeClock after;
  after.advance(12s);    // 7 s after the save
  after.step_wall(13s);  // and 13 more
  auto options = texts_on(after);
  options.ttl = 1s;  // a default that is not for these
  Texts cache(options);
  const auto report = load_snapshot(cache, file);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->entries, 3U);
  EXPECT_EQ(report->skipped, 2U);
  EXPECT_EQ(cache.get("short"), std::nullopt);
  EXPECT_EQ(cache.get("idle for long"), std::nullopt);
  EXPECT_EQ(cache.inspect("long")->remaining, 75s);
  EXPECT_EQ(cache.inspect("ever")->remaining, std::nullopt);
  EXPECT_EQ(cache.inspect("idle")->remaining, 30s);
  after.advance(74s);
  EXPECT_EQ(cache.get("long"), "2");
  after.advance(1s);
  EXPECT_EQ(cache.get("long"), std::nullopt);
}

TEST(Snapshot, AWallClockThatWasSetBackTakesNothingFromALife) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  testing::FakeClock clock;
  Texts cache(texts_on(clock));
  cache.set("k", "v", {.ttl = 10s});
  ASSERT_TRUE(save_snapshot(cache, file));
  testing::FakeClock earlier;
  earlier.step_wall(-1h);
  Texts loaded(texts_on(earlier));
  ASSERT_TRUE(load_snapshot(loaded, file));
  EXPECT_EQ(loaded.inspect("k")->remaining, 10s);
}

TEST(Snapshot, WhatTheCacheHasIsNewer) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  Texts saved;
  saved.set("a", "old");
  saved.set("b", "old");
  ASSERT_TRUE(save_snapshot(saved, file));
  Texts cache;
  cache.set("a", "new");
  const auto report = load_snapshot(cache, file);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->entries, 1U);
  EXPECT_EQ(report->skipped, 1U);
  EXPECT_EQ(cache.get("a"), "new");
  EXPECT_EQ(cache.get("b"), "old");
  EXPECT_EQ(cache.stats().misses, 0U);
}

TEST(Snapshot, ASmallerCacheEvicts) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  MemoryCache<int, int> saved({.max_entries = 1000});
  for (int i = 0; i < 1000; ++i) saved.set(i, i);
  ASSERT_TRUE(save_snapshot(saved, file));
  MemoryCache<int, int> loaded({.max_entries = 100});
  ASSERT_TRUE(load_snapshot(loaded, file));
  EXPECT_EQ(loaded.size(), 100U);
}

TEST(Snapshot, TheFileIsForItsOwnerOnly) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  Texts cache;
  ASSERT_TRUE(save_snapshot(cache, file));
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Snapshot, SavesWhileTheCacheIsUsed) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  MemoryCache<int, std::string> cache({.max_entries = 5000});
  for (int i = 0; i < 2000; ++i) cache.set(i, "stays");
  std::jthread user([&](const std::stop_token& over) {
    for (int i = 0; !over.stop_requested(); ++i) cache.set(2000 + i % 1000, std::to_string(i));
  });
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(save_snapshot(cache, file));
    MemoryCache<int, std::string> loaded({.max_entries = 5000});
    ASSERT_TRUE(load_snapshot(loaded, file));
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(loaded.get(i), "stays") << i;
  }
}

TEST(Snapshot, RefusesWhereItCannotWriteAndSaysWhere) {
  const testing::TempDir place;
  Texts cache;
  const auto nowhere = save_snapshot(cache, place.path() / "absent" / "pages.snapshot");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error(), Errc::io_error);
  EXPECT_NE(nowhere.error().context.find("absent/pages.snapshot: No such file"), std::string::npos)
      << nowhere.error().context;
  const auto onto_folder = save_snapshot(cache, place.path());
  ASSERT_FALSE(onto_folder);
  EXPECT_EQ(onto_folder.error(), Errc::io_error);
}

/// A disk that is full, by the limit on the size of files.
TEST(Snapshot, AFullDiskLeavesTheOldFile) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  Texts cache;
  cache.set("k", "old");
  ASSERT_TRUE(save_snapshot(cache, file));
  cache.set("k", std::string(100'000, 'x'));
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 10'000, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto full = save_snapshot(cache, file);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error(), Errc::io_error);
  Texts loaded;
  ASSERT_TRUE(load_snapshot(loaded, file));
  EXPECT_EQ(loaded.get("k"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(place.path()), {}), 1) << "a draft was left";
}

TEST(Snapshot, TwoSavesToOneFileDoNotMeet) {
  const testing::TempDir place;
  const auto file = place.path() / "pages.snapshot";
  Texts cache;
  for (int i = 0; i < 5000; ++i) cache.set(std::to_string(i), std::string(100, 'x'));
  {
    std::vector<std::jthread> savers;
    for (int saver = 0; saver < 4; ++saver) {
      savers.emplace_back([&] {
        for (int round = 0; round < 10; ++round) {
          const auto saved = save_snapshot(cache, file);
          if (!saved) {
            EXPECT_NE(saved.error().context.find("another snapshot is being written"), std::string::npos)
                << saved.error().message();
          }
        }
      });
    }
  }
  Texts loaded;
  ASSERT_TRUE(load_snapshot(loaded, file));
  EXPECT_EQ(loaded.size(), cache.size());
}

}  // namespace
}  // namespace terrace
