#pragma once
/// Context: the data that the shards of a cache share. It is constant, except the sum of weights, which only
/// writes change, and the count of reads, of which each thread has its own part.

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <terrace/detail/memory/advisor.hpp>
#include <terrace/detail/memory/node.hpp>
#include <terrace/detail/memory/tally.hpp>
#include <terrace/detail/memory/tuner.hpp>
#include <terrace/detail/memory/weight.hpp>
#include <terrace/hash.hpp>
#include <terrace/memory_options.hpp>

namespace terrace::memory {

/// How long an entry lives; Duration::max() means no expiry.
struct Lifetime {
  Duration ttl = Duration::max();
  Duration idle = Duration::max();

  [[nodiscard]] bool idles() const noexcept { return idle != Duration::max(); }
  [[nodiscard]] bool is_timed() const noexcept { return ttl != Duration::max() || idles(); }
  [[nodiscard]] bool has_run_out() const noexcept {
    return ttl <= Duration::zero() || idle <= Duration::zero();
  }
};

[[nodiscard]] inline double cost_of(const std::optional<double>& given) noexcept {
  const double cost = given.value_or(1);
  return cost > 0 ? std::min(cost, 1e100) : 0;
}

template <class K, class V, class Hash, class Equal>
struct Context {
  std::function<std::size_t(const K&, const V&)> weigher;
  std::function<void(const K&, const V&, RemovalCause)> listener;
  const Clock* clock;
  TimePoint start;
  std::uint64_t max_bytes;
  std::unique_ptr<Tuner> tuner;      // with Eviction::adaptive
  std::unique_ptr<Advisor> advisor;  // if requested
  [[no_unique_address]] Hash hash;
  [[no_unique_address]] Equal equal;
  Tally reads = {};
  alignas(cache_line) std::atomic<std::uint64_t> bytes{0};  // only counted if max_bytes is set

  /// A key is read, hit or miss. Needs no lock. (The same is true for the others.)
  void saw(std::uint64_t hashed) const noexcept {
    if (tuner && tuner->samples(hashed)) [[unlikely]]
      tuner->saw(hashed);
    if (advisor && advisor->samples(hashed)) [[unlikely]]
      advisor->saw(hashed);
  }
  void erased(std::uint64_t hashed) const noexcept {
    if (advisor && advisor->samples(hashed)) [[unlikely]]
      advisor->erased(hashed);
  }

  [[nodiscard]] Stamp stamp(TimePoint t) const noexcept { return stamp_of(t - start); }

  /// Shard, bucket and tag come from different bits of a hash, so all 64 must be good.
  template <class Q>
  [[nodiscard]] std::uint64_t hash_of(const Q& key) const {
    const auto hashed = static_cast<std::uint64_t>(hash(key));
    if constexpr (requires { typename Hash::is_avalanching; }) {
      return hashed;
    } else {
      return KeyHash{}(hashed);
    }
  }

  [[nodiscard]] std::uint64_t weigh(const K& key, const V& value) const {
    return weigher ? weigher(key, value) : default_weight(key, value);
  }
  template <class Entries>
  [[nodiscard]] std::uint64_t weight_of(const Entries& entries, NodeId id) const noexcept {
    return weigher ? entries.weights[id] : default_weight(entries[id].key, entries[id].value);
  }
  [[nodiscard]] bool can_hold(std::uint64_t weight) const noexcept {
    return max_bytes == 0 || weight <= max_bytes;
  }
  [[nodiscard]] bool is_too_heavy() const noexcept {
    return max_bytes != 0 && bytes.load(std::memory_order_relaxed) > max_bytes;
  }
  void add_bytes(std::uint64_t weight) noexcept {
    if (max_bytes != 0) bytes.fetch_add(weight, std::memory_order_relaxed);
  }
  void subtract_bytes(std::uint64_t weight) noexcept {
    if (max_bytes != 0) bytes.fetch_sub(weight, std::memory_order_relaxed);
  }
};

}  // namespace terrace::memory
