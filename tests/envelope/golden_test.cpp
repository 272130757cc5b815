/// Golden files: stored entries as earlier builds wrote them. They must open for ever, and what is not
/// compressed must be written again byte by byte (zstd may compress better one day). TERRACE_WRITE_GOLDEN=1
/// makes the missing ones; existing ones never change. Sealed ones are sealed with a key and a nonce that are
/// written here.

#include <gtest/gtest.h>
#include <sodium.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <terrace/codec.hpp>

#include "envelope/entries.hpp"

namespace terrace::envelope {
namespace {

using namespace std::chrono_literals;

struct Player {
  std::int64_t id = 0;
  std::string name;
  std::vector<double> scores;
  std::optional<bool> active;
  bool operator==(const Player&) const = default;
};

struct Golden {
  std::string file;
  EnvelopeMeta meta;
  Bytes payload;
  CompressionOptions compression;
  std::shared_ptr<const KeyRing> keys = {};
};

Bytes encoded_player() {
  Bytes out;
  Codec<Player>::encode({-7, "Zoë", {1.5, -0.0}, true}, out).value();
  return out;
}

std::vector<Golden> goldens() {
  const WallTime created(1'700'000'000'123ms);
  const std::uint64_t player = Codec<Player>::schema;
  EnvelopeMeta full{.created = created,
                    .fresh_until = created + 1min,
                    .grace = 1h,
                    .codec = messagepack_codec,
                    .schema = player,
                    .version = 42,
                    .tags = {{"team:1", 0x0123456789abcdef}, {"all", 1}}};
  EnvelopeMeta negative{.created = created, .fresh_until = created + 5s, .negative = true};
  EnvelopeMeta text{.created = created, .codec = messagepack_codec, .schema = Codec<std::string>::schema};
  Bytes long_text;
  Codec<std::string>::encode(std::string(2000, 'x'), long_text).value();
  const auto keys = ring("7 primary $1");
  return {
      {"v1-player-full.bin", full, encoded_player(), {.enabled = false}},
      {"v1-negative.bin", negative, "", {}},
      {"v1-text-bare.bin", text, "\xa5hello", {}},
      {"v1-text-zstd.bin", text, long_text, {}},
      {"v1-sealed-player-full.bin", full, encoded_player(), {.enabled = false}, keys},
      {"v1-sealed-negative.bin", negative, "", {}, keys},
      {"v1-sealed-text-bare.bin", text, "\xa5hello", {}, keys},
      {"v1-sealed-text-zstd.bin", text, long_text, {}, keys},
  };
}

/// Lets libsodium's random bytes be 0, 1, 2, … while it lives.
class FixedNonce {
 public:
  FixedNonce() { randombytes_set_implementation(&counting); }
  ~FixedNonce() { randombytes_set_implementation(&randombytes_sysrandom_implementation); }
  FixedNonce(const FixedNonce&) = delete;
  FixedNonce& operator=(const FixedNonce&) = delete;

 private:
  static inline randombytes_implementation counting = {
      .implementation_name = [] { return "counting"; },
      .random = [] { return std::uint32_t{0}; },
      .stir = nullptr,
      .uniform = nullptr,
      .buf = [](void* out,
                std::size_t size) { std::iota(static_cast<char*>(out), static_cast<char*>(out) + size, 0); },
      .close = nullptr};
};

TEST(Golden, FilesOpenAndAreWrittenAgainByteByByte) {
  const auto all = goldens();
  const FixedNonce fixed;
  for (const Golden& golden : all) {
    SCOPED_TRACE(golden.file);
    const std::filesystem::path path = std::filesystem::path(GOLDEN_DIRECTORY) / golden.file;
    const Bytes written =
        wrap("golden", "the key", golden.meta, golden.payload, golden.compression, golden.keys.get());
    if (std::getenv("TERRACE_WRITE_GOLDEN") != nullptr && !std::filesystem::exists(path)) {
      std::ofstream(path, std::ios::binary) << written;
    }
    std::ifstream file(path, std::ios::binary);
    ASSERT_TRUE(file) << path;
    const Bytes stored{std::istreambuf_iterator<char>(file), {}};
    const Result<Opened> opened = open("golden", "the key", stored, {.keys = golden.keys.get()});
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    EXPECT_EQ(opened->meta, golden.meta);
    EXPECT_EQ(opened->payload(), golden.payload);
    if (golden.payload.size() < 1000) {
      EXPECT_EQ(stored, written);
    }
  }
}

Bytes stored_in(const std::string& file) {
  std::ifstream bytes(std::filesystem::path(GOLDEN_DIRECTORY) / file, std::ios::binary);
  EXPECT_TRUE(bytes) << file;
  return {std::istreambuf_iterator<char>(bytes), {}};
}

/// tests/python/test_codec.py wrote them, and reads what this file wrote.
TEST(Golden, WhatPythonWroteIsRead) {
  const Bytes player = stored_in("v1-python-player.bin");
  const Result<Opened> opened = open("golden", "the key", player, {});
  ASSERT_TRUE(opened.has_value()) << opened.error().message();
  EXPECT_EQ(opened->meta.codec, messagepack_codec);
  EXPECT_EQ(opened->meta.schema, Codec<Player>::schema);
  EXPECT_EQ(Codec<Player>::decode(opened->payload()).value(), (Player{-7, "Zoë", {1.5, -0.0}, true}));

  const Bytes text = stored_in("v1-python-text.bin");
  const Result<Opened> opened_text = open("golden", "the key", text, {});
  ASSERT_TRUE(opened_text.has_value()) << opened_text.error().message();
  EXPECT_EQ(opened_text->meta.schema, Codec<std::string>::schema);
  EXPECT_EQ(Codec<std::string>::decode(opened_text->payload()).value(), "Zoë");
}

TEST(Golden, SchemasKeepTheirFingerprints) {
  EXPECT_EQ(schema_text<Player>(), "(i64,str,[f64],bool?)");
  EXPECT_EQ(Codec<Player>::schema, 0x9216fbc6ecd263efU);
  EXPECT_EQ(Codec<std::string>::schema, 0x826e83195d0d60f0U);
}

TEST(Golden, PayloadsDecode) {
  EXPECT_EQ(Codec<Player>::decode(encoded_player()).value(), (Player{-7, "Zoë", {1.5, -0.0}, true}));
}

}  // namespace
}  // namespace terrace::envelope
