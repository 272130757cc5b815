/// Attacks by someone who can read and write the store, but has no key.

#include "envelope/seal.hpp"

#include <gtest/gtest.h>
#include <sodium.h>
#include <xxhash.h>

#include <terrace/codec.hpp>
#include <thread>

#include "base/words.hpp"
#include "envelope/entries.hpp"
#include "envelope/wire.hpp"

namespace terrace::envelope {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr CompressionOptions uncompressed{.enabled = false};

const KeyRing& keys() {
  static const auto made = ring("1 primary $1");
  return *made;
}

Bytes sealed(const EnvelopeMeta& meta, BytesView payload, const KeyRing& with = keys(),
             const CompressionOptions& compression = {}) {
  return wrap("ns", "key", meta, payload, compression, &with);
}
Result<Opened> opened(BytesView stored, const KeyRing& with = keys()) {
  return open("ns", "key", stored, {.keys = &with});
}

/// Where the ciphertext of an entry without tags begins.
std::size_t cipher_at(const EnvelopeMeta& meta) {
  return 22 + 8U * (meta.fresh_until.has_value() + (meta.grace > 0s) + (meta.version != 0)) + 4 + 24;
}

TEST(Seal, GivesBackWhatWasWrapped) {
  for (const auto& [meta, payload] : shapes()) {
    for (const CompressionOptions& options : {CompressionOptions{}, uncompressed}) {
      const Bytes stored = sealed(meta, payload, keys(), options);
      Result<Opened> first = opened(stored);
      ASSERT_TRUE(first.has_value()) << first.error().message();
      const Opened moved = *std::move(first);
      EXPECT_EQ(moved.meta, meta);
      EXPECT_EQ(moved.payload(), payload);
    }
  }
}

TEST(Seal, CostsThirtySixBytesMoreThanTheChecksum) {
  for (const auto& [meta, payload] : shapes()) {
    EXPECT_EQ(sealed(meta, payload).size(), wrap("ns", "key", meta, payload).size() + 36);
  }
}

TEST(Seal, HidesPayloadAndTags) {
  const Bytes stored = sealed(full_meta(), "a rather long payload", keys(), uncompressed);
  EXPECT_EQ(stored.find("rather"), Bytes::npos);
  EXPECT_EQ(stored.find("group"), Bytes::npos);
}

TEST(Seal, IsDifferentEveryTime) {
  EXPECT_NE(sealed(full_meta(), "payload"), sealed(full_meta(), "payload"));
}

TEST(Seal, F32_A24_EveryFlippedBitIsRefused) {
  for (const auto& [meta, payload] : shapes()) {
    const Bytes stored = sealed(meta, payload);
    for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
      Bytes mutant = stored;
      mutant[bit / 8] = static_cast<char>(mutant[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(opened(mutant).has_value()) << "bit " << bit;
    }
  }
}

/// A reader that decrypts and does not look at the tag.
Bytes payload_without_checking(const EnvelopeMeta& meta, const Bytes& stored) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(stored.data());
  Bytes out(stored.size() - cipher_at(meta) - 16, '\0');
  std::array<unsigned char, 32> secret;
  sodium_base642bin(secret.data(), 32, first_key.data(), first_key.size(), nullptr, nullptr, nullptr,
                    sodium_base64_VARIANT_ORIGINAL);
  crypto_stream_xchacha20_xor_ic(reinterpret_cast<unsigned char*>(out.data()), bytes + cipher_at(meta),
                                 out.size(), bytes + cipher_at(meta) - 24, 1, secret.data());
  return out;
}

TEST(Seal, F32_A24_MutantWithoutTheTagTakesFlippedBitsForValues) {
  const EnvelopeMeta meta{.created = WallTime(1ms)};
  Bytes stored = sealed(meta, "pay 100");
  EXPECT_EQ(payload_without_checking(meta, stored), "pay 100");
  stored[cipher_at(meta) + 4] ^= '1' ^ '9';
  EXPECT_EQ(payload_without_checking(meta, stored), "pay 900");
  EXPECT_EQ(refusal(opened(stored)), Errc::corrupt);
}

TEST(Seal, F32_A24_MutantWithAChecksumInsteadIsForged) {
  EnvelopeMeta meta{.created = WallTime(1ms)};
  Bytes stored = wrap("ns", "key", meta, "pay 100");
  stored.replace(stored.find("100"), 3, "900");
  const Bytes place = "\x02\0\0\0ns\x03\0\0\0key"s;
  const std::uint64_t sum =
      XXH3_64bits_withSeed(stored.data(), stored.size() - 8, XXH3_64bits(place.data(), place.size()));
  std::memcpy(stored.data() + stored.size() - 8, &sum, 8);
  EXPECT_EQ(open("ns", "key", stored).value().payload(), "pay 900") << "so a checksum protects from nobody";
  EXPECT_EQ(refusal(opened(stored)), Errc::incompatible);
}

TEST(Seal, F32_A25_EveryCutAndExtensionIsRefused) {
  for (const auto& [meta, payload] : shapes()) {
    const Bytes stored = sealed(meta, payload);
    for (std::size_t size = 0; size < stored.size(); ++size) {
      EXPECT_EQ(refusal(opened(BytesView(stored).substr(0, size))), Errc::corrupt) << size;
    }
    EXPECT_EQ(refusal(opened(stored + '\0')), Errc::corrupt);
    EXPECT_EQ(refusal(opened(stored + stored)), Errc::corrupt);
  }
}

TEST(Seal, A26_NothingMovesToAnotherKeyOrNamespace) {
  const Bytes stored = wrap("a", "bc", full_meta(), "payload", {}, &keys());
  const auto move_to = [&](std::string_view ns, std::string_view key) {
    return open(ns, key, stored, {.keys = &keys()});
  };
  EXPECT_TRUE(move_to("a", "bc").has_value());
  EXPECT_EQ(refusal(move_to("ab", "c")), Errc::corrupt);
  EXPECT_EQ(refusal(move_to("", "abc")), Errc::corrupt);
  EXPECT_EQ(refusal(move_to("a", "bd")), Errc::corrupt);
  EXPECT_EQ(refusal(move_to("b", "bc")), Errc::corrupt);
  EXPECT_EQ(refusal(move_to("a|bc", "")), Errc::corrupt);
  EXPECT_EQ(
      refusal(open("ab|c", "", wrap("a|bc", "", full_meta(), "payload", {}, &keys()), {.keys = &keys()})),
      Errc::corrupt);
}

/// Two entries of the same key that differ in one field only: the fixed part of one before the seal of the
/// other.
Bytes grafted(const EnvelopeMeta& head_of, const EnvelopeMeta& seal_of) {
  const std::size_t at = cipher_at(head_of) - 28;
  EXPECT_EQ(at, cipher_at(seal_of) - 28);
  return sealed(head_of, "payload").substr(0, at) + sealed(seal_of, "payload").substr(at);
}

TEST(Seal, A26_NothingMovesToAnotherSchemaVersionOrTime) {
  const EnvelopeMeta meta = full_meta();
  EXPECT_TRUE(opened(grafted(meta, meta)).has_value()) << "the control: grafting itself is right";
  const auto with = [&](auto change) {
    EnvelopeMeta other = meta;
    change(other);
    return refusal(opened(grafted(other, meta)));
  };
  EXPECT_EQ(with([](EnvelopeMeta& m) { m.schema += 1; }), Errc::corrupt);
  EXPECT_EQ(with([](EnvelopeMeta& m) { m.codec += 1; }), Errc::corrupt);
  EXPECT_EQ(with([](EnvelopeMeta& m) { m.version += 1; }), Errc::corrupt);
  EXPECT_EQ(with([](EnvelopeMeta& m) { m.created += 1ms; }), Errc::corrupt);
  EXPECT_EQ(with([](EnvelopeMeta& m) { *m.fresh_until += 1h; }), Errc::corrupt);
  EXPECT_EQ(with([](EnvelopeMeta& m) { m.grace += 1h; }), Errc::corrupt);
}

TEST(Seal, A25_AnExpiryCannotBeCutOut) {
  EnvelopeMeta meta{.created = WallTime(1ms), .fresh_until = WallTime(2ms), .codec = 1};
  Bytes stored = sealed(meta, "payload");
  stored.erase(22, 8);
  stored[4] = static_cast<char>(stored[4] & ~wire::has_expiry);
  EXPECT_EQ(refusal(opened(stored)), Errc::corrupt);
}

TEST(Seal, A28_PlainEntriesAreRefusedOnceThereAreKeys) {
  const Result<Opened> downgraded = opened(wrap("ns", "key", full_meta(), "payload"));
  EXPECT_EQ(refusal(downgraded), Errc::incompatible);
  EXPECT_EQ(downgraded.error().context, "not sealed, and this cache has keys");
}

TEST(Seal, A28_SealedEntriesAreRefusedWithoutKeys) {
  const Result<Opened> blind = open("ns", "key", sealed(full_meta(), "payload"));
  EXPECT_EQ(refusal(blind), Errc::incompatible);
  EXPECT_EQ(blind.error().context, "sealed, and this cache has no keys");
}

TEST(Seal, A28_OnlyTheKeyThatSealedOpens) {
  const EnvelopeMeta meta{.created = WallTime(1ms)};
  const Bytes stored = sealed(meta, "payload");
  EXPECT_TRUE(opened(stored, *ring("1 secondary $1\n2 primary $2")).has_value());
  EXPECT_EQ(refusal(opened(stored, *ring("1 primary $2"))), Errc::corrupt) << "another key of that id";
  const Result<Opened> unknown = opened(stored, *ring("2 primary $1"));
  EXPECT_EQ(refusal(unknown), Errc::incompatible);
  EXPECT_EQ(unknown.error().context, "sealed with key 1, which is not in the ring");
  const Result<Opened> retired = opened(stored, *ring("1 retired $1\n2 primary $2"));
  EXPECT_EQ(refusal(retired), Errc::incompatible);
  EXPECT_EQ(retired.error().context, "sealed with key 1, which is retired");

  const auto both = ring("1 secondary $1\n2 primary $2");
  Bytes renamed = stored;
  renamed[22] = 2;
  EXPECT_EQ(refusal(opened(renamed, *both)), Errc::corrupt) << "the id is part of what is sealed";
}

TEST(Seal, ThePrimaryKeySeals) {
  const Bytes stored = sealed({.created = WallTime(1ms)}, "payload", *ring("1 secondary $1\n2 primary $2"));
  EXPECT_EQ(stored[22], 2);
  EXPECT_TRUE(opened(stored, *ring("2 primary $2")).has_value());
}

TEST(Seal, A30_BombsInsideAreRefusedBeforeTheyGoOff) {
  const Bytes bomb = sealed({.created = WallTime(1ms)}, Bytes(64 << 10, '\0'));
  EXPECT_LT(bomb.size(), 1'000U);
  EXPECT_EQ(refusal(open("ns", "key", bomb, {.max_payload = 1 << 10, .keys = &keys()})), Errc::corrupt);
  EXPECT_EQ(refusal(open("ns", "key", sealed({.created = WallTime(1ms)}, "12345"),
                         {.max_payload = 4, .keys = &keys()})),
            Errc::corrupt);
}

struct Tree {
  std::int16_t value = 0;
  std::vector<Tree> children;
};

TEST(Seal, A31_AMillionNestedArraysInsideAreRefused) {
  const Bytes deep = sealed({.created = WallTime(1ms)}, Bytes(1'000'000, '\x91'));
  const Result<Opened> entry = opened(deep);
  ASSERT_TRUE(entry.has_value());
  EXPECT_FALSE(Codec<Tree>::decode(entry->payload()).has_value());
  Bytes trees;
  for (int depth = 0; depth < 1'000'000; ++depth) trees += "\x92\x01\x91";
  EXPECT_EQ(refusal(Codec<Tree>::decode(opened(sealed({.created = WallTime(1ms)}, trees))->payload())),
            Errc::corrupt);
}

TEST(Seal, A39_RandomMutationsNeverPass) {
  const char* given = std::getenv("TERRACE_MUTATIONS");
  const std::uint64_t count = given != nullptr ? std::stoull(given) : 100'000;
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<Bytes> originals;
  for (const auto& [meta, payload] : shapes()) originals.push_back(sealed(meta, payload));
  std::uint64_t mutated = 0;
  for (std::uint64_t i = 0; mutated < count; ++i) {
    const Bytes& stored = originals[random() % originals.size()];
    Bytes mutant = stored;
    for (std::size_t n = random() % 4; n > 0; --n)
      mutant[random() % mutant.size()] = static_cast<char>(random());
    switch (random() % 4) {
      case 0:
        mutant.erase(random() % mutant.size(), random() % 8);
        break;
      case 1:
        mutant.insert(random() % mutant.size(), random() % 8, static_cast<char>(random()));
        break;
      case 2: {  // another entry's bytes at the same place
        const Bytes& other = originals[random() % originals.size()];
        const std::size_t at = random() % std::min(mutant.size(), other.size());
        mutant.replace(at, 1 + random() % 40, other.substr(at, 1 + random() % 40));
        break;
      }
      default:
        break;
    }
    if (std::find(originals.begin(), originals.end(), mutant) != originals.end()) continue;
    ++mutated;
    ASSERT_FALSE(opened(mutant).has_value()) << "mutation " << i;
  }
}

TEST(Seal, ManyThreadsShareARing) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 500; ++i) EXPECT_TRUE(opened(sealed(full_meta(), Bytes(2000, 'x'))).has_value());
    });
  }
}

