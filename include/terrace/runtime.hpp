#pragma once
/// Runtime: the threads behind tiers and caches. It has one I/O context for sockets and timers, and a pool of
/// worker threads for work that blocks (loaders, files).

#include <memory>
#include <terrace/result.hpp>
#include <terrace/scheduler.hpp>

namespace terrace {

struct RuntimeOptions {
  /// The most worker threads for blocking work other than loaders; at least 1. They start when first needed.
  /// Loads get threads in addition, which end when there is no more work for them: each cache limits its own
  /// loads (CacheOptions::max_concurrent_loads).
  unsigned workers = 64;
};

/// The Scheduler for production. I/O tasks run one at a time: state touched only by them needs no lock. If
/// exactly one caller is blocked, it runs the I/O itself (wait()), so its answer needs no change of threads.
/// With several blocked callers, or none, a background thread runs it.
class Runtime final : public Scheduler {
 public:
  explicit Runtime(RuntimeOptions options = {});
  ~Runtime() override;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// The runtime that tiers and caches use if none is given. The first user creates it; it ends with its last
  /// user.
  static std::shared_ptr<Runtime> common();

  [[nodiscard]] const Clock& clock() const noexcept override { return system_clock(); }
  void post(Task task) override;
  /// If the system has no thread, it tries again until it gets one.
  void post_blocking(Task task) override;
  Result<void> post_load(Task task, bool nested) override;
  TimerId call_at(TimePoint when, Task task) override;
  bool cancel(TimerId timer) override;
  bool wait(Latch& latch, TimePoint deadline) override;
  [[nodiscard]] bool on_io_thread() const noexcept override;

  class Impl;
  /// For tiers that do I/O themselves: src/runtime/io_context.hpp gives the Asio context of the runtime.
  [[nodiscard]] Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace terrace
