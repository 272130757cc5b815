#pragma once
/// TopFrames: what `terrace top` shows, made of one answer after another.

#include <boost/json/object.hpp>
#include <cstddef>
#include <deque>
#include <string>
#include <terrace/clock.hpp>
#include <utility>

namespace terrace::cli {

/// Not thread safe.
class TopFrames {
 public:
  explicit TopFrames(std::string label) : label_(std::move(label)) {}

  /// Takes what was polled: GET /api/v1/stats.
  void add(boost::json::object stats, TimePoint at);
  /// Why there is nothing newer; empty: there is.
  void set_trouble(std::string why) { trouble_ = std::move(why); }

  /// Lines that fit: less important columns are left out where they do not, and longer lines are cut. With
  /// rows = 0 there may be any number of lines.
  [[nodiscard]] std::string frame(std::size_t columns, std::size_t rows) const;

 private:
  [[nodiscard]] std::string table(std::size_t columns) const;
  [[nodiscard]] std::string notes() const;
  [[nodiscard]] std::string level_p99(const boost::json::object& cache, std::size_t level) const;

  const std::string label_;
  std::string trouble_;
  /// Polled within the window, the oldest first: for latencies of now instead of since the start.
  std::deque<std::pair<TimePoint, boost::json::object>> past_;
};

}  // namespace terrace::cli
