#pragma once
/// MemoryPressure: makes caches give back memory when the container or the machine runs short of it, before
/// the kernel kills the process.
///
///     terrace::MemoryPressure pressure;
///     pressure.relieve([&](double share) { pages.shrink_memory(share); });
///
/// Each `interval` it reads two figures. First, for the cgroup (version 2) of this process and those above
/// it: how much of memory.max or memory.high is used, without the part that the kernel can drop at once
/// (inactive_file). Second, the pressure stall information of the cgroup, or of the machine if the cgroup has
/// none: the share of the last ten seconds in which tasks waited for memory. While either is above its limit,
/// it calls every function with the share to evict, and gives the freed memory back to the system. If the
/// kernel offers neither figure (not Linux, cgroup version 1, PSI switched off), nothing happens, and
/// status() says so.
/// Linux, cgroup version 1, PSI switched off), nothing happens, and status() says so.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/scheduler.hpp>

namespace terrace {

struct MemoryPressureOptions {
  double max_used = 0.9;     ///< share of the cgroup's limit; above 0, at most 1
  double max_stalled = 0.1;  ///< share of the time that some task waits for memory; above 0, at most 1
  double step = 0.1;         ///< share evicted at each check while there is pressure; above 0, at most 1
  Duration interval = std::chrono::seconds(1);
  /// Where the checks and the functions run. None: Runtime::common().
  std::shared_ptr<Scheduler> scheduler = {};
  /// The directory that contains proc and sys. Another one is for tests.
  std::string root = "/";

  /// Throws ConfigError that names the wrong option and says what would be right.
  void check() const;
};

struct MemoryPressureStatus {
  std::optional<double> used;  ///< share of the nearest limit; none: there is no limit, or it cannot be read
  std::optional<double> stalled;  ///< share of the time; none: the kernel does not report it
  bool pressed = false;           ///< there was pressure at the last check
  std::uint64_t steps = 0;        ///< checks that made the caches shrink
};

/// Thread safe.
class MemoryPressure {
 public:
  /// Throws ConfigError for wrong options.
  explicit MemoryPressure(MemoryPressureOptions options = {});
  /// Waits for functions that are running; calls none afterwards.
  ~MemoryPressure();
  MemoryPressure(const MemoryPressure&) = delete;
  MemoryPressure& operator=(const MemoryPressure&) = delete;

  /// Registers a function that is called with `step` while there is pressure. Functions run one after the
  /// other, on a worker thread. The function must be callable until this object is destroyed, and must not
  /// destroy it; an exception that it throws is dropped.
  void relieve(std::function<void(double share)> shrink);

  /// Checks now, and shrinks the caches if there is pressure.
  MemoryPressureStatus look();
  /// The result of the last check.
  [[nodiscard]] MemoryPressureStatus status() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace terrace
