#pragma once
/// Workload: a made-up trace that behaves like the ones caches meet, the same for the same seed.
///
/// Most requests go to a catalogue of keys whose popularity follows Zipf's law; popularity drifts, because
/// ranks change hands; a share of the requests is for keys asked for once and never again; now and then a
/// scan runs over a range of rarely used keys, mixed with the other traffic. Sizes are lognormal, fixed per
/// key.
///
/// Zipf sampling: rejection-inversion, W. Hörmann and G. Derflinger, "Rejection-inversion to generate
/// variates from monotone discrete distributions", ACM TOMACS 6(3), 1996.

#include <cstdint>
#include <random>
#include <vector>

namespace terrace::cli {

struct WorkloadOptions {
  std::uint64_t requests = 500'000;
  std::uint64_t keys = 50'000;  ///< of the catalogue; scans and one-hit wonders come on top
  std::uint64_t seed = 1;
  double skew = 0.9;  ///< Zipf exponent, 0 (all alike) … 3
};

/// Ranks 1 … n, rank k with a probability proportional to k^-skew.
class ZipfRanks {
 public:
  ZipfRanks(std::uint64_t n, double skew);

  /// `uniform` gives doubles in [0, 1).
  template <class Uniform>
  std::uint64_t operator()(Uniform&& uniform) const {
    while (true) {
      const double u = integral_end_ + uniform() * (integral_begin_ - integral_end_);
      if (const std::uint64_t rank = candidate(u); rank != 0) return rank;
    }
  }

 private:
  [[nodiscard]] double integral(double x) const;
  [[nodiscard]] double inverse(double y) const;
  [[nodiscard]] double density(double x) const;
  [[nodiscard]] std::uint64_t candidate(double u) const;

  std::uint64_t n_;
  double skew_;
  double integral_begin_;
  double integral_end_;
  double squeeze_;
};

/// The requests, one after another.
class Workload {
 public:
  struct Item {
    std::uint64_t time;  ///< seconds since the beginning
    std::uint64_t key;
    std::uint64_t size;  ///< bytes
  };

  explicit Workload(const WorkloadOptions& options);

  Item next();

 private:
  double uniform();
  std::uint64_t below(std::uint64_t bound);
  std::uint64_t next_key();
  void drift();
  [[nodiscard]] std::uint64_t size_of(std::uint64_t key) const;

  WorkloadOptions options_;
  std::mt19937_64 random_;
  ZipfRanks ranks_;
  std::vector<std::uint64_t> key_at_rank_;
  std::uint64_t next_one_hit_;
  std::uint64_t scan_left_ = 0;
  std::uint64_t scan_key_ = 0;
  double seconds_ = 0;
};

}  // namespace terrace::cli
