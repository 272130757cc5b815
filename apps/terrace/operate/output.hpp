#pragma once
/// What the commands that ask a Target have in common: how they print, and how they end.

#include <functional>
#include <string_view>

#include "operate/target_options.hpp"

namespace CLI {
class App;
}

namespace terrace::cli {

/// Throws std::runtime_error when standard output cannot be written.
void print(std::string_view text);

/// Prints the answer: the JSON as it is where that was asked for, else what `show` makes of it; a failure on
/// standard error. The exit code: that of the failure, else what `show` says with its arguments; with --json
/// it is called as well, and prints nothing.
using Show = std::function<int(const boost::json::object& body, bool as_text)>;
[[nodiscard]] int finish(const Answer& answer, bool as_json, const Show& show);

/// Runs a command's body with its exit code; TargetError, which may hold words of a server, is told here.
void on_run(CLI::App& command, int& exit_code, std::function<int()> body);

}  // namespace terrace::cli
