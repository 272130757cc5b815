#include "envelope/envelope.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <xxhash.h>
#include <zstd.h>

#include <random>

#include "envelope/entries.hpp"

namespace terrace::envelope {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr CompressionOptions plain{.enabled = false};

/// The bytes with a right checksum for "ns" and "key": what a changed envelope needs to get past that check.
Bytes with_checksum(Bytes bytes) {
  const Bytes place = "\x02\0\0\0ns\x03\0\0\0key"s;
  const std::uint64_t sum =
      XXH3_64bits_withSeed(bytes.data(), bytes.size(), XXH3_64bits(place.data(), place.size()));
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return bytes;
}

Bytes without_checksum(Bytes bytes) {
  bytes.resize(bytes.size() - 8);
  return bytes;
}

/// The text again and again, with a number now and then, up to a size.
Bytes repeated(std::string_view text, std::size_t size) {
  Bytes out;
  for (std::size_t i = 0; out.size() < size; ++i) (out += text) += i % 16 == 0 ? std::to_string(i) : "";
  out.resize(size);
  return out;
}

/// An entry with this frame as its compressed payload, and a right checksum.
Bytes with_frame(const Bytes& frame) {
  Bytes head = without_checksum(wrap("ns", "key", {.created = WallTime(1ms)}, ""));
  head[4] = 1;
  return with_checksum(head + frame);
}

Bytes frame_of(const Bytes& payload, int level) {
  Bytes frame(ZSTD_compressBound(payload.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), payload.data(), payload.size(), level));
  return frame;
}

TEST(Envelope, GivesBackWhatWasWrapped) {
  for (const auto& [meta, payload] : shapes()) {
    for (const CompressionOptions& options : {CompressionOptions{}, plain}) {
      const Bytes stored = wrap("ns", "key", meta, payload, options);
      const Result<Opened> opened = open("ns", "key", stored);
      ASSERT_TRUE(opened.has_value()) << opened.error().message();
      EXPECT_EQ(opened->meta, meta);
      EXPECT_EQ(opened->payload(), payload);
    }
  }
}

TEST(Envelope, PayloadSurvivesMovesOfTheOpened) {
  for (const Bytes& payload : {"short"s, Bytes(3000, 'z')}) {
    const Bytes stored = wrap("ns", "key", full_meta(), payload, {.threshold = 0});
    Opened first = open("ns", "key", stored).value();
    const Opened second = std::move(first);
    EXPECT_EQ(second.payload(), payload);
  }
}

TEST(Envelope, CostsThirtyBytesAndEightPerField) {
  EnvelopeMeta meta{.created = WallTime(1ms), .codec = 1, .schema = 5};
  EXPECT_EQ(wrap("ns", "key", meta, "payload").size(), 30U + 7U);
  meta.fresh_until = WallTime(2ms);
  EXPECT_EQ(wrap("ns", "key", meta, "payload").size(), 38U + 7U);
  meta.grace = 1ns;
  meta.version = 1;
  meta.tags = {{"abc", 1}};
  EXPECT_EQ(wrap("ns", "key", meta, "payload").size(), 38U + 16U + 4U + 15U + 7U);
}

TEST(Envelope, CompressesOnlyWhatGetsSmaller) {
  std::mt19937_64 random(1);
  Bytes noise(2000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  const Bytes text(2000, 'x');
  const EnvelopeMeta meta{.created = WallTime(1ms)};
  EXPECT_EQ(wrap("ns", "key", meta, noise).size(), 30 + noise.size());
  EXPECT_LT(wrap("ns", "key", meta, text).size(), 100U);
  EXPECT_EQ(wrap("ns", "key", meta, BytesView(text).substr(0, 1023)).size(), 30U + 1023U);
  EXPECT_EQ(wrap("ns", "key", meta, text, plain).size(), 30 + text.size());
}

TEST(Envelope, RoundsGraceUpToMilliseconds) {
  EnvelopeMeta meta = full_meta();
  meta.grace = 1ns;
  EXPECT_EQ(open("ns", "key", wrap("ns", "key", meta, "")).value().meta.grace, 1ms);
}

TEST(Envelope, F32_EveryFlippedBitIsRefused) {
  for (const auto& [meta, payload] : shapes()) {
    const Bytes stored = wrap("ns", "key", meta, payload);
    for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
      Bytes mutant = stored;
      mutant[bit / 8] = static_cast<char>(mutant[bit / 8] ^ (1 << (bit % 8)));
      refusal(open("ns", "key", mutant));
    }
  }
}

