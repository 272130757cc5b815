#pragma once
/// Units: a number with a unit, as people write durations and sizes.

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace terrace {

struct Unit {
  std::string_view name;
  double factor;
};

inline constexpr std::array duration_units{Unit{"ns", 1},     Unit{"us", 1e3}, Unit{"ms", 1e6},
                                           Unit{"s", 1e9},    Unit{"m", 60e9}, Unit{"h", 3600e9},
                                           Unit{"d", 86400e9}};
inline constexpr std::array byte_units{Unit{"", 1},
                                       Unit{"B", 1},
                                       Unit{"kB", 1e3},
                                       Unit{"MB", 1e6},
                                       Unit{"GB", 1e9},
                                       Unit{"KiB", 1024.0},
                                       Unit{"MiB", 1024.0 * 1024},
                                       Unit{"GiB", 1024.0 * 1024 * 1024}};

/// Cuts the leading decimal number off the text; none if there is none or it is negative.
std::optional<double> cut_number(std::string_view& text) noexcept;

/// The factor of the unit; none: it is no unit.
std::optional<double> factor_of(std::span<const Unit> units, std::string_view name) noexcept;

/// "1.5s" with duration_units: 1.5e9. None: no number, or no unit after it.
std::optional<double> parse_amount(std::string_view text, std::span<const Unit> units) noexcept;

}  // namespace terrace
