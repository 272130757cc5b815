#include "operate/output.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "exit_code.hpp"
#include "operate/terminal_text.hpp"

namespace terrace::cli {

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw std::runtime_error("standard output cannot be written");
}

int finish(const Answer& answer, bool as_json, const Show& show) {
  if (as_json) print(harmless_json(answer.body) + "\n");
  if (!answer.failure) return show(answer.body, !as_json);
  fmt::print(stderr, "terrace: {}\n", harmless(std::string_view(answer.failure->message)));
  return answer.failure->is_usage ? exit_usage : exit_failed;
}

void on_run(CLI::App& command, int& exit_code, std::function<int()> body) {
  command.callback([body = std::move(body), &exit_code] {
    try {
      exit_code = body();
    } catch (const TargetError& error) {
      fmt::print(stderr, "terrace: {}\n", harmless(std::string_view(error.what())));
      exit_code = exit_failed;
    }
  });
}

}  // namespace terrace::cli