TEST(Envelope, F32_EveryCutAndExtensionIsRefused) {
  for (const auto& [meta, payload] : shapes()) {
    const Bytes stored = wrap("ns", "key", meta, payload);
    for (std::size_t size = 0; size < stored.size(); ++size) {
      EXPECT_EQ(refusal(open("ns", "key", BytesView(stored).substr(0, size))), Errc::corrupt);
    }
    EXPECT_EQ(refusal(open("ns", "key", stored + '\0')), Errc::corrupt);
    EXPECT_EQ(refusal(open("ns", "key", stored + stored)), Errc::corrupt);
  }
}

TEST(Envelope, AnotherKeysValueIsRefused) {
  const Bytes stored = wrap("a", "bc", full_meta(), "payload");
  EXPECT_TRUE(open("a", "bc", stored).has_value());
  EXPECT_EQ(refusal(open("ab", "c", stored)), Errc::corrupt);
  EXPECT_EQ(refusal(open("", "abc", stored)), Errc::corrupt);
  EXPECT_EQ(refusal(open("a", "bd", stored)), Errc::corrupt);
  EXPECT_EQ(refusal(open("b", "bc", stored)), Errc::corrupt);
}

TEST(Envelope, ForeignBytesAreRefused) {
  for (const Bytes& foreign : {""s, "x"s, "hello, world, this is no envelope at all"s, Bytes(100, '\0'),
                               "\xc1T"s, "\x80\x04\x95pickled by some other program......."s}) {
    EXPECT_EQ(refusal(open("ns", "key", foreign)), Errc::corrupt);
  }
}

TEST(Envelope, OtherFormatsAreIncompatible) {
  const Bytes stored = without_checksum(wrap("ns", "key", full_meta(), "payload"));
  Bytes newer = stored;
  newer[2] = 2;
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(newer))), Errc::incompatible);
  Bytes unknown_flag = stored;
  unknown_flag[5] = '\x80';
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(unknown_flag))), Errc::incompatible);
  Bytes sealed = stored;
  sealed[4] = static_cast<char>(sealed[4] | 0x40);
  const Result<Opened> opened = open("ns", "key", with_checksum(sealed));
  EXPECT_EQ(refusal(opened), Errc::incompatible);
  EXPECT_EQ(opened.error().context, "sealed, and this cache has no keys");
}

TEST(Envelope, OtherCodecsAndSchemasAreIncompatible) {
  const Bytes stored = wrap("ns", "key", full_meta(), "payload");
  const std::uint64_t schema = full_meta().schema;
  EXPECT_TRUE(open("ns", "key", stored, {.expected = StoredKind{1, schema}}).has_value());
  EXPECT_EQ(refusal(open("ns", "key", stored, {.expected = StoredKind{2, schema}})), Errc::incompatible);
  EXPECT_EQ(refusal(open("ns", "key", stored, {.expected = StoredKind{1, schema + 1}})), Errc::incompatible);
  EnvelopeMeta negative{.created = WallTime(1ms), .negative = true};
  EXPECT_TRUE(
      open("ns", "key", wrap("ns", "key", negative, ""), {.expected = StoredKind{1, schema}}).has_value());
}

