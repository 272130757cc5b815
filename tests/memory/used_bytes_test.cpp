// What a cache says it uses is what malloc says it does, and a bound on bytes bounds that.

#include <malloc.h>

#include "memory/support.hpp"

namespace terrace::memory {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TERRACE_NEEDS_GLIBC_MALLOC GTEST_SKIP() << "the sanitizer has a malloc of its own"
#else
#define TERRACE_NEEDS_GLIBC_MALLOC static_cast<void>(0)
#endif

std::size_t allocated() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

template <class K>
K key_of(std::uint64_t number);
template <>
std::uint64_t key_of(std::uint64_t number) {
  return number;
}
template <>
std::string key_of(std::uint64_t number) {
  return (number % 2 == 0 ? "short:" : "a key that has no room inside a std::string:") +
         std::to_string(number);
}

template <class V>
V value_of_size(std::size_t size);
template <>
std::uint64_t value_of_size(std::size_t size) {
  return size;
}
template <>
std::string value_of_size(std::size_t size) {
  return std::string(size, 'x');
}

/// Fills and churns a cache; says what it uses after each part of it.
template <class K, class V, class F>
void churn(MemoryCache<K, V>& cache, std::size_t most, std::size_t keys, F&& check) {
  std::mt19937_64 random(test_seed());
  for (std::size_t step = 0; step < 20; ++step) {
    for (int i = 0; i < 10'000; ++i) {
      const K key = key_of<K>(random() % keys);
      if (random() % 8 == 0) {
        cache.erase(key);
      } else if (!cache.get(key)) {
        cache.set(key, value_of_size<V>(random() % most));
      }
    }
    check();
  }
}

template <class K, class V>
void agrees_with_malloc(MemoryOptions<K, V> options, std::size_t most, const std::string& name) {
  const std::size_t before = allocated();
  MemoryCache<K, V> cache(options);
  churn(cache, most, 60'000, [&] {
    const auto real = static_cast<double>(allocated() - before);
    const auto said = static_cast<double>(cache.stats().used_bytes);
    EXPECT_NEAR(said / real, 1, 0.05) << name << ": " << said << " said, " << real << " used";
  });
}

TEST(UsedBytes, AgreeWithMalloc) {
  TERRACE_NEEDS_GLIBC_MALLOC;
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  for (const std::string_view name : eviction_names()) {
    const Eviction eviction = *parse_eviction(name);
    const std::string text(name);
    agrees_with_malloc<std::uint64_t, std::uint64_t>({.max_entries = 20'000, .eviction = eviction}, 100,
                                                     text);
    agrees_with_malloc<std::string, std::string>({.max_entries = 20'000, .eviction = eviction}, 1000, text);
    agrees_with_malloc<std::string, std::string>(
        {.max_entries = 0, .max_bytes = 8 << 20, .eviction = eviction, .ttl = 1h}, 1000, text);
  }
}

/// The bound is on the sum of weights at any time, and what malloc gives out stays near it: the smaller the
/// entries, the more of it are the ghosts of the policy, which weights count by the entry.
TEST(UsedBytes, TheBoundHoldsUnderChurn) {
  TERRACE_NEEDS_GLIBC_MALLOC;
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(test_seed()));
  constexpr std::uint64_t bound = 16 << 20;
  for (const std::size_t most : {100U, 1000U, 10'000U}) {
    const std::size_t before = allocated();
    MemoryCache<std::string, std::string> cache({.max_entries = 0, .max_bytes = bound});
    churn(cache, most, 600'000, [&] {
      EXPECT_LE(cache.weight(), bound);
      EXPECT_LE(static_cast<double>(allocated() - before), 1.07 * bound) << "values of up to " << most;
    });
    EXPECT_GT(cache.weight(), bound / 2);
  }
}

}  // namespace
}  // namespace terrace::memory
