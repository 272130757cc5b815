#pragma once
/// BatchQueue: requests on their way from the reader of a trace to the callers, in batches, bounded.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/line_parsers.hpp"

namespace terrace::cli {

/// Requests with keys of their own. `file` is an index into the files of the run.
class Batch {
 public:
  explicit Batch(std::size_t file) : file_(file) {}

  void add(const traces::Request& request) {
    items_.push_back({text_.size(), request.key.size(), request.size, request.line});
    text_ += request.key;
  }

  [[nodiscard]] bool is_full() const noexcept {
    constexpr std::size_t most_items = 512;
    constexpr std::size_t most_bytes = std::size_t{1} << 20;
    return items_.size() >= most_items || text_.size() >= most_bytes;
  }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] std::size_t file() const noexcept { return file_; }

  /// The view of the key lives as long as the batch.
  [[nodiscard]] traces::Request operator[](std::size_t i) const {
    const Item& item = items_[i];
    return {std::string_view(text_).substr(item.offset, item.length), std::nullopt, item.size, item.line};
  }

 private:
  struct Item {
    std::size_t offset;
    std::size_t length;
    std::optional<std::uint64_t> size;
    std::uint64_t line;
  };

  std::size_t file_;
  std::string text_;
  std::vector<Item> items_;
};

/// Thread safe.
class BatchQueue {
 public:
  explicit BatchQueue(std::size_t capacity) : capacity_(capacity) {}

  /// Waits for room. Dropped once the queue is closed.
  void push(Batch batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || batches_.size() < capacity_; });
    if (closed_) return;
    batches_.push_back(std::move(batch));
    changed_.notify_all();
  }

  /// Waits for a batch; nothing once the queue is closed and empty.
  std::optional<Batch> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !batches_.empty(); });
    if (batches_.empty()) return std::nullopt;
    std::optional<Batch> batch(std::move(batches_.front()));
    batches_.pop_front();
    changed_.notify_all();
    return batch;
  }

  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> batches_;
  bool closed_ = false;
};

}  // namespace terrace::cli
