#pragma once
/// Exit codes of the program, as documented in docs/cli.md.

namespace terrace::cli {

enum ExitCode : int {
  exit_ok = 0,
  exit_failed = 1,        ///< the run began and could not end well
  exit_usage = 2,         ///< wrong arguments or input
  exit_interrupted = 130  ///< ended early by Ctrl-C
};

}  // namespace terrace::cli
