#include "simulation.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>

namespace terrace::cli {
namespace {

constexpr std::size_t batch_size = 256 * 1024;

}  // namespace

class Simulation::Cache {
 public:
  Cache(const Cell& cell, bool curve) : cache_(options_of(cell, curve)) {}

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

  [[nodiscard]] Advice advice() const { return *cache_.advise(); }

 private:
  static MemoryOptions<std::uint64_t, bool> options_of(const Cell& cell, bool curve) {
    MemoryOptions<std::uint64_t, bool> options;
    options.max_entries = cell.entries;
    options.eviction = *cell.policy.eviction;
    options.shards = 1;
    options.sweep_interval = Duration{};
    options.advisor = curve;
    return options;
  }

  MemoryCache<std::uint64_t, bool> cache_;
};

/// Threads that do numbered jobs, each taking the next one that nobody has taken.
class Simulation::Crew {
 public:
  explicit Crew(unsigned threads) : threads_(threads) {}

  void start(std::size_t jobs, std::function<void(std::size_t)> job) {
    job_ = std::move(job);
    next_job_ = 0;
    const auto threads = std::min<std::size_t>(threads_, jobs);
    for (std::size_t i = 0; i < threads; ++i) {
      workers_.push_back(std::async(std::launch::async, [this, jobs] {
        for (std::size_t next; (next = next_job_++) < jobs;) job_(next);
      }));
    }
  }

  /// Waits for the jobs to be done.
  void finish() {
    for (auto& worker : workers_) worker.get();
    workers_.clear();
  }

 private:
  unsigned threads_;
  std::function<void(std::size_t)> job_;
  std::atomic<std::size_t> next_job_{0};
  std::vector<std::future<void>> workers_;
};

Simulation::Simulation(const std::vector<Policy>& policies, const std::vector<std::uint64_t>& sizes,
                       unsigned threads, bool curve)
    : crew_(std::make_unique<Crew>(threads)), curve_(curve) {
  for (const Policy& policy : policies) {
    for (const std::uint64_t size : sizes) {
      const Cell& cell = cells_.emplace_back(Cell{policy, size});
      caches_.push_back(policy.eviction ? std::make_unique<Cache>(cell, curve) : nullptr);
      if (!policy.eviction && !belady_) belady_ = std::make_unique<Belady>();
    }
  }
  batch_.reserve(batch_size);
  at_work_.reserve(batch_size);
}

Simulation::~Simulation() = default;

void Simulation::access(std::uint64_t key) {
  batch_.push_back(key);
  ++requests_;
  if (batch_.size() == batch_size) hand_over();
}

void Simulation::hand_over() {
  crew_->finish();
  at_work_.swap(batch_);
  batch_.clear();
  crew_->start(cells_.size() + 1, [this](std::size_t job) { take_batch(job); });
}

/// The last job is what the cells of the optimum share.
void Simulation::take_batch(std::size_t job) {
  if (job < cells_.size()) {
    if (caches_[job]) cells_[job].hits += caches_[job]->run(at_work_);
  } else if (belady_) {
    for (const std::uint64_t key : at_work_) belady_->access(key);
  }
}

const std::vector<Cell>& Simulation::finish() {
  hand_over();
  crew_->finish();
  crew_->start(cells_.size(), [this](std::size_t job) {
    if (!caches_[job]) cells_[job].hits = belady_->hits(cells_[job].entries);
  });
  crew_->finish();
  if (curve_) cells_ = with_estimates();
  return cells_;
}

std::vector<Cell> Simulation::with_estimates() const {
  std::vector<Cell> all;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const Advice advice = caches_[i]->advice();
    for (std::size_t size = 0; size < advice.sizes.size(); ++size) {
      Cell cell = cells_[i];
      if (advice.sizes[size].factor != 1) {
        cell.entries = advice.sizes[size].entries;
        cell.hits = static_cast<std::uint64_t>(advice.hit_ratio(size) * static_cast<double>(requests_) + 0.5);
        cell.estimated = true;
      }
      all.push_back(cell);
    }
  }
  return all;
}

}  // namespace terrace::cli
