#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "end_signals.hpp"
#include "exit_code.hpp"
#include "operate/output.hpp"
#include "operate/screen.hpp"
#include "operate/top_frame.hpp"

namespace terrace::cli {
namespace {

constexpr Duration period = std::chrono::seconds(1);

struct TopArguments {
  TargetOptions target;
  bool once = false;
};

int once(Target& target) {
  Answer told = target.stats(std::nullopt);
  TopFrames frames(target.label());
  return finish(told, false, [&](const boost::json::object& stats, bool) {
    frames.add(stats, system_clock().now());
    print(frames.frame(terminal_size().columns, 0));
    return static_cast<int>(exit_ok);
  });
}

/// A server that goes away is shown, not fatal: it may come back.
void poll(Target& target, TopFrames& frames) {
  try {
    Answer told = target.stats(std::nullopt);
    frames.set_trouble(told.failure ? told.failure->message : std::string());
    if (!told.failure) frames.add(std::move(told.body), system_clock().now());
  } catch (const TargetError& error) {
    frames.set_trouble(error.what());
  }
}

int live(Target& target) {
  TopFrames frames(target.label());
  EndSignals end;
  Screen screen;
  while (true) {
    poll(target, frames);
    const auto [columns, rows] = screen.size();
    screen.draw(frames.frame(columns, rows));
    const TimePoint next = after(system_clock().now(), period);
    for (TimePoint now = system_clock().now(); now < next; now = system_clock().now()) {
      if (end.wait_for(next - now, screen.descriptor())) return exit_ok;
      while (const auto key = screen.key()) {
        if (*key == 'q' || *key == 'Q') return exit_ok;
      }
    }
  }
}

int show_top(const TopArguments& arguments) {
  const auto target = arguments.target.open();
  if (arguments.target.json) {
    return finish(target->stats(std::nullopt), true,
                  [](const auto&, bool) { return static_cast<int>(exit_ok); });
  }
  return arguments.once ? once(*target) : live(*target);
}

}  // namespace

void add_top_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<TopArguments>();
  arguments->target.timeout = "2s";
  CLI::App* const command =
      app.add_subcommand("top", "Shows rates and health of caches in the terminal, every second");
  command->add_flag("--once", arguments->once, "Print one frame and exit; needs no terminal");
  arguments->target.add_to(*command);
  command->footer(
      "Rates are computed over the monitor's window. P99 is the latency of loads in the line of a\n"
      "cache, and of reads in the line of a level. q or Ctrl-C ends it.\n\n"
      "Examples:\n"
      "  terrace top\n"
      "  terrace top --once --server http://10.0.0.5:9390");
  on_run(*command, exit_code, [arguments] { return show_top(*arguments); });
}

}  // namespace terrace::cli
