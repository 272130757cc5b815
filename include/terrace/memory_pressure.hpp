#pragma once
/// MemoryPressure: lets caches give back memory when the container or the machine runs short of it, before
/// the kernel kills the process.
///
///     terrace::MemoryPressure pressure;
///     pressure.relieve([&](double share) { pages.shrink_memory(share); });
///
/// Each `interval` it looks at the cgroup (version 2) this process is in, and those above: how much of
/// memory.max or memory.high is used, less what the kernel can drop at once (inactive_file); and at the
/// pressure stall information of the cgroup, or else of the machine: the share of the last ten seconds in
/// which tasks waited for memory. While either is beyond its limit, every function is called with the share
/// that it should evict, and what was freed is given back to the system. Where the kernel offers neither (not
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
  double max_used = 0.9;     ///< of the cgroup's limit; above 0, at most 1
  double max_stalled = 0.1;  ///< of the time, some task waiting for memory; above 0, at most 1
  double step = 0.1;         ///< the share that each look evicts while there is pressure; above 0, at most 1
  Duration interval = std::chrono::seconds(1);
  /// Where it looks and shrinks. None: Runtime::common().
  std::shared_ptr<Scheduler> scheduler = {};
  /// The folder that holds proc and sys; another one is for tests.
  std::string root = "/";

  /// Throws ConfigError naming the option that is wrong and what would be right.
  void check() const;
};

struct MemoryPressureStatus {
  std::optional<double>
      used;  ///< of the limit that is nearest; none: there is no limit, or it cannot be read
  std::optional<double> stalled;  ///< of the time; none: the kernel does not tell
  bool pressed = false;           ///< at the last look
  std::uint64_t steps = 0;        ///< looks that made the caches shrink
};

/// Thread safe.
class MemoryPressure {
 public:
  /// Throws ConfigError.
  explicit MemoryPressure(MemoryPressureOptions options = {});
  /// Waits for functions that run; afterwards none is called.
  ~MemoryPressure();
  MemoryPressure(const MemoryPressure&) = delete;
  MemoryPressure& operator=(const MemoryPressure&) = delete;

  /// To be called with `step` while there is pressure, one function after the other, on a worker thread. It
  /// must be callable until this object is gone, and must not destroy it; what it throws is dropped.
  void relieve(std::function<void(double share)> shrink);

  /// Looks now, and shrinks if there is pressure.
  MemoryPressureStatus look();
  /// As of the last look.
  [[nodiscard]] MemoryPressureStatus status() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace terrace
