#pragma once
/// Entries of every shape, and rings of keys, for the tests of the envelope.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <terrace/key_ring.hpp>
#include <utility>
#include <vector>

#include "envelope/envelope.hpp"

namespace terrace::envelope {

inline EnvelopeMeta full_meta() {
  using namespace std::chrono_literals;
  return {.created = WallTime(1'700'000'000'123ms),
          .fresh_until = WallTime(1'700'000'060'123ms),
          .grace = 30s,
          .codec = 1,
          .schema = 0x1122334455667788,
          .version = 42,
          .negative = false,
          .tags = {{"group:ä", 0xdeadbeef}, {"", 7}}};
}

/// Envelopes of every shape, with their payloads.
inline std::vector<std::pair<EnvelopeMeta, Bytes>> shapes() {
  using namespace std::chrono_literals;
  const EnvelopeMeta bare{.created = WallTime(1ms), .codec = 1, .schema = 5};
  EnvelopeMeta negative = bare;
  negative.negative = true;
  negative.fresh_until = WallTime(9ms);
  return {{bare, ""},
          {bare, "payload"},
          {full_meta(), "payload"},
          {negative, ""},
          {full_meta(), Bytes(3000, 'z')}};
}

/// Why the bytes were refused; fails the test when they were not.
template <class T>
Errc refusal(const Result<T>& opened) {
  EXPECT_FALSE(opened.has_value());
  if (opened) return Errc{};
  EXPECT_FALSE(opened.error().context.empty());
  return static_cast<Errc>(opened.error().code.value());
}

inline constexpr std::string_view first_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
inline constexpr std::string_view second_key = "Pz4ubsT5Y5A8v1nG2rS+Jxg1qk7mB0dWcHZlLqRt3E8=";

/// A ring of lines like "1 primary $1", where $1 and $2 are the keys above.
inline std::shared_ptr<const KeyRing> ring(std::string text) {
  const auto put = [&](std::string_view name, std::string_view key) {
    if (const auto at = text.find(name); at != std::string::npos) text.replace(at, name.size(), key);
  };
  put("$1", first_key);
  put("$2", second_key);
  return KeyRing::parse(text);
}

/// The seed of a random test: TERRACE_SEED, or a new one.
inline std::uint64_t test_seed() {
  const char* given = std::getenv("TERRACE_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device{}();
}

}  // namespace terrace::envelope
