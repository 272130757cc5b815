#pragma once
/// Options: Python's words for the core's options.

#include <terrace/cache_options.hpp>

#include "python.hpp"

namespace terrace::python {

/// From a dict with the names of CacheOptions; times in seconds, None for "none". Throws ConfigError for a
/// name or a word that does not exist. What the values must be, CacheOptions::check() says.
[[nodiscard]] CacheOptions cache_options(const nb::dict& settings);

/// Seconds as a Duration; more than about 290 years: no end.
[[nodiscard]] Duration duration(double seconds) noexcept;
[[nodiscard]] double seconds(Duration duration) noexcept;
[[nodiscard]] inline std::optional<Duration> duration(std::optional<double> seconds) noexcept {
  return seconds ? std::optional(duration(*seconds)) : std::nullopt;
}

}  // namespace terrace::python
