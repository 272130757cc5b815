#pragma once
/// ProgressBar: how far a run is, drawn over and over on one line of standard error, on a terminal only.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>

namespace terrace::cli {

/// Not thread safe. On anything but a terminal it draws nothing.
class ProgressBar {
 public:
  /// `unit`: what is counted.
  explicit ProgressBar(std::string_view unit = "requests");
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Draws at most ten times a second. `share` is 0 … 1, none when the end is not known.
  void show(std::optional<double> share, std::uint64_t requests, std::string_view note);

  /// Wipes the line, so that other text may follow.
  void clear();

 private:
  const std::string unit_;
  bool on_terminal_;
  bool drawn_ = false;
  TimePoint begun_;
  TimePoint next_;
};

/// "[####----]  50 %  1,000 requests  500/s  note": the line that show() draws.
[[nodiscard]] std::string progress_line(std::optional<double> share, std::uint64_t requests, Duration elapsed,
                                        std::string_view note, std::string_view unit = "requests");

}  // namespace terrace::cli
