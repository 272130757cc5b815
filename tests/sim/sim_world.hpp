#pragma once
/// SimWorld: runs a schedule: whole caches over a simulated Redis and network, on one virtual clock.

#include <memory>
#include <string>

#include "sim/schedule.hpp"

namespace terrace::sim {

struct Outcome {
  std::string violation = {};  ///< empty: every promise was kept
  std::uint64_t fingerprint = 0;
  // What the run has seen: a check that meets nothing shows nothing.
  std::uint64_t answers = 0;
  std::uint64_t from_memory = 0;
  std::uint64_t loads = 0;
  std::uint64_t writes = 0;
  std::uint64_t acknowledged = 0;
};

/// On a thread of its own, because random numbers of the code that runs are kept by thread.
[[nodiscard]] Outcome run(const Schedule& schedule);

/// The smallest part of the schedule that still breaks a promise, found by leaving out halves of the faults,
/// then of the operations. `runs`: the most runs.
[[nodiscard]] Schedule shrink(Schedule schedule, unsigned runs = 400);

}  // namespace terrace::sim
