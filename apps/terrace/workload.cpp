#include "workload.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace terrace::cli {
namespace {

constexpr double one_hit_share = 0.08;
constexpr double scans_per_request = 1.0 / 100'000;
constexpr double scan_share_while_scanning = 0.5;
constexpr double drift_share = 0.002;
constexpr double requests_per_second = 200;
constexpr double median_size = 700;
constexpr double size_sigma = 1.0;
constexpr double largest_size = 256 * 1024;

/// Key ranges: the catalogue begins at 0; the others are far above any catalogue.
constexpr std::uint64_t scan_base = 1'000'000'000'000;
constexpr std::uint64_t one_hit_base = 2'000'000'000'000;

/// The finaliser of splitmix64 (https://prng.di.unimi.it/splitmix64.c): well mixed bits of a counter.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// 53 random bits as a double in [0, 1).
double unit(std::uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

}  // namespace

ZipfRanks::ZipfRanks(std::uint64_t n, double skew) : n_(n), skew_(skew) {
  integral_begin_ = integral(1.5) - 1;
  integral_end_ = integral(static_cast<double>(n) + 0.5);
  squeeze_ = 2 - inverse(integral(2.5) - density(2));
}

double ZipfRanks::density(double x) const {
  return std::exp(-skew_ * std::log(x));
}

double ZipfRanks::integral(double x) const {
  const double log_x = std::log(x);
  const double t = (1 - skew_) * log_x;
  // expm1(t) / t tends to 1: the integral of 1/x is the logarithm.
  return std::abs(t) < 1e-8 ? log_x * (1 + t / 2) : std::expm1(t) / (1 - skew_);
}

double ZipfRanks::inverse(double y) const {
  const double t = std::max(-1.0, y * (1 - skew_));
  return std::exp(std::abs(t) < 1e-8 ? y * (1 - t / 2) : std::log1p(t) / (1 - skew_));
}

std::uint64_t ZipfRanks::candidate(double u) const {
  const double x = inverse(u);
  const double rank = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(n_));
  const bool accepted = rank - x <= squeeze_ || u >= integral(rank + 0.5) - density(rank);
  return accepted ? static_cast<std::uint64_t>(rank) : 0;
}

Workload::Workload(const WorkloadOptions& options)
    : options_(options),
      random_(options.seed),
      ranks_(options.keys, options.skew),
      key_at_rank_(options.keys),
      next_one_hit_(one_hit_base) {
  std::iota(key_at_rank_.begin(), key_at_rank_.end(), std::uint64_t{0});
  for (std::size_t i = key_at_rank_.size(); i > 1; --i)
    std::swap(key_at_rank_[i - 1], key_at_rank_[below(i)]);
}

double Workload::uniform() {
  return unit(random_());
}

std::uint64_t Workload::below(std::uint64_t bound) {
  return static_cast<std::uint64_t>(uniform() * static_cast<double>(bound));
}

/// A rank that follows the same law changes hands with any other: the new favourite comes from anywhere.
void Workload::drift() {
  const std::uint64_t risen = ranks_([this] { return uniform(); }) - 1;
  std::swap(key_at_rank_[risen], key_at_rank_[below(options_.keys)]);
}

std::uint64_t Workload::next_key() {
  if (scan_left_ == 0 && uniform() < scans_per_request) {
    scan_left_ = options_.keys / 10 + below(options_.keys / 5 + 1);
    scan_key_ = scan_base + below(options_.keys * 4);
  }
  if (scan_left_ > 0 && uniform() < scan_share_while_scanning) {
    --scan_left_;
    return scan_key_++;
  }
  if (uniform() < one_hit_share) return next_one_hit_++;
  if (uniform() < drift_share) drift();
  return key_at_rank_[ranks_([this] { return uniform(); }) - 1];
}

std::uint64_t Workload::size_of(std::uint64_t key) const {
  const double u = 1 - unit(mixed(key ^ options_.seed));
  const double angle = 2 * std::numbers::pi * unit(mixed(mixed(key) + options_.seed));
  const double normal = std::sqrt(-2 * std::log(u)) * std::cos(angle);
  const double size = median_size * std::exp(size_sigma * normal);
  return static_cast<std::uint64_t>(std::clamp(size, 16.0, largest_size));
}

Workload::Item Workload::next() {
  seconds_ += -std::log(1 - uniform()) / requests_per_second;
  const std::uint64_t key = next_key();
  return {static_cast<std::uint64_t>(seconds_), key, size_of(key)};
}

}  // namespace terrace::cli
