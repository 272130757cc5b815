// bench_snapshot [folder]: how long it takes to save a memory level of a million entries and to load it
// again, in turns with writing and reading a plain file of the same size, synced. Wall time, medians of five.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <terrace/snapshot.hpp>
#include <vector>

namespace terrace::bench {
namespace {

constexpr int rounds = 5;
constexpr std::uint32_t entries = 1'000'000;

template <class F>
double seconds(F&& f) {
  const auto began = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void plain_write(const std::filesystem::path& file, std::uint64_t bytes) {
  const std::string chunk(1 << 20, 'x');
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  for (std::uint64_t at = 0; at < bytes; at += chunk.size()) {
    if (::write(fd, chunk.data(), std::min<std::uint64_t>(chunk.size(), bytes - at)) < 0) std::abort();
  }
  if (::fsync(fd) != 0) std::abort();
  ::close(fd);
}

template <class K, class V, class MakeKey>
void measure(const char* what, const std::filesystem::path& folder, MakeKey make_key, const V& value) {
  using Cache = MemoryCache<K, V>;
  const typename Cache::Options options{.max_entries = entries + entries / 8};
  const auto file = folder / "bench.snapshot";
  const auto plain = folder / "bench.plain";
  Cache cache(options);
  for (std::uint32_t i = 0; i < entries; ++i) cache.set(make_key(i), value, {.ttl = std::chrono::hours(1)});
  std::vector<double> save, load, write;
  std::uint64_t bytes = 0;
  for (int round = 0; round < rounds; ++round) {
    save.push_back(seconds([&] { bytes = save_snapshot(cache, file).value().bytes; }));
    write.push_back(seconds([&] { plain_write(plain, bytes); }));
    Cache loaded(options);
    load.push_back(seconds([&] {
      if (load_snapshot(loaded, file).value().entries != cache.size()) std::puts("NOT ALL WERE LOADED");
    }));
  }
  std::filesystem::remove(file);
  std::filesystem::remove(plain);
  std::printf("%-28s %8.2f s %8.2f s %12.2f s %8.1f MB\n", what, median(save), median(load), median(write),
              static_cast<double>(bytes) / 1e6);
}

}  // namespace
}  // namespace terrace::bench

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : std::filesystem::temp_directory_path().c_str();
  std::printf("%-28s %10s %10s %14s %11s\n", "1,000,000 entries with a TTL", "save", "load", "plain write",
              "file");
  terrace::bench::measure<std::uint64_t, std::uint64_t>(
      "u64 -> u64", folder, [](std::uint32_t i) { return std::uint64_t{i}; }, std::uint64_t{7});
  terrace::bench::measure<std::string, std::string>(
      "14 characters -> 64 bytes", folder,
      [](std::uint32_t i) { return "key-" + std::to_string(1'000'000'000 + i); }, std::string(64, 'v'));
}
