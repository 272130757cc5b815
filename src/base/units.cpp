#include "base/units.hpp"

#include <charconv>
#include <cmath>

namespace terrace {

std::optional<double> cut_number(std::string_view& text) noexcept {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<double> factor_of(std::span<const Unit> units, std::string_view name) noexcept {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

std::optional<double> parse_amount(std::string_view text, std::span<const Unit> units) noexcept {
  const auto number = cut_number(text);
  const auto factor = factor_of(units, text);
  if (!number || !factor) return std::nullopt;
  return *number * *factor;
}

}  // namespace terrace
