#pragma once
/// Scales: where values lie along an axis of a plot, and which of them are written there.

#include <cstdint>
#include <string>
#include <vector>

namespace terrace::cli {

struct PlotScale {
  struct Tick {
    double place;  ///< 0 … 1 along the axis
    std::string label;
  };

  double from, to;  ///< the ends of the axis; in logarithms where it is logarithmic
  bool is_logarithmic;
  std::vector<Tick> ticks;

  /// 0 … 1 along the axis.
  [[nodiscard]] double place(double value) const;
};

/// Logarithmic, with some room beyond the sizes: "200", "1k", "10M".
[[nodiscard]] PlotScale size_scale(std::uint64_t least, std::uint64_t most);

/// From tick to tick around the shares: "0 %", "2.5 %". Never beyond 0 and 100 %.
[[nodiscard]] PlotScale share_scale(double least, double most);

}  // namespace terrace::cli
