#include "upkeep/rule.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <terrace/bytes.hpp>

#include "base/nearest.hpp"
#include "upkeep/variables.hpp"

namespace terrace::upkeep {
namespace {

/// The same rule as for names of caches, so that it needs no quotes anywhere.
void check_name(const std::string& name) {
  const auto allowed = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
    throw ConfigError("alert rule name " + printable_key(name) + ": use 1 to 64 of A-Z a-z 0-9 _ . -");
  }
}

/// Makes a text from elsewhere fit into one line.
std::string one_line(std::string text) {
  constexpr std::size_t longest = 300;
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;  // not within a character
  return text.substr(0, end) + "…";
}

}  // namespace

Rule::Rule(AlertRule rule) : rule_(std::move(rule)) {
  check_name(rule_.name);
  const std::string who = "alert rule " + rule_.name + ": ";
  if (rule_.when.empty() == (rule_.test == nullptr)) {
    throw ConfigError(who + (rule_.test ? "it has both `when` and `test`: give only one"
                                        : "it has neither `when` nor `test`: give a condition"));
  }
  if (rule_.lasting < Duration::zero()) throw ConfigError(who + "lasting is negative; 0 fires at once");
  if (rule_.repeat && *rule_.repeat <= Duration::zero()) {
    throw ConfigError(who + "repeat is not above 0; leave it out for one notification");
  }
  if (rule_.when.empty()) return;
  try {
    when_.emplace(rule_.when);
  } catch (const ConfigError& error) {
    throw ConfigError(who + printable_key(rule_.when) + ": " + error.what());
  }
}

Rule::Verdict Rule::judge(const WindowStats& window) {
  using Outcome = AlertState::Outcome;
  try {
    const bool fires = holds(window);
    const std::string& what = rule_.message.empty() ? (when_ ? rule_.when : rule_.name) : rule_.message;
    return {fires ? Outcome::holds : Outcome::quiet, what + " (" + figures(window) + ")"};
  } catch (const std::exception& error) {
    return {Outcome::broken, "it cannot be evaluated: " + one_line(error.what())};
  } catch (...) {
    return {Outcome::broken, "it cannot be evaluated: it threw something that is no std::exception"};
  }
}

bool Rule::holds(const WindowStats& window) {
  if (!when_) return rule_.test(window);
  const double value = when_->value(window);
  if (std::isnan(value)) throw std::runtime_error(rule_.when + " gives no number (" + figures(window) + ")");
  return value != 0;
}

std::string Rule::figures(const WindowStats& window) const {
  std::string out;
  if (when_) {
    out = when_->figures(window);
  } else {
    out = "hit_rate " + figure(window.hit_rate) + ", error_rate " + figure(window.error_rate) +
          ", requests " + std::to_string(window.requests);
  }
  return out + "; over " + figure(std::chrono::duration<double>(window.span).count()) + " s";
}

Rule::Verdict Rule::not_watched(const std::vector<std::string>& watched) const {
  return {AlertState::Outcome::broken, "it cannot be evaluated: no cache " + printable_key(*rule_.cache) +
                                           " is watched" + did_you_mean(*rule_.cache, watched)};
}

}  // namespace terrace::upkeep
