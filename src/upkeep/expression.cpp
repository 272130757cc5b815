#include "upkeep/expression.hpp"

#include <muParser.h>

#include <stdexcept>
#include <terrace/bytes.hpp>

#include "base/nearest.hpp"
#include "upkeep/variables.hpp"

namespace terrace::upkeep {
namespace {

[[noreturn]] void refuse(const std::string& what, std::size_t at) {
  throw ConfigError(what + ", at character " + std::to_string(at + 1));
}

double negated(double x) {
  return x == 0 ? 1 : 0;
}
double from_percent(double x) {
  return x / 100;
}

/// muParser would take `hit_rate = 0.5` for an assignment, which is always true.
void refuse_assignment(const std::string& text) {
  constexpr std::string_view comparing = "<>!=";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') continue;
    const bool second = i > 0 && comparing.find(text[i - 1]) != std::string_view::npos;
    const bool first = i + 1 < text.size() && text[i + 1] == '=';
    if (!second && !first) refuse("= does not compare: write ==", i);
    if (first) ++i;
  }
}

[[noreturn]] void refuse(const mu::ParserError& error, const std::string& text) {
  const std::string& token = error.GetToken();
  const std::size_t at = error.GetPos() >= 0 ? static_cast<std::size_t>(error.GetPos()) : text.size();
  if (error.GetCode() == mu::ecUNASSIGNABLE_TOKEN) {
    const std::string name = token.substr(0, token.find_first_of(" \t()<>=!&|+-*/^,%?:"));
    refuse("there is no variable " + printable_key(name) + did_you_mean(name, variable_names()), at);
  }
  std::string what = error.GetMsg();
  // Its messages end with their own position: "… at position 3".
  if (const auto end = what.find(" at position"); end != std::string::npos) what.resize(end);
  while (!what.empty() && (what.back() == '.' || what.back() == '\n')) what.pop_back();
  refuse(what, std::min(at, text.size()));
}

}  // namespace

struct Expression::Parser {
  mu::Parser mu;
  std::vector<double> values =
      std::vector<double>(variables().size());  // the names refer to it, so it must not move
  std::vector<std::size_t> used;
};

Expression::Expression(const std::string& text) : parser_(std::make_unique<Parser>()) {
  if (text.find_first_not_of(" \t") == std::string::npos) throw ConfigError("the expression is empty");
  refuse_assignment(text);
  mu::Parser& mu = parser_->mu;
  try {
    const auto& known = variables();
    for (std::size_t i = 0; i < known.size(); ++i) mu.DefineVar(known[i].name, &parser_->values[i]);
    mu.DefineInfixOprt("!", negated);
    mu.DefinePostfixOprt("%", from_percent);
    mu.SetExpr(text);
    const auto used = mu.GetUsedVar();
    for (std::size_t i = 0; i < known.size(); ++i) {
      const auto found = used.find(known[i].name);
      if (found != used.end()) parser_->used.push_back(i);
      if (found != used.end() && found->second == nullptr) parser_->used.pop_back();
    }
    mu.Eval();
  } catch (const mu::ParserError& error) {
    refuse(error, text);
  }
  if (mu.GetNumResults() != 1)
    throw ConfigError("a comma gives several results: join conditions with && or ||");
  if (parser_->used.empty()) throw ConfigError("it uses no variable, so its result would never change");
}

Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;

double Expression::value(const WindowStats& window) {
  for (const std::size_t i : parser_->used) parser_->values[i] = variables()[i].of(window);
  try {
    return parser_->mu.Eval();
  } catch (const mu::ParserError& error) {
    throw std::runtime_error(error.GetMsg());
  }
}

std::string Expression::figures(const WindowStats& window) const {
  std::string out;
  for (const std::size_t i : parser_->used) {
    const Variable& variable = variables()[i];
    out += (out.empty() ? "" : ", ") + std::string(variable.name) + ' ' + figure(variable.of(window));
  }
  return out;
}

}  // namespace terrace::upkeep
