#include "operate/screen.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>

#include "usage_error.hpp"

namespace terrace::cli {
namespace {

/// xterm's control sequences, which terminals and their multiplexers share.
constexpr std::string_view enter = "\033[?1049h\033[?25l";  // the alternate screen; no cursor
constexpr std::string_view leave = "\033[?25h\033[?1049l";

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Screen::Screen() {
  if (::isatty(STDOUT_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &former_) != 0)
    throw UsageError("top needs a terminal; --once prints one frame without one");
  termios raw = former_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all(enter);
}

Screen::~Screen() {
  write_all(leave);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &former_);
}

Screen::Size Screen::size() const {
  return terminal_size();
}

void Screen::draw(std::string_view frame) {
  std::string out = "\033[H";
  for (std::size_t from = 0; from < frame.size();) {
    const std::size_t end = std::min(frame.find('\n', from), frame.size());
    out += frame.substr(from, end - from);
    out += "\033[K";                            // what an older frame had here
    if (end + 1 < frame.size()) out += "\r\n";  // none after the last: it would scroll
    from = end + 1;
  }
  out += "\033[J";
  if (!write_all(out)) throw std::runtime_error("the terminal cannot be written");
}

std::optional<char> Screen::key() {
  pollfd ready{STDIN_FILENO, POLLIN, 0};
  char pressed = 0;
  if (::poll(&ready, 1, 0) <= 0) return std::nullopt;
  if (::read(STDIN_FILENO, &pressed, 1) == 1) return pressed;
  throw std::runtime_error("the terminal was closed");
}

int Screen::descriptor() const noexcept {
  return STDIN_FILENO;
}

Screen::Size terminal_size() {
  winsize told{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &told) != 0 || told.ws_col == 0 || told.ws_row == 0) return {};
  return {told.ws_col, told.ws_row};
}

}  // namespace terrace::cli
