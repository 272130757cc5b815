#pragma once
/// Simulation: one pass over a trace through many caches at once, one per policy and size, each read-through:
/// every miss inserts.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <terrace/memory_cache.hpp>
#include <vector>

#include "belady.hpp"

namespace terrace::cli {

/// What chooses the entry that leaves: an eviction policy of memory, or Belady's optimum.
struct Policy {
  std::string_view name;
  std::optional<Eviction> eviction;  ///< none: the optimum (belady.hpp)
};

inline constexpr Policy optimum{"belady", std::nullopt};

/// One policy at one size, and what it made of the trace.
struct Cell {
  Policy policy;
  std::uint64_t entries;
  std::uint64_t hits = 0;
  bool estimated = false;  ///< from the reads of a cache of another size
};

/// Not thread safe; works with threads of its own.
class Simulation {
 public:
  /// Cells are ordered by policy, then by size, as given. `curve`: each cache, which must not be the
  /// optimum's, also estimates a quarter, half, twice and four times its size (MemoryCache::advise()), and
  /// has a cell for each.
  Simulation(const std::vector<Policy>& policies, const std::vector<std::uint64_t>& sizes, unsigned threads,
             bool curve = false);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// The next access of the trace. Accesses are worked off in batches, while the caller goes on.
  void access(std::uint64_t key);

  /// Works off what is left, and then the optimum, which must have seen the end of the trace. The cells are
  /// complete after this.
  const std::vector<Cell>& finish();

  [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }

 private:
  class Cache;
  class Crew;

  void hand_over();
  void take_batch(std::size_t job);
  [[nodiscard]] std::vector<Cell> with_estimates() const;

  std::vector<Cell> cells_;
  std::vector<std::unique_ptr<Cache>> caches_;  ///< of each cell; null where it is the optimum's
  std::unique_ptr<Belady> belady_;              ///< null when no cell is the optimum's
  std::vector<std::uint64_t> batch_;            ///< what access() collects
  std::vector<std::uint64_t> at_work_;          ///< what the crew works off
  std::unique_ptr<Crew> crew_;                  ///< after all that it works on, so that it ends before
  std::uint64_t requests_ = 0;
  const bool curve_;
};

}  // namespace terrace::cli
