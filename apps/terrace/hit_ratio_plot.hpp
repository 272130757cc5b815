#pragma once
/// Hit ratio plots: the hit rate of each policy over the size of the cache, as an SVG that stands by itself:
/// no script, no style sheet, no font of its own, and a white ground for dark pages.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace terrace::cli {

struct PlotLine {
  std::string policy;                         ///< its name chooses colour and marker, the same in every plot
  std::map<std::uint64_t, double> hit_rates;  ///< by entries; at least one
};

/// One trace.
struct PlotPanel {
  std::string title;  ///< any bytes
  std::uint64_t requests;
  std::vector<PlotLine> lines;  ///< the first is drawn on top, and heads the legend; at least one
};

/// Panels below each other, in the order given. The optimum comes first wherever it stands.
[[nodiscard]] std::string hit_ratio_plot(const std::vector<PlotPanel>& panels);

}  // namespace terrace::cli
