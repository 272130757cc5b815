#include "replay/levels.hpp"

#include <algorithm>
#include <terrace/cache.hpp>
#include <terrace/tier_url.hpp>
#include <thread>

#include "usage_error.hpp"

namespace terrace::cli {
namespace {

CacheOptions cache_options(const LevelOptions& options) {
  CacheOptions cache;
  cache.name = "replay";
  if (options.memory_bytes) cache.max_entries = 0;
  cache.max_entries = options.memory_entries.value_or(cache.max_entries);
  cache.max_bytes = options.memory_bytes.value_or(0);
  cache.eviction = options.eviction;
  cache.ttl = options.ttl;
  cache.ttl_jitter = 0;
  cache.load_timeout += 2 * options.origin_latency;
  return cache;
}

}  // namespace

class Levels::Impl {
 public:
  explicit Impl(const LevelOptions& options)
      : patience_(patience(options)), tiers_(make_tiers(options)), cache_(cache_options(options), tiers_) {
    for (const LevelStats& level : cache_.stats().levels) names_.push_back(level.name);
  }
  ~Impl() {
    (void)cache_.flush(
        {.timeout = std::chrono::seconds(5)});  // the next replay is to find the last values, too
    cache_.close();
    for (const auto& tier : tiers_) tier->close();
  }

  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

  std::vector<Silent> silent_levels() {
    constexpr Duration pause = std::chrono::milliseconds(50);
    const TimePoint give_up = after(system_clock().now(), patience_);
    while (true) {
      std::vector<Silent> silent = silent_now();
      if (silent.empty() || system_clock().now() >= give_up) return silent;
      std::this_thread::sleep_for(pause);
    }
  }

  Fetched fetch(std::string_view key, std::uint64_t size, const std::shared_ptr<Origin>& origin) {
    const Lookup<std::string> found = cache_.lookup_or_load(
        key, [origin, size](std::string_view asked) { return origin->load(asked, size); });
    Fetched answer{Fetched::By::error};
    if (!found) {
      answer.why = found.error.message();
      return answer;
    }
    answer.bytes = found.value->size();
    answer.wrong = !Origin::made(key, *found.value);
    const auto level = std::find(names_.begin(), names_.end(), found.level);
    if (found.joined) {
      answer.by = Fetched::By::joined;
    } else if (level == names_.end()) {
      answer.by = Fetched::By::origin;
    } else {
      answer.by = Fetched::By::level;
      answer.level = static_cast<std::size_t>(level - names_.begin());
    }
    return answer;
  }

  void clear() {
    const auto cleared = cache_.clear();
    if (!cleared) throw std::runtime_error("--clear: " + cleared.error().message());
  }

  [[nodiscard]] std::vector<LevelState> states() const {
    std::vector<LevelState> states;
    for (const LevelStats& level : cache_.stats().levels) {
      states.push_back(
          {level.name, level.misses, level.errors, level.entries.value_or(0), level.bytes.value_or(0)});
    }
    return states;
  }

  [[nodiscard]] CacheHandle cache() const { return cache_; }

 private:
  static std::vector<std::shared_ptr<Tier>> make_tiers(const LevelOptions& options) {
    std::vector<std::shared_ptr<Tier>> tiers;
    for (const std::string& url : options.tiers) tiers.push_back(make_tier(url));
    return tiers;
  }

  /// How long levels may take until they answer for the first time. A replicated one gets to know its nodes
  /// first.
  static Duration patience(const LevelOptions& options) {
    const bool replicated = std::any_of(options.tiers.begin(), options.tiers.end(), [](const auto& url) {
      return url.find("replicated:") != std::string::npos;
    });
    return replicated ? std::chrono::milliseconds(5000) : std::chrono::milliseconds(1200);
  }

  /// Several keys, for they may lie on different nodes of a level; no more once one was not answered.
  [[nodiscard]] std::vector<Silent> silent_now() {
    constexpr int keys = 32;
    std::vector<Silent> silent;
    for (int i = 0; i < keys && silent.empty(); ++i) {
      const auto explained = cache_.explain("is anybody there? " + std::to_string(i));
      if (!explained) throw std::runtime_error(explained.error().message());
      for (const LevelExplanation& level : explained->levels) {
        if (level.kind == LookupKind::unavailable) silent.push_back({level.level, level.note});
      }
    }
    return silent;
  }

  const Duration patience_;
  std::vector<std::shared_ptr<Tier>> tiers_;
  Cache<std::string> cache_;
  std::vector<std::string> names_;
};

Levels::Levels(const LevelOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Levels::~Levels() = default;
const std::vector<std::string>& Levels::names() const noexcept {
  return impl_->names();
}
std::vector<Levels::Silent> Levels::silent_levels() {
  return impl_->silent_levels();
}
Fetched Levels::fetch(std::string_view key, std::uint64_t size, const std::shared_ptr<Origin>& origin) {
  return impl_->fetch(key, size, origin);
}
void Levels::clear() {
  impl_->clear();
}
std::vector<LevelState> Levels::states() const {
  return impl_->states();
}
CacheHandle Levels::cache() const {
  return impl_->cache();
}

}  // namespace terrace::cli
