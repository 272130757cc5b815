/// A program that is killed while it saves leaves the old snapshot or the new one, whole.

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <random>

#include "snapshot/support.hpp"

namespace terrace {
namespace {

/// Saves for ever: snapshots of one generation after the other. Tells each by a byte into the pipe.
[[noreturn]] void save_for_ever(const std::filesystem::path& file, int told) {
  MemoryCache<int, int> cache({.max_entries = 40'000});
  for (int generation = 1;; ++generation) {
    for (int key = 0; key < 20'000; ++key) cache.set(key, generation);
    if (!save_snapshot(cache, file) || ::write(told, "s", 1) != 1) ::_exit(1);
  }
}

TEST(SnapshotCrash, Kill9LeavesAWholeSnapshot) {
  const testing::TempDir place;
  const auto file = place.path() / "numbers.snapshot";
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) save_for_ever(file, pipe_ends[1]);
    ::close(pipe_ends[1]);
    char byte = 0;
    ASSERT_EQ(::read(pipe_ends[0], &byte, 1), 1);  // one is saved; somewhere in the next it ends
    for (std::uint64_t spin = random() % 3'000'000; spin > 0; --spin) {
      asm volatile("");
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(pipe_ends[0]);
    MemoryCache<int, int> cache({.max_entries = 40'000});
    const auto loaded = load_snapshot(cache, file);
    ASSERT_TRUE(loaded) << loaded.error().message();
    ASSERT_EQ(loaded->entries, 20'000U);
    const int generation = *cache.get(0);
    cache.for_each([&](int key, int value) { ASSERT_EQ(value, generation) << key; });
  }
  EXPECT_LE(std::distance(std::filesystem::directory_iterator(place.path()), {}), 2) << "drafts pile up";
}

}  // namespace
}  // namespace terrace
