#include "plot_scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace terrace::cli {
namespace {

std::string short_count(double count) {
  constexpr std::array units{"", "k", "M", "G"};
  std::size_t unit = 0;
  for (; count >= 1000 && unit + 1 < units.size(); ++unit) count /= 1000;
  return fmt::format("{:.0f}{}", count, units.at(unit));
}

}  // namespace

double PlotScale::place(double value) const {
  return ((is_logarithmic ? std::log10(value) : value) - from) / (to - from);
}

PlotScale size_scale(std::uint64_t least, std::uint64_t most) {
  const double lowest = std::log10(static_cast<double>(least));
  const double highest = std::log10(static_cast<double>(most));
  const double room = least == most ? 0.5 : (highest - lowest) * 0.04;
  PlotScale scale{lowest - room, highest + room, true, {}};
  constexpr double decades_of_few_ticks = 3;
  const bool only_decades = scale.to - scale.from > decades_of_few_ticks;
  for (double decade = std::max(0.0, std::floor(scale.from)); decade <= scale.to; ++decade) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      const double size = digit * std::pow(10.0, decade);
      const double place = scale.place(size);
      if (place < 0 || place > 1 || (only_decades && digit != 1)) continue;
      scale.ticks.push_back({place, short_count(size)});
    }
  }
  return scale;
}

PlotScale share_scale(double least, double most) {
  constexpr double least_range = 0.02;
  constexpr double most_ticks = 6;
  if (most - least < least_range) {
    least = std::max(0.0, least - least_range / 2);
    most = std::min(1.0, most + least_range / 2);
  }
  constexpr std::array steps{0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002};
  double step = steps.front();
  for (const double finer : steps) {
    if ((most - least) / finer <= most_ticks) step = finer;
  }
  constexpr double rounding = 1e-9;
  const double first = std::floor(least / step + rounding);
  const double last = std::ceil(most / step - rounding);
  PlotScale scale{first * step, last * step, false, {}};
  for (double tick = first; tick <= last; ++tick) {
    const double share = tick * step;
    scale.ticks.push_back({scale.place(share), fmt::format("{:.{}f} %", share * 100, step < 0.01 ? 1 : 0)});
  }
  return scale;
}

}  // namespace terrace::cli
