/// Files that are none of ours, or not whole: refused with a word about why, and nothing is loaded.

#include "snapshot/support.hpp"

namespace terrace {
namespace {

class Damage : public ::testing::Test {
 protected:
  Damage() {
    Texts cache(texts_on(clock_));
    for (int i = 0; i < 5; ++i) {
      cache.set("key " + std::to_string(i), "value", {.ttl = 1h, .expire_after_access = 2h});
    }
    EXPECT_TRUE(save_snapshot(cache, file_));
    whole_ = bytes_of(file_);
  }

  /// The error's text; the cache must be empty.
  std::string refusal(std::string_view bytes, Errc kind) {
    write_bytes(file_, bytes);
    Texts cache(texts_on(clock_));
    const auto loaded = load_snapshot(cache, file_);
    EXPECT_EQ(cache.size(), 0U);
    if (loaded) return "it was loaded";
    EXPECT_EQ(loaded.error(), kind) << loaded.error().message();
    EXPECT_NE(loaded.error().context.find(file_.string()), std::string::npos) << loaded.error().context;
    return loaded.error().context;
  }

  const testing::TempDir place_;
  const std::filesystem::path file_ = place_.path() / "texts.snapshot";
  testing::FakeClock clock_;
  std::string whole_;
};

TEST_F(Damage, NoFileIsNotFound) {
  std::filesystem::remove(file_);
  Texts cache;
  EXPECT_EQ(load_snapshot(cache, file_).error(), Errc::not_found);
}

TEST_F(Damage, AFolderIsNoSnapshot) {
  Texts cache;
  EXPECT_EQ(load_snapshot(cache, place_.path()).error(), Errc::incompatible);
}

TEST_F(Damage, ForeignFiles) {
  EXPECT_NE(refusal("", Errc::incompatible).find("is not a snapshot"), std::string::npos);
  EXPECT_NE(refusal("{\"json\": true}", Errc::incompatible).find("is not a snapshot"), std::string::npos);
  EXPECT_NE(refusal(std::string(1000, '\0'), Errc::incompatible).find("is not a snapshot"),
            std::string::npos);
}

TEST_F(Damage, AnotherVersion) {
  std::string later = whole_;
  later[8] = 2;
  EXPECT_NE(refusal(later, Errc::incompatible).find("has format 2, this program reads 1"), std::string::npos);
}

TEST_F(Damage, OtherTypes) {
  MemoryCache<std::string, std::int64_t> numbers;
  const auto loaded = load_snapshot(numbers, file_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error(), Errc::incompatible);
  EXPECT_NE(loaded.error().context.find("other types"), std::string::npos);
  EXPECT_EQ(numbers.size(), 0U);
}

TEST_F(Damage, EveryTruncationIsRefused) {
  for (std::size_t size = 0; size < whole_.size(); ++size) {
    const Errc kind = size < 12 ? Errc::incompatible : Errc::corrupt;
    EXPECT_NE(refusal(whole_.substr(0, size), kind), "it was loaded") << size;
  }
}

TEST_F(Damage, EveryChangedBitIsRefused) {
  for (std::size_t at = 0; at < whole_.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole_;
      changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
      EXPECT_NE(refusal(changed, at < 12 ? Errc::incompatible : Errc::corrupt), "it was loaded")
          << at << ", bit " << bit;
    }
  }
}

TEST_F(Damage, WhatFollowsTheEndIsRefused) {
  EXPECT_NE(refusal(whole_ + "x", Errc::corrupt).find("something follows its end"), std::string::npos);
  EXPECT_NE(refusal(whole_ + whole_, Errc::corrupt).find("something follows its end"), std::string::npos);
}

}  // namespace
}  // namespace terrace
