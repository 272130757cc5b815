#include "replay/replay.hpp"

#include <fmt/format.h>

#include <deque>
#include <thread>

#include "progress.hpp"
#include "replay/batch_queue.hpp"
#include "units.hpp"

namespace terrace::cli {
namespace {

/// The callers of a run, and the queue that feeds them.
class Callers {
 public:
  Callers(Levels& levels, const ReplayOptions& options)
      : levels_(levels),
        options_(options),
        origin_(std::make_shared<Origin>(options.origin_latency)),
        queue_(2 * options.threads) {
    for (unsigned i = 0; i < options.threads; ++i) {
      Tally& tally = tallies_.emplace_back(levels.names().size());
      threads_.emplace_back([this, &tally] { work(tally); });
    }
  }
  ~Callers() { join(); }
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;

  void push(Batch batch) { queue_.push(std::move(batch)); }

  /// Requests ended so far, and those of them that were hits.
  [[nodiscard]] std::uint64_t done() const noexcept { return done_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t hits() const noexcept { return hits_.load(std::memory_order_relaxed); }

  [[nodiscard]] Duration mean_load() const noexcept {
    const auto loads = static_cast<Duration::rep>(origin_->loads().count());
    return loads == 0 ? options_.origin_latency : origin_->loads().sum() / loads;
  }

  /// Waits for everything that was pushed.
  Tally finish() {
    join();
    Tally sum(levels_.names().size());
    for (const Tally& tally : tallies_) sum.merge(tally);
    return sum;
  }

 private:
  void join() {
    queue_.close();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  void work(Tally& tally) {
    while (const auto batch = queue_.pop()) {
      std::uint64_t hits = 0;
      for (std::size_t i = 0; i < batch->size(); ++i) {
        if (options_.reading.stop != nullptr && *options_.reading.stop) return queue_.close();
        hits += serve((*batch)[i], batch->file(), tally) ? 1 : 0;
      }
      done_ += batch->size();
      hits_ += hits;
    }
  }

  bool serve(const traces::Request& request, std::size_t file, Tally& tally) {
    const std::uint64_t size = request.size.value_or(options_.value_size);
    Fetched answer{Fetched::By::error};
    const TimePoint begun = system_clock().now();
    if (size <= max_value_size) {
      answer = levels_.fetch(request.key, size, origin_);
    } else {
      answer.why = fmt::format("a value of {} is over the limit of {}", format_bytes(size),
                               format_bytes(max_value_size));
    }
    tally.add(answer, system_clock().now() - begun);
    if (answer.by == Fetched::By::error) tally.note({file, request.line, std::move(answer.why)});
    return answer.by == Fetched::By::level;
  }

  Levels& levels_;
  const ReplayOptions& options_;
  std::shared_ptr<Origin> origin_;
  BatchQueue queue_;
  std::deque<Tally> tallies_;
  std::vector<std::thread> threads_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> hits_{0};
};

traces::TraceReport feed(Callers& callers, const ReplayOptions& options, std::size_t file,
                         ProgressBar& progress) {
  traces::TraceReader reader(options.files[file], options.reading);
  traces::Request request;
  Batch batch(file);
  while (reader.next(request)) {
    batch.add(request);
    if (!batch.is_full()) continue;
    callers.push(std::move(batch));
    batch = Batch(file);
    const std::uint64_t done = callers.done();
    const double hit_rate = done > 0 ? static_cast<double>(callers.hits()) / static_cast<double>(done) : 0;
    progress.show(reader.progress(), done, fmt::format("{:.1f} % hits", hit_rate * 100));
  }
  callers.push(std::move(batch));
  return reader.report();
}

}  // namespace

ReplayOutcome replay(Levels& levels, const ReplayOptions& options) {
  const TimePoint begun = system_clock().now();
  std::vector<ReplayedTrace> traces;
  Callers callers(levels, options);
  ProgressBar progress;
  for (std::size_t file = 0; file < options.files.size(); ++file) {
    traces.push_back({options.files[file], feed(callers, options, file, progress)});
  }
  Tally tally = callers.finish();
  const bool interrupted = options.reading.stop != nullptr && *options.reading.stop;
  return {
      std::move(tally), std::move(traces), levels.states(), callers.mean_load(), system_clock().now() - begun,
      interrupted};
}

}  // namespace terrace::cli
