#pragma once
/// Simulation: one pass over a trace through many caches at once, one per policy and size, each read-through:
/// every miss inserts.

#include <cstdint>
#include <memory>
#include <terrace/memory_cache.hpp>
#include <vector>

namespace terrace::cli {

/// One policy at one size, and what it made of the trace.
struct Cell {
  Eviction policy;
  std::uint64_t entries;
  std::uint64_t hits = 0;
};

/// Not thread safe; works with threads of its own.
class Simulation {
 public:
  /// Cells are ordered by policy, then by size, as given.
  Simulation(const std::vector<Eviction>& policies, const std::vector<std::uint64_t>& sizes,
             unsigned threads);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// The next access of the trace. Accesses are worked off in batches, while the caller goes on.
  void access(std::uint64_t key);

  /// Works off what is left. The cells are complete after this.
  const std::vector<Cell>& finish();

  [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }

 private:
  class Cache;
  class Crew;

  void hand_over();

  std::vector<Cell> cells_;
  std::vector<std::unique_ptr<Cache>> caches_;
  std::unique_ptr<Crew> crew_;
  std::vector<std::uint64_t> batch_;
  std::uint64_t requests_ = 0;
};

}  // namespace terrace::cli
