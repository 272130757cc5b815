#pragma once
/// Line parsers: one line of a trace to one request, per format. No I/O, no state but the columns of a CSV
/// file.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace terrace::traces {

/// One access of a trace. The key is valid until the next line is parsed.
struct Request {
  std::string_view key;
  std::optional<std::uint64_t> number{};  ///< the key, where the format says that it is a number
  std::optional<std::uint64_t> size{};    ///< bytes of the value, where the trace tells
  std::uint64_t line = 0;                 ///< counted from 1, within its file
};

/// What a line turned out to be. `why` says what is wrong with a malformed one.
struct Parsed {
  enum Kind { request, skipped, malformed } kind;
  const char* why = "";
};

/// `.keys`: an unsigned 64-bit decimal. Blanks around it are dropped, and leading zeros, so that equal
/// numbers are equal keys.
Parsed parse_key_line(std::string_view line, Request& into);

/// nginx and Apache logs, "common" or "combined", with or without a virtual host in front. The key is the
/// request target (path and query) of a GET; other methods, and what is no HTTP request at all, are skipped.
/// The size is the number of bytes sent; 0 and "-" tell none.
Parsed parse_log_line(std::string_view line, Request& into);

/// Rows of a CSV file with a header (RFC 4180, but a quoted field does not span lines). The column `key` must
/// be there, `size` may; others are not looked at. Keys may be text.
class CsvRows {
 public:
  /// Takes the columns from the header line; false when it has none called `key`.
  [[nodiscard]] bool read_header(std::string_view line);

  Parsed parse(std::string_view line, Request& into);

 private:
  std::size_t columns_ = 0;
  std::size_t key_column_ = 0;
  std::optional<std::size_t> size_column_;
  std::string unquoted_;
};

/// A number for a key, equal for equal keys: the key itself where it is a plain decimal (no sign, no leading
/// zero), else its XXH3 hash, the same in every run.
[[nodiscard]] std::uint64_t key_id(const Request& request);

}  // namespace terrace::traces
