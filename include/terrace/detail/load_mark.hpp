#pragma once
/// LoadMark: distinguishes reads made by a loader from all other reads.
///
/// While a loader runs it holds a turn among the loads of its cache, and often a worker thread. A read that
/// it waits for (a nested read) must need neither, otherwise loads would wait for each other: see
/// docs/decisions/0023-nested-loads.md. The code that runs a loader marks its thread meanwhile with the load; a
/// read begun on a marked thread is nested in that load. Threads that a loader starts itself are not marked.

#include <atomic>
#include <memory>
#include <utility>

namespace terrace {

/// A load whose loader runs. Thread safe.
class RunningLoad {
 public:
  RunningLoad() = default;
  RunningLoad(const RunningLoad&) = delete;
  RunningLoad& operator=(const RunningLoad&) = delete;
  virtual ~RunningLoad() = default;

  [[nodiscard]] bool running() const noexcept { return running_; }
  /// The loader has returned: what still carries the mark (a task that it has left behind) is no longer part
  /// of it.
  void end() noexcept { running_ = false; }

 private:
  std::atomic<bool> running_{true};
};
using RunningLoadPtr = std::shared_ptr<RunningLoad>;

class LoadMark {
 public:
  /// From here to the destructor this thread runs the loader of this load; null: something else again.
  explicit LoadMark(RunningLoadPtr load) noexcept : outer_(std::exchange(load_, std::move(load))) {}
  ~LoadMark() { load_ = std::move(outer_); }
  LoadMark(const LoadMark&) = delete;
  LoadMark& operator=(const LoadMark&) = delete;

  /// The load whose loader this thread runs now; null: none.
  [[nodiscard]] static RunningLoadPtr load() noexcept {
    return load_ != nullptr && load_->running() ? load_ : nullptr;
  }

 private:
  static inline thread_local RunningLoadPtr load_ = nullptr;
  RunningLoadPtr outer_;
};

}  // namespace terrace
