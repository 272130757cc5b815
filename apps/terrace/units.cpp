#include "units.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/units.hpp"
#include "usage_error.hpp"

namespace terrace::cli {

Duration parse_duration(std::string_view text, std::string_view what, Duration bare_unit) {
  std::string_view rest = text;
  const auto number = cut_number(rest);
  auto factor = factor_of(duration_units, rest);
  if (rest.empty() && number && (*number == 0 || bare_unit > Duration{})) {
    factor = static_cast<double>(bare_unit.count());
  }
  if (!number || !factor) {
    throw UsageError(fmt::format(
        "{} \"{}\" is not a duration: write a number and a unit, as in 200us, 2ms, 1s or 5m", what, text));
  }
  constexpr double longest_ns = 1e9 * 3600 * 24 * 366;
  const double ns = *number * *factor;
  if (ns > longest_ns) throw UsageError(fmt::format("{} \"{}\" is too long: at most a year", what, text));
  return Duration{std::llround(ns)};
}

std::uint64_t parse_bytes(std::string_view text, std::string_view what) {
  std::string_view rest = text;
  const auto number = cut_number(rest);
  const auto factor = factor_of(byte_units, rest);
  if (!number || !factor) {
    throw UsageError(fmt::format(
        "{} \"{}\" is not a size: write bytes, or a number and a unit, as in 64MiB or 2GB", what, text));
  }
  constexpr double most = 1ULL << 50;
  const double bytes = *number * *factor;
  if (bytes < 1 || bytes > most) {
    throw UsageError(fmt::format("{} \"{}\" is out of range: between 1 byte and 1 PiB", what, text));
  }
  return static_cast<std::uint64_t>(bytes);
}

std::uint64_t parse_count(std::string_view text, std::string_view what, std::uint64_t least,
                          std::uint64_t most) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool too_large = error == std::errc::result_out_of_range;
  if (!too_large && (error != std::errc{} || end != text.data() + text.size())) {
    throw UsageError(fmt::format("{} \"{}\" is not a whole number from {} to {}", what, text, least, most));
  }
  if (too_large || count < least || count > most) {
    throw UsageError(fmt::format("{} {} is out of range: from {} to {}", what, text, least, most));
  }
  return count;
}

double parse_share(std::string_view text, std::string_view what) {
  std::string_view rest = text;
  const auto number = cut_number(rest);
  const double share = number.value_or(-1) / (rest == "%" ? 100 : 1);
  if (!number || (!rest.empty() && rest != "%") || share > 1) {
    throw UsageError(
        fmt::format("{} \"{}\" is not a share: write a percentage from 0% to 100%, or 0 to 1", what, text));
  }
  return share;
}

std::vector<std::string> parse_list(std::string_view text, std::string_view what) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (part.empty()) throw UsageError(fmt::format("{} has an empty part: write a list such as a,b", what));
    parts.emplace_back(part);
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::string format_duration(Duration d) {
  const auto ns = static_cast<double>(d.count());
  const double size = std::abs(ns);
  const auto three_digits = [](double value) {
    return fmt::format("{:.{}f}", value, std::abs(value) < 9.95 ? 1 : 0);
  };
  if (size < 1e3) return fmt::format("{:.0f} ns", ns);
  if (size < 1e6) return three_digits(ns / 1e3) + " us";
  if (size < 1e9) return three_digits(ns / 1e6) + " ms";
  if (size < 600e9) return fmt::format("{:.1f} s", ns / 1e9);
  return fmt::format("{:.1f} min", ns / 60e9);
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes);
  std::string_view unit;
  for (const std::string_view larger : {"KiB", "MiB", "GiB", "TiB"}) {
    if (amount < 1024) break;
    amount /= 1024;
    unit = larger;
  }
  return fmt::format("{:.1f} {}", amount, unit);
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string format_percent(double share) {
  return fmt::format("{:.2f} %", share * 100);
}

}  // namespace terrace::cli
