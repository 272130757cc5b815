#pragma once
/// The contestants of bench_memory: each answers the same stream of keys, all hits.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace terrace::bench {

/// Key numbers 0 … entries-1, zipf 0.99, in an order that has nothing to do with their frequency.
std::vector<std::uint32_t> zipf_stream(std::size_t entries, std::size_t length, std::uint64_t seed);

/// The number as the key of type K: itself, or 14 characters.
template <class K>
K make_key(std::uint32_t number);

/// A filled container. `run` looks up the keys of its stream from `begin` to `end`, and returns the sum of
/// the values.
struct Contestant {
  std::string name;
  std::function<std::uint64_t(std::size_t begin, std::size_t end)> run;
  /// Bytes allocated for each entry beyond key and value; 0: not asked.
  double overhead = 0;
};

/// The bare map first: the others are compared with it.
template <class K>
std::vector<Contestant> contestants(std::size_t entries, const std::vector<std::uint32_t>& stream);

/// Caches of u64 -> u64 for so many entries that make and store what they lack.
std::vector<Contestant> churn_contestants(std::size_t entries, const std::vector<std::uint32_t>& stream);

/// Bytes allocated and not freed in this process, as malloc counts them.
std::size_t allocated_bytes() noexcept;

}  // namespace terrace::bench
