#pragma once
/// Screen: the whole terminal for one program: frames drawn over each other, keys without Enter. The terminal
/// is as it was afterwards.

#include <sys/ioctl.h>
#include <termios.h>

#include <cstddef>
#include <optional>
#include <string_view>

namespace terrace::cli {

class Screen {
 public:
  /// Throws UsageError: standard input or output is no terminal.
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  struct Size {
    std::size_t columns = 80;
    std::size_t rows = 24;
  };
  [[nodiscard]] Size size() const;

  /// Lines, already made to fit. Throws std::runtime_error: the terminal is gone.
  void draw(std::string_view frame);

  /// A key that was pressed; none: no more.
  [[nodiscard]] std::optional<char> key();
  /// To wait for keys.
  [[nodiscard]] int descriptor() const noexcept;

 private:
  termios former_{};
};

/// The columns of standard output, 80 where it is no terminal.
[[nodiscard]] Screen::Size terminal_size();

}  // namespace terrace::cli
