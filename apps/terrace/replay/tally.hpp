#pragma once
/// Tally: what one caller of a replay saw, request by request.

#include <cstdint>
#include <memory>
#include <string>
#include <terrace/histogram.hpp>
#include <vector>

#include "replay/levels.hpp"

namespace terrace::cli {

/// A request that ended in an error, for messages.
struct FailedRequest {
  std::size_t file;
  std::uint64_t line;
  std::string why;
};

/// Not thread safe: one per caller, merged in the end.
class Tally {
 public:
  explicit Tally(std::size_t levels);

  void add(const Fetched& answer, Duration took);
  void note(FailedRequest failed);
  void merge(const Tally& other);

  [[nodiscard]] std::uint64_t requests() const noexcept;
  [[nodiscard]] std::uint64_t hits()
      const noexcept;  ///< answered without a load of their own, joined ones included
  [[nodiscard]] std::uint64_t level_hits(std::size_t level) const noexcept {
    return by_level_[level]->count();
  }
  [[nodiscard]] std::uint64_t level_bytes(std::size_t level) const noexcept { return bytes_[level]; }
  [[nodiscard]] std::uint64_t loaded_bytes() const noexcept { return loaded_bytes_; }
  [[nodiscard]] std::uint64_t loads() const noexcept { return loads_->count(); }
  [[nodiscard]] std::uint64_t joined() const noexcept { return joined_->count(); }
  [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }
  [[nodiscard]] std::uint64_t wrong() const noexcept { return wrong_; }

  /// The share of answered requests that were hits, 0 … 1.
  [[nodiscard]] double hit_rate() const noexcept;

  /// Latencies of the requests, as the caller saw them.
  [[nodiscard]] const Histogram& level_latency(std::size_t level) const noexcept { return *by_level_[level]; }
  [[nodiscard]] const Histogram& load_latency() const noexcept { return *loads_; }

  /// The time spent in all requests that were answered.
  [[nodiscard]] Duration answered_time() const noexcept;

  /// The first few.
  [[nodiscard]] const std::vector<FailedRequest>& failed() const noexcept { return failed_; }

 private:
  // On the heap: a histogram cannot be moved.
  std::vector<std::unique_ptr<Histogram>> by_level_;
  std::unique_ptr<Histogram> loads_ = std::make_unique<Histogram>();
  std::unique_ptr<Histogram> joined_ = std::make_unique<Histogram>();
  std::vector<std::uint64_t> bytes_;  ///< of the values each level answered with
  std::uint64_t loaded_bytes_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t wrong_ = 0;
  std::vector<FailedRequest> failed_;
};

}  // namespace terrace::cli
