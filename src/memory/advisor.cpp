#include <terrace/detail/memory/advisor.hpp>
#include <terrace/memory_cache.hpp>

namespace terrace::memory {
namespace {

// Of the miniature that stands for the cache as it is. A quarter of it must still tell something.
constexpr std::uint64_t least_share = 4096;

struct Nothing {};
using Miniature = MemoryCache<std::uint64_t, Nothing>;

Miniature::Options options_of(const Advisor::Of& cache, std::uint64_t entries) {
  Miniature::Options options;
  options.max_entries = static_cast<std::size_t>(std::max<std::uint64_t>(1, entries));
  options.eviction = cache.eviction;
  options.ttl = cache.ttl;
  options.expire_after_access = cache.idle;
  options.shards = 1;
  options.clock = cache.clock;
  options.sweep_interval = Duration::zero();
  return options;
}

}  // namespace

struct Advisor::Miniatures {
  Miniatures(const Of& cache, double share)
      : of_size{Miniature(options_of(cache, part(share, 0))), Miniature(options_of(cache, part(share, 1))),
                Miniature(options_of(cache, part(share, 2))), Miniature(options_of(cache, part(share, 3))),
                Miniature(options_of(cache, part(share, 4)))} {}

  static std::uint64_t part(double share, std::size_t size) noexcept {
    return static_cast<std::uint64_t>(share * factors[size] + 0.5);
  }

  std::array<Miniature, 5> of_size;
};

Advisor::Advisor(const Of& cache) {
  if (cache.entries == 0)
    throw ConfigError(
        "advisor needs max_entries: for a cache bounded only by bytes, hit rates cannot be "
        "estimated from keys");
  std::uint64_t rate = 1;
  while (cache.entries / (rate * 2) >= least_share) rate *= 2;
  mask_ = rate - 1;
  miniatures_ =
      std::make_unique<Miniatures>(cache, static_cast<double>(cache.entries) / static_cast<double>(rate));
  for (std::size_t i = 0; i < factors.size(); ++i) {
    counts_.sizes[i] = {.factor = factors[i],
                        .entries = Miniatures::part(static_cast<double>(cache.entries), i)};
  }
}

Advisor::~Advisor() = default;

void Advisor::saw(std::uint64_t hash) noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  ++counts_.requests;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    Miniature& miniature = miniatures_->of_size[i];
    if (miniature.visit(hash, [](Nothing) {})) {
      ++counts_.sizes[i].hits;
      continue;
    }
    try {
      miniature.set(hash, {});
    } catch (const std::bad_alloc&) {  // it misses the key once more
    }
  }
}

void Advisor::erased(std::uint64_t hash) noexcept {
  const std::lock_guard lock(mutex_);
  for (Miniature& miniature : miniatures_->of_size) miniature.erase(hash);
}

void Advisor::cleared() noexcept {
  const std::lock_guard lock(mutex_);
  for (Miniature& miniature : miniatures_->of_size) miniature.clear();
}

Advice Advisor::advice(std::uint64_t reads) const noexcept {
  const std::lock_guard lock(mutex_);
  Advice advice = counts_;
  advice.requests = reads / (mask_ + 1);
  for (Advice::Size& size : advice.sizes) {
    const std::uint64_t misses = counts_.requests - size.hits;
    size.hits = advice.requests - std::min(advice.requests, misses);
  }
  return advice;
}

std::size_t Advisor::heap_bytes() const noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t sum = sizeof *this + sizeof *miniatures_;
  for (Miniature& miniature : miniatures_->of_size) sum += miniature.stats().used_bytes;
  return sum;
}

}  // namespace terrace::memory
