#pragma once
/// mixed_workload: keys as a service might ask for them.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace terrace::memory {

/// Zipf 0.9 over 50,000 keys whose popularity drifts, with scans of keys that are read once, each a tenth of
/// the reads around it.
inline std::vector<std::uint64_t> mixed_workload(std::size_t length, std::uint64_t seed) {
  constexpr std::size_t universe = 50'000;
  std::vector<double> sums(universe);
  double sum = 0;
  for (std::size_t i = 0; i < universe; ++i) sums[i] = sum += 1 / std::pow(double(i + 1), 0.9);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0, sum);
  std::vector<std::uint64_t> keys;
  keys.reserve(length);
  std::uint64_t scanned = 1'000'000;
  while (keys.size() < length) {
    if (keys.size() % 50'000 < 5'000) {
      keys.push_back(scanned++);
      continue;
    }
    const auto rank = static_cast<std::uint64_t>(std::lower_bound(sums.begin(), sums.end(), uniform(random)) -
                                                 sums.begin());
    keys.push_back((rank + keys.size() / 100) % universe);
  }
  return keys;
}

}  // namespace terrace::memory