TEST(SealedBytes, OpenOnlyForWhatTheyWereSealedFor) {
  const Bytes record = seal(keys(), "journal 7", "the record");
  EXPECT_EQ(record.size(), seal_size + 10);
  EXPECT_EQ(unseal(keys(), "journal 7", record).value(), "the record");
  EXPECT_EQ(unseal(keys(), "journal", seal(keys(), "journal", "")).value(), "");
  EXPECT_EQ(refusal(unseal(keys(), "journal 8", record)), Errc::corrupt);
  EXPECT_EQ(refusal(unseal(keys(), "journal 7\1"s, record)), Errc::corrupt);
  EXPECT_EQ(refusal(unseal(keys(), "", record)), Errc::corrupt);
  EXPECT_EQ(refusal(unseal(*ring("2 primary $1"), "journal 7", record)), Errc::incompatible);
  for (std::size_t size = 0; size < record.size(); ++size) {
    EXPECT_EQ(refusal(unseal(keys(), "journal 7", BytesView(record).substr(0, size))), Errc::corrupt);
  }
  for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
    Bytes mutant = record;
    mutant[bit / 8] = static_cast<char>(mutant[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(unseal(keys(), "journal 7", mutant).has_value());
  }
}

TEST(SealedBytes, ARecordIsNoEntry) {
  const Bytes stored = sealed({.created = WallTime(1ms)}, "payload", keys(), uncompressed);
  const Bytes place = "\x02\0\0\0ns\x03\0\0\0key"s;
  EXPECT_EQ(unseal(keys(), place + stored.substr(0, 22), stored.substr(22)).value(), "payload")
      << "the layout of docs/wire-format.md";
  EXPECT_EQ(refusal(unseal(keys(), "journal", stored.substr(22))), Errc::corrupt);
}

}  // namespace
}  // namespace terrace::envelope
