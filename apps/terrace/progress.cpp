#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "units.hpp"

namespace terrace::cli {

std::string progress_line(std::optional<double> share, std::uint64_t requests, Duration elapsed,
                          std::string_view note, std::string_view unit) {
  constexpr int width = 30;
  std::string line;
  const double seconds = std::chrono::duration<double>(elapsed).count();
  if (share) {
    const int full = static_cast<int>(std::clamp(*share, 0.0, 1.0) * width);
    line = fmt::format("[{:#<{}}{:-<{}}] {:3.0f} %  ", "", full, "", width - full, *share * 100);
  }
  const double rate = seconds > 0 ? static_cast<double>(requests) / seconds : 0;
  line += fmt::format("{} {}  {}/s", format_count(requests), unit,
                      format_count(static_cast<std::uint64_t>(rate)));
  if (share && *share > 0.02 && *share < 1)
    line += fmt::format("  {:.0f} s left", seconds / *share - seconds);
  if (!note.empty()) line += fmt::format("  {}", note);
  return line;
}

ProgressBar::ProgressBar(std::string_view unit)
    : unit_(unit), on_terminal_(::isatty(STDERR_FILENO) != 0), begun_(system_clock().now()), next_(begun_) {}

void ProgressBar::show(std::optional<double> share, std::uint64_t requests, std::string_view note) {
  if (!on_terminal_) return;
  const TimePoint now = system_clock().now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  fmt::print(stderr, "\r{}\033[K", progress_line(share, requests, now - begun_, note, unit_));
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressBar::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace terrace::cli
