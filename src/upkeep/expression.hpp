#pragma once
/// Expression: the condition of an alert rule, over the variables of a window; muParser parses it
/// (https://beltoforion.de/en/muparser). In addition to the operators and functions of muParser there are
/// `!x`, and `%` after a number: 5% is 0.05. Not thread safe.

#include <memory>
#include <string>
#include <terrace/monitor.hpp>
#include <vector>

namespace terrace::upkeep {

class Expression {
 public:
  /// Throws ConfigError: what is wrong, at which character, and the nearest known variable.
  explicit Expression(const std::string& text);
  ~Expression();
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;

  /// NaN if it yields no number (0 / 0). Throws std::runtime_error if muParser fails.
  [[nodiscard]] double value(const WindowStats& window);

  /// "hit_rate 0.31, requests 1200": the variables that it uses.
  [[nodiscard]] std::string figures(const WindowStats& window) const;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace terrace::upkeep
