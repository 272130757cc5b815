#pragma once
/// TraceReader: the requests of one trace file, in order, in constant memory however long the file is.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/byte_source.hpp"
#include "traces/line_parsers.hpp"
#include "traces/trace_error.hpp"

namespace terrace::traces {

enum class TraceFormat { keys, csv, log };

/// "keys", "csv", "log"; none for other words.
[[nodiscard]] std::optional<TraceFormat> parse_format(std::string_view word);

/// Longest line that is read; a longer one is malformed.
inline constexpr std::size_t max_line_size = std::size_t{1} << 20;

struct TraceOptions {
  /// None: told by the name (.keys, .csv, .log, each with .zst too), else by the first line.
  std::optional<TraceFormat> format{};

  /// The share of malformed lines (0 … 1) above which the trace is refused. None: 1 %, but up to ten lines in
  /// a short file as long as they are fewer than half.
  std::optional<double> max_bad_share{};

  /// Set from elsewhere to end the reading early. May be null.
  const std::atomic<bool>* stop = nullptr;
};

/// What was read so far.
struct TraceReport {
  struct BadLine {
    std::uint64_t line;
    std::string why;
  };
  std::uint64_t lines = 0;  ///< every line, header and blank ones included
  std::uint64_t requests = 0;
  std::uint64_t skipped = 0;       ///< blank lines, and log lines that are not GET
  std::uint64_t bad = 0;           ///< malformed lines
  std::vector<BadLine> first_bad;  ///< the first five of them
};

/// Not thread safe. Every member may throw TraceError.
class TraceReader {
 public:
  /// Opens the file ("-": standard input) and reads its beginning: refuses what is empty, binary, or of a
  /// format that cannot be told.
  explicit TraceReader(const std::string& path, TraceOptions options = {});

  /// The next request; false at the end. Throws once too many lines are malformed (looked at from the
  /// 10,000th line on, and at the end), and at the end when there was no request at all.
  bool next(Request& into);

  [[nodiscard]] TraceFormat format() const noexcept { return format_; }
  [[nodiscard]] const TraceReport& report() const noexcept { return report_; }

  /// The share of the file that next() has gone through, 0 … 1; none for pipes.
  [[nodiscard]] std::optional<double> progress() const noexcept;

 private:
  [[nodiscard]] TraceFormat told_by_content(const std::string& path) const;
  void read_csv_header();
  bool next_line(std::string_view& line);
  void refill();
  Parsed parse(std::string_view line, Request& into);
  void note_bad(const char* why);
  [[nodiscard]] bool too_many_bad() const noexcept;
  void check_bad_share() const;
  void check_end() const;

  std::string name_;
  TraceOptions options_;
  std::unique_ptr<ByteSource> source_;
  TraceFormat format_ = TraceFormat::keys;
  CsvRows csv_;
  TraceReport report_;

  std::vector<char> buffer_;
  std::size_t begin_ = 0;  ///< what is not read yet lies in [begin_, end_)
  std::size_t end_ = 0;
  std::uint64_t taken_ = 0;  ///< bytes that came into the buffer so far
  bool at_end_ = false;
};

/// The name of a trace in reports: the file's name without folder, .zst and .keys, .csv or .log; "stdin" for
/// "-".
[[nodiscard]] std::string trace_title(const std::string& path);

}  // namespace terrace::traces
