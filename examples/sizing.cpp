/// How large should memory be? The cache estimates the hit rate that other sizes would have had. When the
/// machine runs short of memory, the cache frees some.

#include <cstdio>
#include <random>
#include <string>
#include <terrace/cache.hpp>
#include <terrace/memory_pressure.hpp>

int main() {
  terrace::Cache<std::string> pages({.name = "pages", .max_entries = 1'000, .advisor = true});

  std::mt19937 random(7);
  std::geometric_distribution<int> page(0.001);  // some pages are requested far more often than others
  for (int i = 0; i < 50'000; ++i) {
    static_cast<void>(pages.get_or_load(std::to_string(page(random)), [] { return std::string(100, 'x'); }));
  }

  const terrace::Advice advice = *pages.advise();
  for (std::size_t i = 0; i < advice.sizes.size(); ++i) {
    std::printf("%5llu entries: %4.1f %% hits\n", static_cast<unsigned long long>(advice.sizes[i].entries),
                100 * advice.hit_ratio(i));
  }

  // From now on the cache frees a tenth of its memory in every second in which the machine is short of memory.
  terrace::MemoryPressure pressure;
  pressure.relieve([&](double share) { pages.shrink_memory(share); });
  const auto seen = pressure.look();
  std::printf("memory is %s\n", seen.pressed ? "short" : "not short");
}
