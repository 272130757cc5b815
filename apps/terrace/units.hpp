#pragma once
/// Units: what people write on the command line and read in reports: durations, byte sizes, counts.
/// The parse functions throw UsageError; `what` is the option's name in the message.

#include <cstdint>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>
#include <vector>

namespace terrace::cli {

/// "200us", "2ms", "1.5s", "5m", "1h", "100ns", "0". A bare number is refused unless `bare_unit` says what it
/// counts.
[[nodiscard]] Duration parse_duration(std::string_view text, std::string_view what, Duration bare_unit = {});

/// "1048576", "64MiB", "64MB", "1.5GiB": a positive number of bytes.
[[nodiscard]] std::uint64_t parse_bytes(std::string_view text, std::string_view what);

/// A whole number in [least, most].
[[nodiscard]] std::uint64_t parse_count(std::string_view text, std::string_view what, std::uint64_t least,
                                        std::uint64_t most);

/// "1%" or "0.01", in [0, 1].
[[nodiscard]] double parse_share(std::string_view text, std::string_view what);

/// The parts of a list with commas, blanks around them dropped; an empty part is refused.
[[nodiscard]] std::vector<std::string> parse_list(std::string_view text, std::string_view what);

[[nodiscard]] std::string format_duration(Duration d);        ///< "1.2 ms"
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);  ///< "12.3 MiB"
[[nodiscard]] std::string format_count(std::uint64_t count);  ///< "1,234,567"
[[nodiscard]] std::string format_percent(double share);       ///< "12.34 %"

}  // namespace terrace::cli
