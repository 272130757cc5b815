#pragma once
/// Expression: the condition of an alert rule, over the variables of a window; muParser reads it
/// (https://beltoforion.de/en/muparser). Beside muParser's own operators and functions there are `!x`, and
/// `%` behind a number: 5% is 0.05. Not thread safe.

#include <memory>
#include <string>
#include <terrace/monitor.hpp>
#include <vector>

namespace terrace::upkeep {

class Expression {
 public:
  /// Throws ConfigError: what is wrong, at which character, and the nearest variable there is.
  explicit Expression(const std::string& text);
  ~Expression();
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;

  /// NaN when it yields no number (0 / 0). Throws std::runtime_error when muParser gives up.
  [[nodiscard]] double value(const WindowStats& window);

  /// "hit_rate 0.31, requests 1200": the variables it asks for.
  [[nodiscard]] std::string figures(const WindowStats& window) const;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace terrace::upkeep
