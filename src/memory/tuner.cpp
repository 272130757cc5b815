#include <algorithm>
#include <cmath>
#include <terrace/detail/memory/shadow_cache.hpp>
#include <terrace/detail/memory/tuner.hpp>
#include <utility>

namespace terrace::memory {
namespace {

constexpr std::uint64_t least_rate = 8;  // one key of this many
constexpr std::uint64_t shadow_entries = 256;
constexpr std::uint64_t least_interval = 256;
constexpr double fading = 0.9;
constexpr double significant = 2;  // standard deviations

/// Sampled hashes have bits in common; this spreads them again.
std::uint64_t spread(std::uint64_t hash) noexcept {
  hash *= 0x9e37'79b9'7f4a'7c15U;
  return hash ^ hash >> 32;
}

}  // namespace

Tuner::Tuner(std::uint64_t entries) : shadows_(std::make_unique<ShadowCache[]>(shapes_count)) {
  if (entries != 0) start(entries);
}

Tuner::~Tuner() = default;

void Tuner::start(std::uint64_t entries) {
  std::uint64_t rate = least_rate;
  while (entries / (rate * 2) >= shadow_entries) rate *= 2;
  const auto share = static_cast<NodeId>(std::max<std::uint64_t>(4, (entries + rate / 2) / rate));
  auto shadows = std::make_unique<ShadowCache[]>(shapes_count);
  for (std::size_t i = 0; i < shapes_count; ++i) {
    shadows[i].start(share, shapes[i], WindowClock::least_ghosts / rate);
  }
  shadows_ = std::move(shadows);
  seen_ = 0;
  interval_ = std::max<std::uint64_t>(least_interval, std::uint64_t{share} * 2);
  std::fill_n(hits_, shapes_count, 0);
  std::fill_n(&leads_[0][0], shapes_count * shapes_count, 0);
  std::fill_n(&differs_[0][0], shapes_count * shapes_count, 0);
  mask_.store(rate - 1, std::memory_order_relaxed);
}

bool Tuner::expect_per_shard(std::uint64_t entries) noexcept {
  std::lock_guard lock(mutex_);
  try {
    start(entries * shards_.load(std::memory_order_relaxed));
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void Tuner::saw(std::uint64_t hash) noexcept {
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || !samples(hash)) return;
  const std::uint64_t key = spread(hash);
  bool hits[shapes_count];
  for (std::size_t i = 0; i < shapes_count; ++i) hits[i] = shadows_[i].access(key);
  compare(hits);
  if (++seen_ % interval_ == 0) choose();
}

std::size_t Tuner::heap_bytes() const noexcept {
  std::lock_guard lock(mutex_);
  std::size_t sum = sizeof *this;
  for (std::size_t i = 0; i < shapes_count; ++i) sum += sizeof(ShadowCache) + shadows_[i].heap_bytes();
  return sum;
}

void Tuner::compare(const bool (&hits)[shapes_count]) noexcept {
  for (std::size_t i = 0; i < shapes_count; ++i) {
    hits_[i] += hits[i] ? 1 : 0;
    for (std::size_t j = 0; j < shapes_count; ++j) {
      if (hits[i] == hits[j]) continue;
      ++differs_[i][j];
      leads_[i][j] += hits[i] ? 1 : -1;
    }
  }
}

void Tuner::choose() noexcept {
  const auto now = best_.load(std::memory_order_relaxed);
  const auto first = static_cast<std::uint32_t>(std::max_element(hits_, hits_ + shapes_count) - hits_);
  if (leads_[first][now] > significant * std::sqrt(differs_[first][now])) {
    best_.store(first, std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < shapes_count; ++i) {
    hits_[i] *= fading;
    for (std::size_t j = 0; j < shapes_count; ++j) {
      leads_[i][j] *= fading;
      differs_[i][j] *= fading;
    }
  }
}

}  // namespace terrace::memory
