#include <algorithm>
#include <cmath>
#include <memory/contestants.hpp>
#include <numeric>
#include <random>

namespace terrace::bench {

std::vector<std::uint32_t> zipf_stream(std::size_t entries, std::size_t length, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> sums(entries);
  double sum = 0;
  for (std::size_t i = 0; i < entries; ++i) sums[i] = sum += 1 / std::pow(static_cast<double>(i + 1), 0.99);
  std::vector<std::uint32_t> names(entries);
  std::iota(names.begin(), names.end(), 0U);
  std::shuffle(names.begin(), names.end(), random);
  std::uniform_real_distribution<double> uniform(0, sum);
  std::vector<std::uint32_t> stream(length);
  for (auto& key : stream) {
    const auto rank = std::lower_bound(sums.begin(), sums.end(), uniform(random)) - sums.begin();
    key = names[static_cast<std::size_t>(rank)];
  }
  return stream;
}

template <>
std::uint64_t make_key(std::uint32_t number) {
  return number * std::uint64_t{0x9e3779b97f4a7c15};
}

}  // namespace terrace::bench
