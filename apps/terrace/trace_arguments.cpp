#include "trace_arguments.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "units.hpp"
#include "usage_error.hpp"

namespace terrace::cli {

const char* const trace_formats_help =
    "Trace formats, each plain or zstd, recognised by name or content:\n"
    "  .keys   one unsigned 64-bit decimal key per line\n"
    "  .csv    a header with a column \"key\" (and \"size\", \"time\"), then rows\n"
    "  .log    nginx or Apache access log (common, combined): path and query of each GET";

void TraceArguments::declare(CLI::App& command) {
  command.add_option("FILE", files, "Traces, read one after another; - is standard input")
      ->required()
      ->option_text("...");
  command
      .add_option("--format", format,
                  "Format of the traces: keys, csv or log, if name and content do not show it")
      ->option_text("FORMAT");
  command
      .add_option("--max-bad-lines", max_bad_lines,
                  "Largest share of malformed lines in a trace (1%; in short files up to ten lines)")
      ->option_text("SHARE");
}

traces::TraceOptions TraceArguments::options(const std::atomic<bool>* stop) const {
  traces::TraceOptions options;
  options.stop = stop;
  if (!format.empty()) {
    options.format = traces::parse_format(format);
    if (!options.format) throw UsageError("--format \"" + format + "\" is not known: give keys, csv or log");
  }
  if (!max_bad_lines.empty()) options.max_bad_share = parse_share(max_bad_lines, "--max-bad-lines");
  if (std::count(files.begin(), files.end(), "-") > 1) {
    throw UsageError("standard input (-) can be read only once: name it once");
  }
  return options;
}

void warn_of_bad_lines(const std::string& file, const traces::TraceReport& report) {
  if (report.bad == 0) return;
  fmt::print(stderr, "terrace: {}: {} of {} lines are malformed and left out:\n", traces::source_name(file),
             format_count(report.bad), format_count(report.lines));
  for (const auto& bad : report.first_bad) fmt::print(stderr, "  line {}: {}\n", bad.line, bad.why);
  if (report.bad > report.first_bad.size()) fmt::print(stderr, "  …\n");
}

}  // namespace terrace::cli
