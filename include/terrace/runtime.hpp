#pragma once
/// Runtime: the threads behind tiers and caches. One I/O context for sockets and timers, and a pool of worker
/// threads for what blocks (loaders, files).

#include <memory>
#include <terrace/result.hpp>
#include <terrace/scheduler.hpp>

namespace terrace {

struct RuntimeOptions {
  /// Worker threads for loaders and other blocking work; at least 1. They start when first needed. As many
  /// as a cache runs loaders at a time (CacheOptions::max_concurrent_loads). Loads that other loads wait for
  /// get threads beyond these, which end when there is no more work for them.
  unsigned workers = 64;
};

/// The Scheduler of production. I/O tasks run one at a time: state touched only by them needs no lock.
/// A single blocked caller runs the I/O itself (wait()), so that its answer needs no change of threads;
/// with several blocked callers, or none, a background thread does.
class Runtime final : public Scheduler {
 public:
  explicit Runtime(RuntimeOptions options = {});
  ~Runtime() override;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// The runtime that tiers and caches use when given none: made by the first that asks, ended by the last
  /// that lets go.
  static std::shared_ptr<Runtime> common();

  [[nodiscard]] const Clock& clock() const noexcept override { return system_clock(); }
  void post(Task task) override;
  /// Tries again where the system gives no thread, until it does.
  void post_blocking(Task task) override;
  Result<void> post_load(Task task, bool nested) override;
  TimerId call_at(TimePoint when, Task task) override;
  bool cancel(TimerId timer) override;
  bool wait(Latch& latch, TimePoint deadline) override;
  [[nodiscard]] bool on_io_thread() const noexcept override;

  class Impl;
  /// For tiers that do I/O themselves: src/runtime/io_context.hpp gives the Asio context behind it.
  [[nodiscard]] Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace terrace