TEST(Envelope, FieldsThatDoNotAddUpAreCorrupt) {
  EnvelopeMeta tagged{.created = WallTime(1ms), .tags = {{"tag", 1}}};
  const Bytes stored = without_checksum(wrap("ns", "key", tagged, "payload"));
  Bytes many_tags = stored;
  many_tags.replace(22, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(many_tags))), Errc::corrupt);
  Bytes long_tag = stored;
  long_tag.replace(26, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(long_tag))), Errc::corrupt);
  Bytes no_tags = stored;
  no_tags.replace(22, 4, "\0\0\0\0"s);
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(no_tags))), Errc::corrupt);
  Bytes negative = without_checksum(wrap("ns", "key", {.created = WallTime(1ms)}, "payload"));
  negative[4] = 2;
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(negative))), Errc::corrupt);
}

TEST(Envelope, A30_BombsAreRefusedBeforeTheyGoOff) {
  const EnvelopeMeta meta{.created = WallTime(1ms)};
  const Bytes bomb = wrap("ns", "key", meta, repeated("0123456789abcdef0123456789ABCDEF", 1 << 20));
  EXPECT_LT(bomb.size(), 50'000U);
  EXPECT_EQ(refusal(open("ns", "key", bomb, {.max_payload = (1 << 20) - 1})), Errc::corrupt);
  EXPECT_TRUE(open("ns", "key", bomb, {.max_payload = 1 << 20}).has_value());
  EXPECT_EQ(refusal(open("ns", "key", wrap("ns", "key", meta, "12345"), {.max_payload = 4})), Errc::corrupt);

  Bytes head = without_checksum(wrap("ns", "key", meta, ""));
  head[4] = 1;
  // A frame header that claims 2^60 bytes, followed by nothing.
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(head + "\x28\xb5\x2f\xfd\xc0\x40\0\0\0\0\0\0\0\x10"s))),
            Errc::corrupt);
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(head + "no frame"))), Errc::corrupt);
}

TEST(Envelope, A10_ManyBombsBelowTheLimitAllocateNothing) {
  const Bytes bomb = with_frame(frame_of(Bytes(64 << 20, '\0'), 19));
  EXPECT_LT(bomb.size(), 10'000U);
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  std::vector<Result<Opened>> kept;
  for (int i = 0; i < 30; ++i) kept.push_back(open("ns", "key", bomb, {.max_payload = 64 << 20}));
  ::getrusage(RUSAGE_SELF, &after);
  for (const auto& one : kept) {
    EXPECT_EQ(refusal(one), Errc::corrupt);
    EXPECT_NE(one.error().context.find("1000"), std::string::npos) << one.error().context;
  }
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "KiB; a payload of one of them";
}

TEST(Envelope, A10_WhatCompressesTooWellIsStoredPlain) {
  for (const std::size_t size : {1024UL, 64UL * 1024, 64UL * 1024 + 1, 1UL << 20, 10UL << 20}) {
    for (const int level : {1, 19}) {
      const Bytes zeros(size, '\0');
      const Bytes stored = wrap("ns", "key", {.created = WallTime(1ms)}, zeros, {.level = level});
      EXPECT_EQ(open("ns", "key", stored).value().payload(), zeros) << size << " at level " << level;
      EXPECT_TRUE(size <= 64 * 1024 || stored.size() * 1000 >= size);
    }
  }
  EXPECT_TRUE(open("ns", "key", with_frame(frame_of(Bytes(64 * 1024, '\0'), 19))).has_value());
  EXPECT_EQ(refusal(open("ns", "key", with_frame(frame_of(Bytes(1 << 20, '\0'), 19)))), Errc::corrupt);
}

/// Every tag of an entry that is read costs a question to the tier.
TEST(Envelope, A10_MoreOrLongerTagsThanAWriteTakesAreCorrupt) {
  EnvelopeMeta meta{.created = WallTime(1ms)};
  const auto opened = [&] { return open("ns", "key", wrap("ns", "key", meta, "payload")); };
  for (int i = 0; i < 64; ++i) meta.tags.push_back({"tag:" + std::to_string(i), 1});
  meta.tags.back().tag = std::string(1024, 't');
  EXPECT_EQ(opened().value().meta.tags.size(), 64U);
  meta.tags.push_back({"one more", 1});
  EXPECT_EQ(refusal(opened()), Errc::corrupt);
  meta.tags.assign(1'000'000, {"t", 1});
  EXPECT_EQ(refusal(opened()), Errc::corrupt);
  meta.tags = {{std::string(1025, 't'), 1}};
  EXPECT_EQ(refusal(opened()), Errc::corrupt);
}

TEST(Envelope, CompressedPayloadsAreOneWholeFrameThatTellsItsSize) {
  Bytes head = without_checksum(wrap("ns", "key", {.created = WallTime(1ms)}, ""));
  head[4] = 1;
  Bytes frame(200, '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), "abcabcabc", 9, 1));
  EXPECT_EQ(open("ns", "key", with_checksum(head + frame)).value().payload(), "abcabcabc");
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(head + frame + frame))), Errc::corrupt);
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(head + frame + "x"))), Errc::corrupt);
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(head + frame.substr(0, frame.size() - 1)))),
            Errc::corrupt);

  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  Bytes silent(200, '\0');
  silent.resize(ZSTD_compress2(context, silent.data(), silent.size(), "abcabcabc", 9));
  ZSTD_freeCCtx(context);
  EXPECT_EQ(refusal(open("ns", "key", with_checksum(head + silent))), Errc::corrupt);
}

