#pragma once
/// Replay: sends the requests of traces through the levels from several callers at once, and measures.

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "replay/levels.hpp"
#include "replay/tally.hpp"
#include "traces/trace_reader.hpp"

namespace terrace::cli {

struct ReplayOptions {
  std::vector<std::string> files;
  traces::TraceOptions reading;  ///< its `stop` ends the replay early
  Duration origin_latency{};
  std::uint64_t value_size = 0;  ///< where the trace tells no size
  unsigned threads = 1;          ///< callers; with one, requests keep the order of the trace
};

struct ReplayedTrace {
  std::string file;
  traces::TraceReport report;
};

struct ReplayOutcome {
  Tally tally;
  std::vector<ReplayedTrace> traces;
  std::vector<LevelState> levels;
  Duration mean_load{};  ///< what a load took on average, at the origin itself; without loads, its latency
  Duration elapsed{};
  bool interrupted = false;
};

/// Draws a progress bar on a terminal. Throws traces::TraceError; what was measured until then is lost.
ReplayOutcome replay(Levels& levels, const ReplayOptions& options);

}  // namespace terrace::cli
