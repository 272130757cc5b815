/// Write mode back, through Cache.

#include <gtest/gtest.h>

#include <algorithm>
#include <terrace/cache.hpp>
#include <terrace/testing.hpp>

#include "support/child_process.hpp"

namespace terrace {
namespace {

/// On real time: the journal has a thread of its own.
class BackTest : public ::testing::Test {
 protected:
  using Strings = Cache<std::string>;

  [[nodiscard]] CacheOptions options() const {
    CacheOptions out{.ttl_jitter = 0, .write_mode = WriteMode::back};
    out.write_back.path = folder_.file("journal");
    out.write_back.sync = JournalSync::os_cache;
    return out;
  }
  [[nodiscard]] Strings make(CacheOptions options) const {
    options.scheduler = runtime_;
    return Strings(std::move(options), {upper_, lower_});
  }
  [[nodiscard]] Strings make_back() const { return make(options()); }

  [[nodiscard]] static bool in_map(const std::shared_ptr<testing::MapTier>& map, const std::string& key) {
    Result<Found> found = Found{};
    map->get("default:" + key, no_deadline, [&](Result<Found> f) { found = std::move(f); });
    return found.value().has_value();
  }
  void away(bool is) const {
    for (const auto& tier : {upper_, lower_}) {
      if (is) tier->plan(testing::Fault{.kind = testing::Fault::Kind::fail});
      if (!is) tier->plan(nullptr);
    }
  }

  testing::TempDir folder_;
  std::shared_ptr<Runtime> runtime_ = std::make_shared<Runtime>();
  std::shared_ptr<testing::MapTier> upper_map_ = std::make_shared<testing::MapTier>();
  std::shared_ptr<testing::MapTier> lower_map_ = std::make_shared<testing::MapTier>();
  std::shared_ptr<testing::FaultyTier> upper_ = std::make_shared<testing::FaultyTier>(upper_map_, runtime_);
  std::shared_ptr<testing::FaultyTier> lower_ = std::make_shared<testing::FaultyTier>(lower_map_, runtime_);
};

TEST_F(BackTest, AWriteIsReadAtOnceAndFlushedLater) {
  Strings cache = make_back();
  away(true);
  cache.set("k", "one").value();
  EXPECT_EQ(*cache.get("k"), "one");
  EXPECT_FALSE(in_map(lower_map_, "k"));
  EXPECT_EQ(cache.stats().write_back->pending, 1U);
  away(false);
  cache.flush().value();
  EXPECT_TRUE(in_map(lower_map_, "k"));
  EXPECT_TRUE(in_map(upper_map_, "k"));
  EXPECT_EQ(cache.stats().write_back->pending, 0U);
}

TEST_F(BackTest, WhatWaitsGoesBeforeTheTiers) {
  auto small = options();
  small.max_entries = 1;
  Strings cache = make(small);
  cache.set("k", "old").value();
  cache.set("e", "old").value();
  cache.flush().value();
  away(true);
  cache.set("k", "new").value();
  cache.erase("e").value();
  away(false);
  cache.get("other");
  EXPECT_EQ(*cache.get("k"), "new");
  EXPECT_FALSE(cache.get("e")) << "the tiers still have it";
}

TEST_F(BackTest, TheJournalOutlivesTheProcess) {
  away(true);
  {
    Strings cache = make_back();
    cache.set("k", "one").value();
    cache.set("k", "two").value();
  }
  away(false);
  Strings cache = make_back();
  EXPECT_EQ(*cache.get("k"), "two");
  cache.flush().value();
  EXPECT_TRUE(in_map(lower_map_, "k"));
}

TEST_F(BackTest, AWriterGetsTheNewestOfEachKeyAndDecides) {
  std::vector<std::string> written;
  auto with_writer = options();
  with_writer.writer = make_writer<std::string>([&](const std::vector<WriteBackItem<std::string>>& items) {
    for (const auto& item : items) written.push_back(item.key + "=" + item.value.value_or("(erased)"));
    return std::vector<Result<void>>(items.size());
  });
  Strings cache = make(with_writer);
  for (int i = 0; i < 10; ++i) cache.set("k", std::to_string(i)).value();
  cache.erase("e").value();
  cache.flush().value();
  EXPECT_EQ(written.back(), "e=(erased)");
  EXPECT_LT(written.size(), 11U);
  EXPECT_EQ(*std::find_if(written.rbegin(), written.rend(), [](const auto& w) { return w[0] == 'k'; }),
            "k=9");
  EXPECT_TRUE(in_map(lower_map_, "k"));
}

TEST_F(BackTest, AnUpperTierThatIsAwayHoldsNothingUp) {
  Strings cache = make_back();
  upper_->plan(testing::Fault{.kind = testing::Fault::Kind::fail});
  cache.set("k", "one").value();
  cache.flush().value();
  EXPECT_TRUE(in_map(lower_map_, "k"));
  EXPECT_EQ(cache.stats().unrecovered, 1U);
}

TEST_F(BackTest, ClearLeavesNothingToComeLater) {
  Strings cache = make_back();
  cache.set("k", "one").value();
  cache.clear().value();
  cache.flush().value();
  EXPECT_FALSE(cache.get("k"));
  EXPECT_FALSE(in_map(lower_map_, "k"));
}

TEST_F(BackTest, ATagReachesWhatWaits) {
  Strings cache = make_back();
  away(true);
  cache.set("k", "one", {.tags = {"red"}}).value();
  EXPECT_TRUE(cache.get("k"));
  cache.invalidate_tag("red").value();
  EXPECT_FALSE(cache.get("k"));
}

TEST_F(BackTest, SoftInvalidationIsRefused) {
  Strings cache = make_back();
  EXPECT_EQ(cache.invalidate({"k"}, {.soft = true}).error(), Errc::invalid_argument);
}

TEST_F(BackTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(make({.write_mode = WriteMode::back}), ConfigError) << "no path";
  auto nowhere = options();
  nowhere.scheduler = runtime_;
  EXPECT_THROW(Strings(nowhere, {}), ConfigError) << "neither tier nor writer";
  CacheOptions through;
  through.write_back.path = "x";
  EXPECT_THROW(make(through), ConfigError);
}

}  // namespace
}  // namespace terrace
