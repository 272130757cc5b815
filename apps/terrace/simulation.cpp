#include "simulation.hpp"

#include <algorithm>
#include <atomic>
#include <future>

namespace terrace::cli {
namespace {

constexpr std::size_t batch_size = 256 * 1024;

}  // namespace

class Simulation::Cache {
 public:
  explicit Cache(const Cell& cell) : cache_(options_of(cell)) {}

  /// How many of the accesses were hits.
  std::uint64_t run(const std::vector<std::uint64_t>& keys) {
    std::uint64_t hits = 0;
    for (const std::uint64_t key : keys) {
      if (cache_.visit(key, [](bool) {})) {
        ++hits;
      } else {
        cache_.set(key, true);
      }
    }
    return hits;
  }

 private:
  static MemoryOptions<std::uint64_t, bool> options_of(const Cell& cell) {
    MemoryOptions<std::uint64_t, bool> options;
    options.max_entries = cell.entries;
    options.eviction = cell.policy;
    options.shards = 1;
    options.sweep_interval = Duration{};
    return options;
  }

  MemoryCache<std::uint64_t, bool> cache_;
};

/// Threads that work a batch off, each taking the next cell that nobody has taken.
class Simulation::Crew {
 public:
  explicit Crew(unsigned threads) : threads_(threads) {}

  void start(Simulation& simulation, std::vector<std::uint64_t> keys) {
    keys_ = std::move(keys);
    next_cell_ = 0;
    const auto threads = std::min<std::size_t>(threads_, simulation.cells_.size());
    for (std::size_t i = 0; i < threads; ++i) {
      workers_.push_back(std::async(std::launch::async, [this, &simulation] {
        for (std::size_t cell; (cell = next_cell_++) < simulation.cells_.size();) {
          simulation.cells_[cell].hits += simulation.caches_[cell]->run(keys_);
        }
      }));
    }
  }

  /// Waits for the batch to be worked off and gives its storage back.
  std::vector<std::uint64_t> finish() {
    for (auto& worker : workers_) worker.get();
    workers_.clear();
    keys_.clear();
    return std::move(keys_);
  }

 private:
  unsigned threads_;
  std::vector<std::uint64_t> keys_;
  std::atomic<std::size_t> next_cell_{0};
  std::vector<std::future<void>> workers_;
};

Simulation::Simulation(const std::vector<Eviction>& policies, const std::vector<std::uint64_t>& sizes,
                       unsigned threads)
    : crew_(std::make_unique<Crew>(threads)) {
  for (const Eviction policy : policies) {
    for (const std::uint64_t size : sizes) {
      cells_.push_back({policy, size});
      caches_.push_back(std::make_unique<Cache>(cells_.back()));
    }
  }
  batch_.reserve(batch_size);
}

Simulation::~Simulation() = default;

void Simulation::access(std::uint64_t key) {
  batch_.push_back(key);
  ++requests_;
  if (batch_.size() == batch_size) hand_over();
}

void Simulation::hand_over() {
  std::vector<std::uint64_t> free = crew_->finish();
  crew_->start(*this, std::move(batch_));
  batch_ = std::move(free);
  batch_.reserve(batch_size);
}

const std::vector<Cell>& Simulation::finish() {
  hand_over();
  crew_->finish();
  return cells_;
}

}  // namespace terrace::cli
