#include "service/config_findings.hpp"

#include <algorithm>

namespace terrace {

std::string to_string(const ConfigFinding& finding, std::string_view file) {
  std::string text(file);
  if (finding.line > 0) text += ":" + std::to_string(finding.line);
  text += finding.kind == ConfigFinding::Kind::mistake ? ": mistake: " : ": warning: ";
  if (!finding.where.empty()) text += finding.where + ": ";
  return text + finding.what;
}

namespace config {

void Findings::hide(std::string text, std::string shown) {
  constexpr std::size_t shortest = 6;
  if (text.size() >= shortest) hidden_.emplace_back(std::move(text), std::move(shown));
}

void Findings::add(ConfigFinding::Kind kind, const Place& place, std::string what) {
  for (const auto& [text, shown] : hidden_) {
    for (auto at = what.find(text); at != std::string::npos; at = what.find(text, at + shown.size()))
      what.replace(at, text.size(), shown);
  }
  found_.push_back({kind, place.line, place.column, place.path, std::move(what)});
}

bool Findings::blames(const std::string& path) const {
  return std::any_of(found_.begin(), found_.end(), [&](const ConfigFinding& finding) {
    return finding.kind == ConfigFinding::Kind::mistake && finding.where == path;
  });
}

std::vector<ConfigFinding> Findings::take() {
  std::vector<ConfigFinding> each;
  for (ConfigFinding& finding : found_) {
    const bool known = std::any_of(each.begin(), each.end(), [&](const ConfigFinding& other) {
      return other.line == finding.line && other.where == finding.where && other.what == finding.what;
    });
    if (!known) each.push_back(std::move(finding));
  }
  found_.clear();
  std::stable_sort(each.begin(), each.end(),
                   [](const ConfigFinding& a, const ConfigFinding& b) { return a.line < b.line; });
  return each;
}

}  // namespace config
}  // namespace terrace
