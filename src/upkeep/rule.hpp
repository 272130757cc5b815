#pragma once
/// Rule: a checked alert rule: evaluates windows, and makes the text of notifications. Not thread safe.

#include <optional>
#include <string>
#include <terrace/monitor.hpp>

#include "upkeep/alert_state.hpp"
#include "upkeep/expression.hpp"

namespace terrace::upkeep {

class Rule {
 public:
  /// Throws ConfigError that names the rule.
  explicit Rule(AlertRule rule);

  struct Verdict {
    AlertState::Outcome outcome;
    std::string message;  ///< with the figures, or the reason why it is broken
  };
  /// Calls the rule's callback, if it has one. Does not throw.
  [[nodiscard]] Verdict judge(const WindowStats& window);
  /// The verdict if its cache is not watched.
  [[nodiscard]] Verdict not_watched(const std::vector<std::string>& watched) const;

  [[nodiscard]] const std::string& name() const noexcept { return rule_.name; }
  [[nodiscard]] const std::optional<std::string>& cache() const noexcept { return rule_.cache; }
  [[nodiscard]] Severity severity() const noexcept { return rule_.severity; }
  [[nodiscard]] AlertState::Terms terms() const { return {rule_.lasting, rule_.repeat}; }

 private:
  [[nodiscard]] bool holds(const WindowStats& window);
  [[nodiscard]] std::string figures(const WindowStats& window) const;

  AlertRule rule_;
  std::optional<Expression> when_;
};

}  // namespace terrace::upkeep