TEST(Envelope, A39_RandomMutationsNeverPass) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto originals = shapes();
  for (int i = 0; i < 200'000; ++i) {
    const auto& [meta, payload] = originals[random() % originals.size()];
    const Bytes stored = wrap("ns", "key", meta, payload);
    Bytes mutant = stored;
    for (std::size_t n = 1 + random() % 4; n > 0; --n)
      mutant[random() % mutant.size()] = static_cast<char>(random());
    if (random() % 4 == 0) mutant.erase(random() % mutant.size(), random() % 8);
    if (mutant != stored) {
      ASSERT_FALSE(open("ns", "key", mutant).has_value()) << "mutation " << i;
    }
  }
}

TEST(Envelope, TheHeadSaysWhetherAnEntryThatCannotBeReadIsFresh) {
  const WallTime now = WallTime(std::chrono::hours(24 * 365 * 50));
  const auto stored = [&](std::optional<WallTime> fresh_until) {
    EnvelopeMeta meta;
    meta.created = now - 1h;
    meta.fresh_until = fresh_until;
    meta.grace = 1h;
    meta.schema = 7;
    return wrap("ns", "key", meta, "payload", plain);
  };
  EXPECT_TRUE(looks_fresh(stored(now + 1s), now));
  EXPECT_FALSE(looks_fresh(stored(now), now));
  EXPECT_FALSE(looks_fresh(stored(now - 1s), now)) << "within its grace";
  EXPECT_TRUE(looks_fresh(stored(std::nullopt), now)) << "it never expires";
  const Bytes whole = stored(now + 1s);
  for (std::size_t size = 0; size < 22; ++size) EXPECT_FALSE(looks_fresh(whole.substr(0, size), now)) << size;
  EXPECT_FALSE(looks_fresh("foreign bytes that are long enough", now));
  Bytes later = whole;
  later[2] = 2;
  EXPECT_FALSE(looks_fresh(later, now)) << "another format: its fields are unknown";
}

TEST(Envelope, IdentitiesAreTheSameInEveryProcess) {
  EXPECT_EQ(identity("a"), "\xa9\x6f\xaf\x70\x5a\xf1\x68\x34\xe6\xc6\x32\xb6\x1e\x96\x4e\x1f"s);
  EXPECT_NE(identity("a"), identity("b"));
}

}  // namespace
}  // namespace terrace::envelope
