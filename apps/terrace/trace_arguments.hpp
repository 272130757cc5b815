#pragma once
/// Trace arguments: the options about input that commands share, and what they say about malformed lines.

#include <string>
#include <vector>

#include "traces/trace_reader.hpp"

namespace CLI {
class App;
}

namespace terrace::cli {

struct TraceArguments {
  std::vector<std::string> files;
  std::string format;
  std::string max_bad_lines;

  /// Declares FILE…, --format and --max-bad-lines.
  void declare(CLI::App& command);

  /// Throws UsageError; `stop` as in TraceOptions.
  [[nodiscard]] traces::TraceOptions options(const std::atomic<bool>* stop = nullptr) const;
};

/// What the help of every command that reads traces ends with.
extern const char* const trace_formats_help;

/// Says on standard error how many lines of the file were malformed, and the first of them. Nothing when
/// none.
void warn_of_bad_lines(const std::string& file, const traces::TraceReport& report);

}  // namespace terrace::cli
