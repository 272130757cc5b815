/// A program that keeps its memory level over a restart. Run it twice: the second time it starts warm.

#include <cstdio>
#include <terrace/memory_cache.hpp>
#include <terrace/snapshot.hpp>

using namespace std::chrono_literals;

int main() {
  const auto file = std::filesystem::temp_directory_path() / "terrace-example-squares.snapshot";
  terrace::MemoryCache<int, long> squares({.max_entries = 10'000, .ttl = 1h});

  if (const auto loaded = terrace::load_snapshot(squares, file)) {
    std::printf("warm: %llu entries\n", static_cast<unsigned long long>(loaded->entries));
  } else if (loaded.error() == terrace::Errc::not_found) {
    std::puts("cold: the first start");
  } else {
    std::printf(
        "cold: %s\n",
        loaded.error().message().c_str());  // damaged, or from another program: the cache starts empty
  }

  for (int i = 0; i < 100; ++i) {
    static_cast<void>(squares.get_or_insert(i, [&] { return static_cast<long>(i) * i; }));
  }

  if (const auto saved = terrace::save_snapshot(squares, file); !saved) {
    std::printf("not saved: %s\n", saved.error().message().c_str());
    return 1;
  }
}
