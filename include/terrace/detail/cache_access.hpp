#pragma once
/// CacheAccess: the inside of a Cache<V>, for the headers and tests of terrace. Not for programs.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/lookup.hpp>
#include <utility>
#include <vector>

namespace terrace::detail {

struct CacheAccess {
  template <class C>
  static cascade::Engine& engine(const C& cache) noexcept {
    return *cache.engine_;
  }
  template <class C>
  static std::shared_ptr<cascade::Engine> shared_engine(const C& cache) noexcept {
    return cache.engine_;
  }
  template <class C>
  static std::shared_ptr<const cascade::Values> values(const C& cache) noexcept {
    return cache.memory_;
  }

  /// Returns what memory has; counts as an access. `refresh` is set if it should be loaded again
  /// (eager_refresh).
  template <class C>
  static auto in_memory(C& cache, std::string_view key, bool* refresh = nullptr) {
    return cache.in_memory(key, refresh);
  }

  /// Looks in memory, then starts a lookup in the tiers for the keys that are missing there. Calls
  /// `done(std::vector<Lookup<V>>)` once.
  template <class C, class Done>
  static void start_lookup_many(C& cache, const std::vector<std::string>& keys,
                                std::shared_ptr<cascade::Loader> loader, const ReadOptions& options,
                                Done done) {
    cache.start_lookup_many(keys, std::move(loader), options, std::move(done));
  }

  /// The typed form of an answer that came from below memory.
  template <class C>
  static auto typed(const C& cache, cascade::Answer&& answer) {
    return cache.typed(std::move(answer));
  }
};

}  // namespace terrace::detail
