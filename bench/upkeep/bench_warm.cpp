/// Warming: 1,000 keys whose loads take 2 ms, with a Warmer against one after the other as it is written by
/// hand (load, set), in turns within one run. Usage: bench_warm [--quick]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <terrace/warmer.hpp>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

std::string slow_load(std::string_view key) {
  std::this_thread::sleep_for(2ms);
  return "value of " + std::string(key);
}

/// The time of one run over an empty cache, in milliseconds.
template <class Run>
double timed(Run run) {
  terrace::Cache<std::string> cache({.ttl = 1h});
  const auto begun = std::chrono::steady_clock::now();
  run(cache);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  std::vector<std::string> keys;
  for (int i = 0; i < (quick ? 50 : 1000); ++i) keys.push_back("key:" + std::to_string(i));
  std::vector<double> serial, warmed;
  bool whole = true;
  for (int round = 0; round < (quick ? 1 : 5); ++round) {
    serial.push_back(timed([&](auto& cache) {
      for (const auto& key : keys) cache.set(key, slow_load(key)).value();
    }));
    warmed.push_back(timed([&](auto& cache) {
      terrace::Warmer<std::string> warmer(cache, {.concurrency = 64});
      warmer.add_keys(keys, slow_load);
      whole &= warmer.run().warmed == keys.size();
    }));
  }
  if (!whole) return std::fprintf(stderr, "bench_warm: not every key was warmed\n"), 1;
  const double one_by_one = median(serial), together = median(warmed);
  std::printf("%zu keys, 2 ms a load: one by one %.0f ms, warmer with 64 at a time %.1f ms: %.1f x\n",
              keys.size(), one_by_one, together, one_by_one / together);
}
